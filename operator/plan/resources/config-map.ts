import type { ValidEnsemble } from '../../api/validate.ts';
import type { KubeObject } from '../../api/zk-ensemble.ts';
import { bootstrapMapName, configMapName, hostOf, myidOf, podName, ports } from '../names.ts';
import type { Component } from '../names.ts';
import { hashOf, metadataOf } from './common.ts';

/** How many of each kind make up the membership; may lag behind `spec` where a change is refused. */
export interface Membership {
  readonly voters: number;
  readonly observers: number;
  readonly memberIdOffset: number;
}

/** Files of the configuration: `system.properties` holds what cannot stand in a file. */
export interface ConfigFiles {
  readonly 'zoo.cfg': string;
  readonly servers: string;
  readonly 'system.properties': string;
}

/**
 * What every member mounts: `zoo.cfg` without directories and id, `servers` with the membership,
 * and `system.properties`. Named by what is in it and never changed: a member that crashes while
 * others are moved to a new configuration comes back with the one that it had.
 */
export function configMap(ensemble: ValidEnsemble, files: ConfigFiles): KubeObject {
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: metadataOf(ensemble, configMapNameOf(ensemble, files)),
    immutable: true,
    data: { ...files },
  };
}

export function configMapNameOf(ensemble: ValidEnsemble, files: ConfigFiles): string {
  return configMapName(ensemble.name, hashOf(files));
}

/** Read by a container when it starts. */
export function bootstrapMap(ensemble: ValidEnsemble, bootstrap: boolean): KubeObject {
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: metadataOf(ensemble, bootstrapMapName(ensemble.name)),
    data: { bootstrap: String(bootstrap) },
  };
}

export function configFiles(ensemble: ValidEnsemble, membership: Membership): ConfigFiles {
  const { juteMaxBuffer } = ensemble.spec.config;
  return {
    'zoo.cfg': zooCfg(ensemble),
    servers: serverLines(ensemble, membership),
    'system.properties': juteMaxBuffer === null ? '' : `jute.maxbuffer=${juteMaxBuffer}\n`,
  };
}

/** Keys and values as the reference names them. Source: configuration, sections 2 and 5. */
function zooCfg(ensemble: ValidEnsemble): string {
  const { config } = ensemble.spec;
  const pairs: [string, string | number | null][] = [
    ['tickTime', config.tickTime],
    ['initLimit', config.initLimit],
    ['syncLimit', config.syncLimit],
    ['clientPort', ports.client],
    ['maxClientCnxns', config.maxClientCnxns],
    ['minSessionTimeout', config.minSessionTimeout],
    ['maxSessionTimeout', config.maxSessionTimeout],
    ['globalOutstandingLimit', config.globalOutstandingLimit],
    ['snapCount', config.snapCount],
    ['snapSizeLimitInKb', config.snapSizeLimitKiB],
    ['preAllocSize', config.preAllocSizeKiB],
    ['commitLogCount', config.commitLogCount],
    ['autopurge.snapRetainCount', config.purgeRetain],
    ['autopurge.purgeInterval', config.purgeIntervalHours],
    ['standaloneEnabled', 'false'],
    ['reconfigEnabled', 'false'],
    ['quorumListenOnAllIPs', 'true'],
    ['db.autocreate', 'false'],
    ['admin.enableServer', 'true'],
    ['admin.serverPort', ports.admin],
    ['4lw.commands.whitelist', 'srvr, ruok, mntr, isro, stat, conf'],
  ];
  const own = pairs.filter(([, value]) => value !== null).map(([key, value]) => `${key}=${value}`);
  const further = Object.entries(config.properties)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, value]) => `${key}=${escaped(value)}`);
  return `${[...own, ...further].join('\n')}\n`;
}

/** A backslash begins an escape in a properties file. */
function escaped(value: string): string {
  return value.replaceAll('\\', '\\\\');
}

/** One `server.N` line for each member. Source: configuration, section 3. */
function serverLines(ensemble: ValidEnsemble, membership: Membership): string {
  const kinds: [Component, number, string][] = [
    ['voter', membership.voters, 'participant'],
    ['observer', membership.observers, 'observer'],
  ];
  const lines = kinds.flatMap(([component, count, role]) =>
    Array.from({ length: count }, (_, ordinal) => {
      const host = hostOf(ensemble, podName(ensemble.name, component, ordinal));
      const id = myidOf(component, ordinal, membership.memberIdOffset);
      return `server.${id}=${host}:${ports.quorum}:${ports.election}:${role};${ports.client}`;
    }),
  );
  return `${lines.join('\n')}\n`;
}
