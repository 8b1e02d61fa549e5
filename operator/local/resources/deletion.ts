import type { JsonObject } from '../api/json.ts';
import { numberAt, stringAt } from '../api/json.ts';
import type { KubeObject } from '../api/kube-object.ts';
import { finalizersOf, isTerminating, timestamp } from '../api/kube-object.ts';
import type { ResourceDefinition } from './definition.ts';

export interface DeleteOptions {
  readonly uid?: string;
  readonly resourceVersion?: string;
  /** Seconds a pod has to end; its own grace without. */
  readonly graceSeconds?: number;
  readonly propagation?: 'Background' | 'Foreground' | 'Orphan';
  readonly isDryRun?: boolean;
}

/** Finalizer of an owner that waits for its dependents. */
export const foregroundFinalizer = 'foregroundDeletion';
/** Finalizer of an owner whose dependents are to be set free first. */
export const orphanFinalizer = 'orphan';

function withFinalizer(metadata: JsonObject, object: KubeObject, options: DeleteOptions): void {
  const kept = finalizersOf(object).filter(
    (one) => one !== foregroundFinalizer && one !== orphanFinalizer,
  );
  if (options.propagation === 'Foreground') kept.push(foregroundFinalizer);
  if (options.propagation === 'Orphan') kept.push(orphanFinalizer);
  const isAsked = options.propagation !== undefined;
  if (!isAsked) return;
  if (kept.length > 0) metadata['finalizers'] = kept;
  else delete metadata['finalizers'];
}

/** Seconds a deletion leaves the object: a pod that runs gets its grace, all else none. */
function graceOf(definition: ResourceDefinition, object: KubeObject, asked?: number): number {
  if (definition.plural !== 'pods' || definition.group !== '') return 0;
  const isEnded = ['Succeeded', 'Failed'].includes(stringAt(object, 'status', 'phase') ?? '');
  // A pod that has no node yet has nobody who would end it.
  if (isEnded || stringAt(object, 'spec', 'nodeName') === undefined) return 0;
  return asked ?? numberAt(object, 'spec', 'terminationGracePeriodSeconds') ?? 30;
}

/**
 * State of an object after its deletion was asked for: marked as terminating while somebody
 * has yet to let go of it, `null` when nobody has.
 */
export function afterDelete(
  definition: ResourceDefinition,
  object: KubeObject,
  options: DeleteOptions,
  nowMs: number,
): KubeObject | null {
  const metadata = { ...object.metadata };
  withFinalizer(metadata, object, options);
  const next: KubeObject = { ...object, metadata };
  const grace = graceOf(definition, object, options.graceSeconds);
  const isNamespace = definition.plural === 'namespaces' && definition.group === '';
  if (finalizersOf(next).length === 0 && grace === 0 && !isNamespace) return null;
  const before = numberAt(object.metadata, 'deletionGracePeriodSeconds');
  if (isTerminating(object) && (before ?? 0) <= grace) return next;
  metadata['deletionTimestamp'] ??= timestamp(nowMs + grace * 1000);
  if (before !== undefined && grace < before) {
    metadata['deletionTimestamp'] = timestamp(nowMs + grace * 1000);
  }
  metadata['deletionGracePeriodSeconds'] = grace;
  if (isNamespace) next['status'] = { phase: 'Terminating' };
  return next;
}
