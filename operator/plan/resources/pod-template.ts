import type { ValidEnsemble } from '../../api/validate.ts';
import type { Json } from '../../api/zk-ensemble.ts';
import {
  annotation,
  bootstrapMapName,
  labelsOf,
  myidOffsetOf,
  ports,
  selectorLabels,
} from '../names.ts';
import type { Component } from '../names.ts';
import { hashOf } from './common.ts';
import { configMapNameOf } from './config-map.ts';
import type { ConfigFiles } from './config-map.ts';

/** What the operator's own settings add to a pod. */
export interface ServerDefaults {
  readonly image: string;
  /** Release that the image holds. */
  readonly version: string;
  readonly command: readonly string[];
}

export interface Template {
  readonly revision: string;
  readonly version: string;
  readonly template: Json;
}

const configDir = '/etc/zookeeper';
const dataDir = '/var/lib/zookeeper/data';
const logDir = '/var/lib/zookeeper/log';

/**
 * Template of the pods of one kind. Its revision is a hash of everything in it, which names the
 * configuration by its own hash, and an annotation of the pod: which pods are outdated is seen
 * without asking a controller.
 */
export function podTemplate(
  ensemble: ValidEnsemble,
  component: Component,
  files: ConfigFiles,
  defaults: ServerDefaults,
): Template {
  const { spec } = ensemble;
  const { podTemplate: own } = spec;
  const version = versionOf(ensemble, defaults);
  const body = {
    labels: { ...own.labels, ...labelsOf(ensemble, component) },
    annotations: {
      ...own.annotations,
      [annotation.version]: version,
      ...(spec.restartedAt === null ? {} : { [annotation.restartedAt]: spec.restartedAt }),
    },
    spec: podSpec(ensemble, component, files, defaults),
  };
  const revision = hashOf(body);
  const annotations = { ...body.annotations, [annotation.revision]: revision };
  return {
    revision,
    version,
    template: { metadata: { labels: body.labels, annotations }, spec: body.spec },
  };
}

function versionOf(ensemble: ValidEnsemble, defaults: ServerDefaults): string {
  const { tag, digest, repository } = ensemble.spec.image;
  if (tag !== undefined) return tag;
  if (digest !== undefined) return digest.slice('sha256:'.length, 'sha256:'.length + 12);
  return repository === undefined ? defaults.version : 'latest';
}

function imageOf(ensemble: ValidEnsemble, defaults: ServerDefaults): string {
  const { repository, tag, digest } = ensemble.spec.image;
  if (repository === undefined && tag === undefined && digest === undefined) return defaults.image;
  const base = repository ?? defaults.image.replace(/[:@][^/]*$/, '');
  return `${base}${tag === undefined ? '' : `:${tag}`}${digest === undefined ? '' : `@${digest}`}`;
}

function podSpec(
  ensemble: ValidEnsemble,
  component: Component,
  files: ConfigFiles,
  defaults: ServerDefaults,
): Json {
  const { spec } = ensemble;
  const { podTemplate: own, image } = spec;
  return {
    automountServiceAccountToken: false,
    enableServiceLinks: false,
    terminationGracePeriodSeconds: own.terminationGracePeriodSeconds,
    securityContext: own.securityContext ?? {
      runAsNonRoot: true,
      runAsUser: 1000,
      runAsGroup: 1000,
      fsGroup: 1000,
      fsGroupChangePolicy: 'OnRootMismatch',
      seccompProfile: { type: 'RuntimeDefault' },
    },
    affinity: own.affinity ?? antiAffinity(ensemble, component),
    topologySpreadConstraints: zoneSpread(ensemble, component),
    ...(own.nodeSelector === null ? {} : { nodeSelector: own.nodeSelector }),
    ...(own.tolerations === null ? {} : { tolerations: own.tolerations }),
    ...(own.priorityClassName === null ? {} : { priorityClassName: own.priorityClassName }),
    ...(own.serviceAccountName === null ? {} : { serviceAccountName: own.serviceAccountName }),
    ...(image.pullSecrets === undefined
      ? {}
      : { imagePullSecrets: image.pullSecrets.map((name) => ({ name })) }),
    containers: [container(ensemble, component, defaults)],
    volumes: volumes(ensemble, files),
  };
}

function container(ensemble: ValidEnsemble, component: Component, defaults: ServerDefaults): Json {
  const { spec } = ensemble;
  const { pullPolicy } = spec.image;
  return {
    name: 'server',
    image: imageOf(ensemble, defaults),
    ...(pullPolicy === undefined ? {} : { imagePullPolicy: pullPolicy }),
    command: defaults.command,
    env: [
      fieldEnv('POD_NAME', 'metadata.name'),
      fieldEnv('POD_NAMESPACE', 'metadata.namespace'),
      { name: 'ZK_MYID_OFFSET', value: String(myidOffsetOf(component, spec.memberIdOffset)) },
      bootstrapEnv(ensemble),
      { name: 'ZK_CONFIG_DIR', value: configDir },
      { name: 'ZK_DATA_DIR', value: dataDir },
      ...(spec.log === null ? [] : [{ name: 'ZK_LOG_DIR', value: logDir }]),
      ...spec.podTemplate.env,
    ],
    ports: (['client', 'quorum', 'election', 'admin'] as const).map((name) => ({
      name,
      containerPort: ports[name],
      protocol: 'TCP',
    })),
    resources: spec.podTemplate.resources,
    terminationMessagePolicy: 'FallbackToLogsOnError',
    // A big snapshot takes its time to load: half an hour before the liveness probe counts.
    startupProbe: probe('/livez', { periodSeconds: 2, failureThreshold: 900, timeoutSeconds: 2 }),
    livenessProbe: probe('/livez', { periodSeconds: 10, failureThreshold: 6, timeoutSeconds: 5 }),
    readinessProbe: probe('/readyz', { periodSeconds: 2, failureThreshold: 2, timeoutSeconds: 2 }),
    securityContext: {
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'] },
    },
    volumeMounts: [
      { name: 'config', mountPath: configDir, readOnly: true },
      { name: 'data', mountPath: dataDir },
      ...(spec.log === null ? [] : [{ name: 'log', mountPath: logDir }]),
      { name: 'tmp', mountPath: '/tmp' },
    ],
  };
}

function fieldEnv(name: string, fieldPath: string): Json {
  return { name, valueFrom: { fieldRef: { apiVersion: 'v1', fieldPath } } };
}

/** Absent is no: an empty disk does not vote. */
function bootstrapEnv(ensemble: ValidEnsemble): Json {
  const name = bootstrapMapName(ensemble.name);
  const configMapKeyRef = { name, key: 'bootstrap', optional: true };
  return { name: 'ZK_BOOTSTRAP', valueFrom: { configMapKeyRef } };
}

function probe(path: string, times: Json): Json {
  return { httpGet: { path, port: 'admin', scheme: 'HTTP' }, ...times };
}

/** `data` and `log` are claims of the StatefulSet unless storage is ephemeral. */
function volumes(ensemble: ValidEnsemble, files: ConfigFiles): Json[] {
  const { ephemeral } = ensemble.spec;
  return [
    { name: 'config', configMap: { name: configMapNameOf(ensemble, files) } },
    { name: 'tmp', emptyDir: {} },
    ...(ephemeral === null ? [] : [{ name: 'data', emptyDir: { ...ephemeral } }]),
  ];
}

function antiAffinity(ensemble: ValidEnsemble, component: Component): Json {
  const mode = ensemble.spec.podTemplate.antiAffinity;
  if (mode === 'None') return {};
  const term = {
    topologyKey: 'kubernetes.io/hostname',
    labelSelector: { matchLabels: selectorLabels(ensemble.name, component) },
  };
  if (mode === 'Required') {
    return { podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [term] } };
  }
  const preferred = [{ weight: 100, podAffinityTerm: term }];
  return { podAntiAffinity: { preferredDuringSchedulingIgnoredDuringExecution: preferred } };
}

function zoneSpread(ensemble: ValidEnsemble, component: Component): Json[] {
  const mode = ensemble.spec.podTemplate.zoneSpread;
  if (mode === 'None') return [];
  return [
    {
      maxSkew: 1,
      topologyKey: 'topology.kubernetes.io/zone',
      whenUnsatisfiable: mode === 'Required' ? 'DoNotSchedule' : 'ScheduleAnyway',
      labelSelector: { matchLabels: selectorLabels(ensemble.name, component) },
    },
  ];
}
