import type { ValidEnsemble } from '../../api/validate.ts';
import type { KubeObject } from '../../api/zk-ensemble.ts';
import { selectorLabels } from '../names.ts';
import { metadataOf } from './common.ts';

/**
 * At most one voter away at a time, for drains and for our own restarts alike. `null` for a
 * single member: a budget would block every drain of its node and protect nothing.
 */
export function disruptionBudget(ensemble: ValidEnsemble, voters: number): KubeObject | null {
  if (voters < 3 || !ensemble.spec.disruptionBudget) return null;
  return {
    apiVersion: 'policy/v1',
    kind: 'PodDisruptionBudget',
    metadata: metadataOf(ensemble, ensemble.name, 'voter'),
    spec: {
      maxUnavailable: 1,
      selector: { matchLabels: selectorLabels(ensemble.name, 'voter') },
      unhealthyPodEvictionPolicy: 'AlwaysAllow',
    },
  };
}
