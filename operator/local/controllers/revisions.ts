import type { JsonObject } from '../api/json.ts';
import { at, isObject, numberAt, objectAt, stringAt } from '../api/json.ts';
import type { KubeObject } from '../api/kube-object.ts';
import { controllerOf, labelsOf, namespaceOf } from '../api/kube-object.ts';
import { targetOf } from '../resources/target.ts';
import { builtin } from '../resources/builtin.ts';
import { ownManager } from '../seed.ts';
import type { ControllerContext } from './controller.ts';
import { ownerOf, revisionLabel, revisionName } from './stateful-pods.ts';

const podsKey = '/pods';
const revisionsKey = 'apps/controllerrevisions';

const options = { manager: ownManager } as const;

/** The templates that a set has had, kept as objects as `kubectl rollout history` reads them. */
export class Revisions {
  readonly #context: ControllerContext;

  constructor(context: ControllerContext) {
    this.#context = context;
  }

  /** Name of the revision of a set's template; made where it is new, the oldest dropped. */
  ensure(set: KubeObject): string {
    const { api } = this.#context;
    const name = revisionName(set);
    const namespace = namespaceOf(set);
    this.#adopt(set, name);
    const own = api.store
      .list(revisionsKey, namespace)
      .filter((one) => controllerOf(one)?.uid === set.metadata.uid);
    const highest = Math.max(0, ...own.map((one) => numberAt(one, 'revision') ?? 0));
    const known = own.find((one) => one.metadata.name === name);
    if (known === undefined) {
      const body: JsonObject = {
        metadata: {
          name,
          labels: { ...objectAt(set, 'spec', 'selector', 'matchLabels') },
          ownerReferences: [ownerOf(set)],
        },
        data: { spec: { template: objectAt(set, 'spec', 'template') } },
        revision: highest + 1,
      };
      api.create(builtin('controllerrevisions'), namespace, body, options);
    } else if (numberAt(known, 'revision') !== highest) {
      const target = targetOf(builtin('controllerrevisions'), known);
      api.modify(target, (old) => ({ ...old, revision: highest + 1 }), options);
    }
    this.#dropOld(set, own, name);
    return name;
  }

  /** A set made anew over pods that were set free finds its template's revision free, too. */
  #adopt(set: KubeObject, name: string): void {
    const { api } = this.#context;
    const found = api.store.get(revisionsKey, namespaceOf(set), name);
    if (found === undefined || controllerOf(found) !== undefined) return;
    const owners = [ownerOf(set)];
    api.modify(
      targetOf(builtin('controllerrevisions'), found),
      (old) => ({ ...old, metadata: { ...old.metadata, ownerReferences: owners } }),
      options,
    );
  }

  #dropOld(set: KubeObject, own: readonly KubeObject[], updateRevision: string): void {
    const limit = numberAt(set, 'spec', 'revisionHistoryLimit') ?? 10;
    const live = new Set<string | undefined>([
      updateRevision,
      stringAt(set, 'status', 'currentRevision'),
    ]);
    for (const pod of this.#context.api.store.list(podsKey, namespaceOf(set))) {
      live.add(labelsOf(pod)[revisionLabel]);
    }
    const dead = own
      .filter((one) => !live.has(one.metadata.name))
      .sort((a, b) => (numberAt(a, 'revision') ?? 0) - (numberAt(b, 'revision') ?? 0));
    for (const one of dead.slice(0, Math.max(0, dead.length - limit))) {
      this.#context.api.delete(targetOf(builtin('controllerrevisions'), one), {});
    }
  }

  /** Template of a revision; the set's own where the revision is no longer kept. */
  templateOf(set: KubeObject, revision: string): JsonObject {
    const { store } = this.#context.api;
    const object = store.get(revisionsKey, namespaceOf(set), revision);
    const kept = at(object, 'data', 'spec', 'template');
    return isObject(kept) ? kept : objectAt(set, 'spec', 'template');
  }
}
