import type { KubeObject } from '../api/kube-object.ts';
import type { Store } from '../store/store.ts';
import { builtinDefinitions } from './builtin.ts';
import { definitionOf } from './custom.ts';
import type { ResourceDefinition } from './definition.ts';
import { apiVersionOf } from './definition.ts';

const definitionsKey = 'apiextensions.k8s.io/customresourcedefinitions';

/** Every resource the API serves: the built-in ones and those that definitions add. */
export class Catalog {
  readonly #custom = new Map<string, ResourceDefinition>();
  #all: readonly ResourceDefinition[] = builtinDefinitions;

  constructor(store: Store) {
    for (const crd of store.list(definitionsKey)) this.#install(crd);
    store.subscribe((change) => {
      if (change.resource !== definitionsKey) return;
      if (change.type === 'DELETED') this.#custom.delete(change.object.metadata.name);
      else this.#install(change.object);
      this.#all = [...builtinDefinitions, ...this.#custom.values()];
    });
    this.#all = [...builtinDefinitions, ...this.#custom.values()];
  }

  all(): readonly ResourceDefinition[] {
    return this.#all;
  }

  find(group: string, version: string, plural: string): ResourceDefinition | undefined {
    return this.#all.find(
      (one) => one.plural === plural && one.group === group && one.version === version,
    );
  }

  /** The resource of an object's `apiVersion` and `kind`. */
  ofKind(apiVersion: string, kind: string): ResourceDefinition | undefined {
    return this.#all.find((one) => one.kind === kind && apiVersionOf(one) === apiVersion);
  }

  #install(crd: KubeObject): void {
    const definition = definitionOf(crd);
    if (definition === null) this.#custom.delete(crd.metadata.name);
    else this.#custom.set(crd.metadata.name, definition);
  }
}
