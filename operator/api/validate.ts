import { withDefaults } from './defaults.ts';
import type { ValidSpec } from './defaults.ts';
import type { ZkEnsemble } from './zk-ensemble.ts';

/** An ensemble that may be planned for: named, living somewhere, every value in range. */
export interface ValidEnsemble {
  readonly name: string;
  readonly namespace: string;
  readonly uid: string;
  readonly generation: number;
  readonly deleting: boolean;
  readonly spec: ValidSpec;
  readonly object: ZkEnsemble;
}

/** The field that is wrong and a sentence that says what to write instead. */
export interface Problem {
  readonly field: string;
  readonly message: string;
}

export type Validated =
  | { readonly valid: ValidEnsemble }
  | { readonly problems: readonly Problem[] };

/** Keys of zoo.cfg (or their beginnings) that the operator writes itself. */
export const ownedKeys: readonly string[] = [
  'server.',
  'group.',
  'weight.',
  'dataDir',
  'dataLogDir',
  'dynamicConfigFile',
  'clientPort',
  'secureClientPort',
  'standaloneEnabled',
  'reconfigEnabled',
  'skipACL',
  'snapshot.trust.empty',
  'db.autocreate',
  'ssl.',
  'sslQuorum',
  'quorum.auth',
  'authProvider',
  'serverCnxnFactory',
  'admin.',
  'metricsProvider.',
  '4lw.',
  'peerType',
  'quorumListenOnAllIPs',
];

const sizes: readonly number[] = [1, 3, 5, 7];
const nameLengthMax = 40;
const observersMax = 64;
const offsetMax = 90;
const domain = /^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/;
const quantity = /^[0-9]+(\.[0-9]+)?(Ki|Mi|Gi|Ti|Pi|k|M|G|T|P)?$/;

/**
 * Checks what the CRD checks too, because a cluster may still hold an older CRD or objects
 * written before it. The answer names every wrong field, not only the first.
 */
export function validate(ensemble: ZkEnsemble): Validated {
  const { metadata } = ensemble;
  const spec = withDefaults(ensemble.spec ?? {});
  const problems = [
    ...problemsOfName(metadata.name ?? ''),
    ...problemsOfSizes(spec),
    ...problemsOfConfig(spec),
    ...problemsOfStorage(ensemble, spec),
    ...problemsOfEnv(spec),
    ...problemsOfDomain(spec),
  ];
  if (problems.length > 0) return { problems };
  return {
    valid: {
      name: metadata.name ?? '',
      namespace: metadata.namespace ?? 'default',
      uid: metadata.uid ?? '',
      generation: metadata.generation ?? 0,
      deleting: metadata.deletionTimestamp !== undefined,
      spec,
      object: ensemble,
    },
  };
}

function problemsOfName(name: string): Problem[] {
  if (name.length > 0 && name.length <= nameLengthMax) return [];
  return [{ field: 'metadata.name', message: `must have 1 to ${nameLengthMax} characters` }];
}

function problemsOfSizes(spec: ValidSpec): Problem[] {
  const problems: Problem[] = [];
  if (!sizes.includes(spec.replicas)) {
    problems.push({
      field: 'spec.replicas',
      message: `must be 1, 3, 5 or 7, not ${spec.replicas}`,
    });
  }
  if (!within(spec.observers, 0, observersMax)) {
    problems.push({ field: 'spec.observers.replicas', message: `must be 0 to ${observersMax}` });
  }
  if (!within(spec.memberIdOffset, 0, offsetMax)) {
    problems.push({ field: 'spec.memberIdOffset', message: `must be 0 to ${offsetMax}` });
  }
  return problems;
}

function problemsOfConfig(spec: ValidSpec): Problem[] {
  const { config } = spec;
  const problems: Problem[] = [];
  const atLeast: readonly [string, number | null, number][] = [
    ['tickTime', config.tickTime, 100],
    ['initLimit', config.initLimit, 1],
    ['syncLimit', config.syncLimit, 1],
    ['maxClientCnxns', config.maxClientCnxns, 0],
    ['minSessionTimeout', config.minSessionTimeout, 1],
    ['maxSessionTimeout', config.maxSessionTimeout, 1],
    ['globalOutstandingLimit', config.globalOutstandingLimit, 1],
    ['snapCount', config.snapCount, 2],
    ['preAllocSizeKiB', config.preAllocSizeKiB, 1],
    ['juteMaxBuffer', config.juteMaxBuffer, 1024],
    ['autopurge.retain', config.purgeRetain, 3],
    ['autopurge.intervalHours', config.purgeIntervalHours, 0],
  ];
  for (const [key, value, min] of atLeast) {
    if (value !== null && !(Number.isInteger(value) && value >= min)) {
      problems.push({ field: `spec.config.${key}`, message: `must be a number from ${min} on` });
    }
  }
  const { minSessionTimeout: shortest, maxSessionTimeout: longest } = config;
  if (shortest !== null && longest !== null && shortest > longest) {
    problems.push({ field: 'spec.config', message: 'minSessionTimeout exceeds maxSessionTimeout' });
  }
  for (const [key, value] of Object.entries(config.properties)) {
    problems.push(...problemsOfProperty(key, value));
  }
  return problems;
}

function problemsOfProperty(key: string, value: string): Problem[] {
  const field = `spec.config.properties[${key}]`;
  if (ownedKeys.some((owned) => key.startsWith(owned))) {
    return [{ field, message: 'is set by the operator and cannot be given here' }];
  }
  if (!/^[A-Za-z0-9_.-]+$/.test(key)) {
    return [{ field, message: 'a key may hold letters, digits, dots, dashes and underscores' }];
  }
  return /[\n\r]/.test(value) ? [{ field, message: 'a value must be one line' }] : [];
}

function problemsOfStorage(ensemble: ZkEnsemble, spec: ValidSpec): Problem[] {
  const problems: Problem[] = [];
  if (spec.ephemeral !== null && ensemble.spec?.storage?.data !== undefined) {
    problems.push({ field: 'spec.storage', message: 'has both data and ephemeral; choose one' });
  }
  if (spec.ephemeral !== null && spec.log !== null) {
    problems.push({ field: 'spec.storage.log', message: 'needs storage.data' });
  }
  if (spec.ephemeral !== null && spec.replicas < 3) {
    problems.push({ field: 'spec.storage.ephemeral', message: 'needs at least 3 replicas' });
  }
  for (const [name, volume] of [
    ['data', spec.data],
    ['log', spec.log],
  ] as const) {
    if (volume !== null && !quantity.test(volume.size)) {
      problems.push({ field: `spec.storage.${name}.size`, message: 'must be a size such as 10Gi' });
    }
  }
  return problems;
}

function problemsOfEnv(spec: ValidSpec): Problem[] {
  return spec.podTemplate.env
    .filter(({ name }) => name.startsWith('ZK_') || name.startsWith('POD_'))
    .map(({ name }) => ({
      field: `spec.podTemplate.env[${name}]`,
      message: 'names that begin with ZK_ or POD_ belong to the operator',
    }));
}

/** It becomes part of a configuration line. */
function problemsOfDomain({ clusterDomain }: ValidSpec): Problem[] {
  if (clusterDomain === null || domain.test(clusterDomain)) return [];
  return [
    { field: 'spec.services.clusterDomain', message: 'must be a name such as cluster.local' },
  ];
}

function within(value: number, min: number, max: number): boolean {
  return Number.isInteger(value) && value >= min && value <= max;
}
