import { at, objectAt, sameJson, stringAt } from '../api/json.ts';
import type { JsonObject } from '../api/json.ts';
import type { KubeObject } from '../api/kube-object.ts';
import { finalizersOf, isTerminating, namespaceOf } from '../api/kube-object.ts';
import { arrayAt } from '../api/json.ts';
import { targetOf } from '../resources/target.ts';
import { builtin } from '../resources/builtin.ts';
import { ownManager } from '../seed.ts';
import type { Change } from '../store/store.ts';
import type { Controller, ControllerContext } from './controller.ts';
import { keyOf, splitKey, writeStatus } from './controller.ts';
import { WorkLoop } from './work-loop.ts';

const claimsKey = '/persistentvolumeclaims';
const podsKey = '/pods';

/** Finalizer that keeps a claim while a pod uses it. */
export const claimFinalizer = 'kubernetes.io/pvc-protection';

function claimNamesOf(pod: KubeObject): string[] {
  return arrayAt(pod, 'spec', 'volumes').flatMap(
    (volume) => stringAt(volume, 'persistentVolumeClaim', 'claimName') ?? [],
  );
}

/** Binds each claim to a directory, lets it grow at once, and keeps it while it is used. */
export class ClaimController implements Controller {
  readonly #context: ControllerContext;
  readonly #loop: WorkLoop;

  constructor(context: ControllerContext) {
    this.#context = context;
    this.#loop = new WorkLoop('claims', (key) => this.#reconcile(key), context.log);
  }

  start(): void {
    for (const claim of this.#context.api.store.list(claimsKey)) this.#loop.enqueue(keyOf(claim));
  }

  stop(): void {
    this.#loop.stop();
  }

  changed(change: Change): void {
    const { resource, object } = change;
    if (resource === claimsKey && change.type !== 'DELETED') this.#loop.enqueue(keyOf(object));
    if (resource !== podsKey || change.type !== 'DELETED') return;
    for (const name of claimNamesOf(object)) this.#loop.enqueue(`${namespaceOf(object)}/${name}`);
  }

  #reconcile(key: string): null {
    const { api } = this.#context;
    const claim = api.store.get(claimsKey, ...splitKey(key));
    if (claim === undefined) return null;
    if (isTerminating(claim)) {
      this.#release(claim);
      return null;
    }
    if (stringAt(claim, 'spec', 'volumeName') === undefined) {
      const finalizers = [...finalizersOf(claim), claimFinalizer];
      const volumeName = `local-${claim.metadata.uid}`;
      api.modify(
        targetOf(builtin('persistentvolumeclaims'), claim),
        (old) => ({
          ...old,
          metadata: { ...old.metadata, finalizers },
          spec: { ...objectAt(old, 'spec'), volumeName },
        }),
        { manager: ownManager },
      );
    }
    const status: JsonObject = {
      phase: 'Bound',
      accessModes: arrayAt(claim, 'spec', 'accessModes'),
      capacity: { storage: at(claim, 'spec', 'resources', 'requests', 'storage') ?? '0' },
    };
    if (!sameJson(status, objectAt(claim, 'status'))) {
      writeStatus(api, builtin('persistentvolumeclaims'), claim, status);
    }
    return null;
  }

  #release(claim: KubeObject): void {
    const { api } = this.#context;
    const isUsed = api.store
      .list(podsKey, namespaceOf(claim))
      .some((pod) => claimNamesOf(pod).includes(claim.metadata.name));
    if (isUsed || !finalizersOf(claim).includes(claimFinalizer)) return;
    const finalizers = finalizersOf(claim).filter((one) => one !== claimFinalizer);
    api.modify(
      targetOf(builtin('persistentvolumeclaims'), claim),
      (old) => ({ ...old, metadata: { ...old.metadata, finalizers } }),
      { manager: ownManager },
    );
  }
}
