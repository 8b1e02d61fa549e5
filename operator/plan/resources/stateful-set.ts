import type { ValidVolume } from '../../api/defaults.ts';
import type { ValidEnsemble } from '../../api/validate.ts';
import type { Json, KubeObject } from '../../api/zk-ensemble.ts';
import { annotation, peerServiceName, selectorLabels, statefulSetName } from '../names.ts';
import type { Component } from '../names.ts';
import type { StatefulSetView } from '../observed.ts';
import { metadataOf } from './common.ts';
import type { Template } from './pod-template.ts';

export interface StatefulSetOf {
  readonly component: Component;
  /** Size of the membership; pods are none while hibernating. */
  readonly members: number;
  readonly memberIdOffset: number;
  readonly template: Template;
  readonly live: StatefulSetView | null;
}

/**
 * Identity for the pods of one kind and nothing else: `OnDelete` leaves the order of restarts to
 * the planner, `Parallel` starts an ensemble that lost its power without any order.
 */
export function statefulSet(ensemble: ValidEnsemble, of: StatefulSetOf): KubeObject {
  const { spec, name } = ensemble;
  const metadata = metadataOf(ensemble, statefulSetName(name, of.component), of.component);
  const keep = of.component === 'voter' || spec.hibernate;
  return {
    apiVersion: 'apps/v1',
    kind: 'StatefulSet',
    metadata: {
      ...metadata,
      annotations: {
        [annotation.members]: String(of.members),
        [annotation.memberIdOffset]: String(of.memberIdOffset),
        [annotation.revision]: of.template.revision,
      },
    },
    spec: {
      serviceName: peerServiceName(name),
      replicas: spec.hibernate ? 0 : of.members,
      podManagementPolicy: 'Parallel',
      updateStrategy: { type: 'OnDelete' },
      revisionHistoryLimit: 3,
      selector: { matchLabels: selectorLabels(name, of.component) },
      template: of.template.template,
      persistentVolumeClaimRetentionPolicy: {
        whenDeleted: spec.retention.onDelete,
        whenScaled: keep ? 'Retain' : spec.retention.onScaleDown,
      },
      volumeClaimTemplates: claimTemplates(ensemble, of),
    },
  };
}

/** Sizes stay as the StatefulSet was made: it cannot change them; claims grow by themselves. */
function claimTemplates(ensemble: ValidEnsemble, of: StatefulSetOf): Json[] {
  const { data, log } = ensemble.spec;
  const volumes: [string, ValidVolume | null][] = [
    ['data', data],
    ['log', log],
  ];
  return volumes.flatMap(([name, volume]) => {
    if (volume === null) return [];
    const storage = of.live?.claimSizes[name] ?? volume.size;
    const { storageClassName } = volume;
    return [
      {
        apiVersion: 'v1',
        kind: 'PersistentVolumeClaim',
        metadata: { name, labels: selectorLabels(ensemble.name, of.component) },
        spec: {
          accessModes: ['ReadWriteOnce'],
          resources: { requests: { storage } },
          ...(storageClassName === null ? {} : { storageClassName }),
        },
      },
    ];
  });
}
