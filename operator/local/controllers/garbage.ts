import { stringAt } from '../api/json.ts';
import type { KubeObject } from '../api/kube-object.ts';
import {
  finalizersOf,
  isTerminating,
  namespaceOf,
  ownersOf,
  type OwnerReference,
} from '../api/kube-object.ts';
import { targetOf } from '../resources/target.ts';
import type { ResourceDefinition } from '../resources/definition.ts';
import { resourceKey } from '../resources/definition.ts';
import { foregroundFinalizer, orphanFinalizer } from '../resources/deletion.ts';
import { ownManager } from '../seed.ts';
import type { Change } from '../store/store.ts';
import type { Controller, ControllerContext } from './controller.ts';
import { WorkLoop } from './work-loop.ts';

/** Events are told for this long. */
const eventLifeMs = 3_600_000;
const sweepIntervalMs = 60_000;

const options = { manager: ownManager } as const;

interface Found {
  readonly definition: ResourceDefinition;
  readonly object: KubeObject;
}

/**
 * Removes what nobody owns any more: dependents of deleted owners, what is in a namespace that
 * goes, objects of a definition that went, and events of long ago.
 * Source: the garbage collection page of the Kubernetes documentation.
 */
export class GarbageController implements Controller {
  readonly #context: ControllerContext;
  readonly #loop: WorkLoop;
  #sweep: NodeJS.Timeout | null = null;

  constructor(context: ControllerContext) {
    this.#context = context;
    this.#loop = new WorkLoop('garbage', (key) => this.#reconcile(key), context.log);
  }

  start(): void {
    this.#loop.enqueue('all');
    this.#sweep = setInterval(() => this.#loop.enqueue('events'), sweepIntervalMs);
    this.#sweep.unref();
  }

  stop(): void {
    this.#loop.stop();
    if (this.#sweep !== null) clearInterval(this.#sweep);
  }

  changed(change: Change): void {
    const { object, resource, type } = change;
    if (type === 'DELETED' && resource === 'apiextensions.k8s.io/customresourcedefinitions') {
      this.#loop.enqueue(
        `definition/${stringAt(object, 'spec', 'group')}/${stringAt(object, 'spec', 'names', 'plural')}`,
      );
    }
    if (resource === '/namespaces' && isTerminating(object)) {
      this.#loop.enqueue(`namespace/${object.metadata.name}`);
    }
    if (type === 'DELETED') {
      this.#loop.enqueue(`owner/${object.metadata.uid}`);
      const namespace = namespaceOf(object);
      const home = this.#context.api.store.get('/namespaces', '', namespace);
      if (home !== undefined && isTerminating(home)) this.#loop.enqueue(`namespace/${namespace}`);
      for (const owner of ownersOf(object)) this.#loop.enqueue(`waiting/${owner.uid}`);
    } else if (isTerminating(object)) {
      this.#loop.enqueue(`waiting/${object.metadata.uid}`);
    } else if (type === 'ADDED' && ownersOf(object).length > 0) {
      this.#loop.enqueue(`added/${resource}/${namespaceOf(object)}/${object.metadata.name}`);
    }
  }

  #reconcile(key: string): number | null {
    const [what = '', ...rest] = key.split('/');
    const name = rest.join('/');
    switch (what) {
      case 'all':
        this.#reconcileAll();
        break;
      case 'events':
        this.#sweepEvents();
        break;
      case 'definition':
        for (const object of this.#context.api.store.list(name)) {
          this.#context.api.store.remove(name, object);
        }
        break;
      case 'namespace':
        this.#emptyNamespace(name);
        break;
      case 'owner':
        for (const found of this.#dependentsOf(name)) this.#collect(found);
        break;
      case 'waiting':
        this.#release(name);
        break;
      default:
        this.#collectAdded(rest);
    }
    return null;
  }

  /** An object that names an owner which is not there. */
  #collectAdded([group = '', plural = '', namespace = '', name = '']: readonly string[]): void {
    const { api } = this.#context;
    const object = api.store.get(`${group}/${plural}`, namespace, name);
    const definition = api.catalog
      .all()
      .find((one) => one.group === group && one.plural === plural);
    if (object !== undefined && definition !== undefined) this.#collect({ definition, object });
  }

  #everything(matches: (object: KubeObject) => boolean): Found[] {
    const { api } = this.#context;
    const found: Found[] = [];
    for (const definition of api.catalog.all()) {
      for (const object of api.store.each(resourceKey(definition))) {
        if (matches(object)) found.push({ definition, object });
      }
    }
    return found;
  }

  #dependentsOf(uid: string): Found[] {
    return this.#everything((object) => ownersOf(object).some((owner) => owner.uid === uid));
  }

  /** After a start: whatever a crash left half done. */
  #reconcileAll(): void {
    for (const found of this.#everything((object) => ownersOf(object).length > 0)) {
      this.#collect(found);
    }
    for (const { object } of this.#everything(isTerminating)) {
      this.#loop.enqueue(`waiting/${object.metadata.uid}`);
      if (object.kind === 'Namespace') this.#loop.enqueue(`namespace/${object.metadata.name}`);
    }
  }

  #isThere(owner: OwnerReference, namespace: string): boolean {
    const { api } = this.#context;
    const definition = api.catalog.ofKind(owner.apiVersion, owner.kind);
    // An owner of a kind this API does not serve is not ours to judge.
    if (definition === undefined) return true;
    const home = definition.isNamespaced ? namespace : '';
    return api.store.get(resourceKey(definition), home, owner.name)?.metadata.uid === owner.uid;
  }

  /** Deletes an object none of whose owners is left. */
  #collect({ definition, object }: Found): void {
    const owners = ownersOf(object);
    if (owners.length === 0) return;
    if (owners.some((owner) => this.#isThere(owner, namespaceOf(object)))) return;
    this.#context.api.delete(targetOf(definition, object), { uid: object.metadata.uid });
  }

  /** Lets go of an owner that waits for its dependents, once they are gone or free. */
  #release(uid: string): void {
    const [found] = this.#everything((object) => object.metadata.uid === uid);
    if (found === undefined || !isTerminating(found.object)) return;
    const finalizers = finalizersOf(found.object);
    if (finalizers.includes(orphanFinalizer)) {
      for (const dependent of this.#dependentsOf(uid)) this.#setFree(dependent, uid);
      this.#removeFinalizer(found, orphanFinalizer);
    } else if (finalizers.includes(foregroundFinalizer)) {
      const dependents = this.#dependentsOf(uid);
      for (const { definition, object } of dependents) {
        if (isTerminating(object)) continue;
        const target = targetOf(definition, object);
        this.#context.api.delete(target, { propagation: 'Foreground' });
      }
      const isBlocking = (one: Found): boolean =>
        ownersOf(one.object).some((o) => o.uid === uid && o['blockOwnerDeletion'] === true);
      if (!this.#dependentsOf(uid).some(isBlocking)) {
        this.#removeFinalizer(found, foregroundFinalizer);
      }
    }
  }

  #setFree({ definition, object }: Found, uid: string): void {
    const ownerReferences = ownersOf(object).filter((owner) => owner.uid !== uid);
    this.#context.api.modify(
      targetOf(definition, object),
      (old) => ({ ...old, metadata: { ...old.metadata, ownerReferences } }),
      options,
    );
  }

  #removeFinalizer({ definition, object }: Found, name: string): void {
    const finalizers = finalizersOf(object).filter((one) => one !== name);
    this.#context.api.modify(
      targetOf(definition, object),
      (old) => ({ ...old, metadata: { ...old.metadata, finalizers } }),
      options,
    );
  }

  #emptyNamespace(name: string): void {
    const { api } = this.#context;
    const namespace = api.store.get('/namespaces', '', name);
    if (namespace === undefined || !isTerminating(namespace)) return;
    let left = 0;
    for (const definition of api.catalog.all()) {
      if (!definition.isNamespaced) continue;
      for (const object of api.list(definition, name)) {
        const { isGone } = api.delete(targetOf(definition, object), {});
        if (!isGone) left += 1;
      }
    }
    if (left === 0) api.store.remove('/namespaces', namespace);
  }

  #sweepEvents(): void {
    const { api, nowMs } = this.#context;
    for (const event of api.store.list('/events')) {
      const last = stringAt(event, 'lastTimestamp') ?? event.metadata.creationTimestamp;
      if (nowMs() - Date.parse(last) > eventLifeMs) api.store.remove('/events', event);
    }
  }
}
