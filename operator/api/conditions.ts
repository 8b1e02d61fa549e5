import type { Condition } from './zk-ensemble.ts';

/** Every condition type, in the order in which `status.conditions` lists them. */
export const conditionTypes = [
  'Ready',
  'Available',
  'Reconciling',
  'Stalled',
  'Degraded',
  'MembershipInSync',
  'RolloutComplete',
  'StorageInSync',
  'Paused',
] as const;
export type ConditionType = (typeof conditionTypes)[number];

/** A condition without what only the clock and the history know. */
export interface Finding {
  readonly type: ConditionType;
  readonly status: 'True' | 'False' | 'Unknown';
  readonly reason: string;
  readonly message: string;
}

/**
 * Joins new findings with the conditions of before: a time of transition moves only when the
 * status does. `now` is RFC 3339 text.
 */
export function conditionsAfter(
  before: readonly Condition[],
  findings: readonly Finding[],
  generation: number,
  now: string,
): Condition[] {
  return findings.map((finding) => {
    const old = before.find(({ type }) => type === finding.type);
    const kept = old !== undefined && old.status === finding.status;
    return {
      type: finding.type,
      status: finding.status,
      observedGeneration: generation,
      lastTransitionTime: kept ? old.lastTransitionTime : now,
      reason: finding.reason,
      message: finding.message,
    };
  });
}
