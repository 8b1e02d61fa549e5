import type { FieldError } from '../../api/api-error.ts';
import { forbiddenField, invalidField, requiredField } from '../../api/api-error.ts';
import type { Json, JsonObject } from '../../api/json.ts';
import { arrayAt, at, isObject, numberAt, setDefault, stringAt } from '../../api/json.ts';

const probeNames = ['livenessProbe', 'readinessProbe', 'startupProbe'] as const;

function defaultProbe(probe: JsonObject): void {
  setDefault(probe, 'timeoutSeconds', 1);
  setDefault(probe, 'periodSeconds', 10);
  setDefault(probe, 'successThreshold', 1);
  setDefault(probe, 'failureThreshold', 3);
  const request = probe['httpGet'];
  if (isObject(request)) {
    setDefault(request, 'path', '/');
    setDefault(request, 'scheme', 'HTTP');
  }
}

function defaultContainer(container: JsonObject): void {
  const image = stringAt(container, 'image') ?? '';
  const isLatest = !/[:@][^/]*$/.test(image) || image.endsWith(':latest');
  setDefault(container, 'imagePullPolicy', isLatest ? 'Always' : 'IfNotPresent');
  setDefault(container, 'terminationMessagePath', '/dev/termination-log');
  setDefault(container, 'terminationMessagePolicy', 'File');
  setDefault(container, 'resources', {});
  for (const port of arrayAt(container, 'ports')) {
    if (isObject(port)) setDefault(port, 'protocol', 'TCP');
  }
  for (const variable of arrayAt(container, 'env')) {
    const reference = at(variable, 'valueFrom', 'fieldRef');
    if (isObject(reference)) setDefault(reference, 'apiVersion', 'v1');
  }
  for (const name of probeNames) {
    const probe = container[name];
    if (isObject(probe)) defaultProbe(probe);
  }
}

/** Fills in what a pod specification leaves out, as the real API server does. */
export function defaultPodSpec(spec: JsonObject): void {
  setDefault(spec, 'restartPolicy', 'Always');
  setDefault(spec, 'terminationGracePeriodSeconds', 30);
  setDefault(spec, 'dnsPolicy', 'ClusterFirst');
  setDefault(spec, 'securityContext', {});
  setDefault(spec, 'schedulerName', 'default-scheduler');
  setDefault(spec, 'enableServiceLinks', true);
  for (const list of ['containers', 'initContainers']) {
    for (const container of arrayAt(spec, list))
      if (isObject(container)) defaultContainer(container);
  }
  for (const volume of arrayAt(spec, 'volumes')) {
    for (const source of ['configMap', 'secret', 'downwardAPI', 'projected']) {
      const found = at(volume, source);
      if (isObject(found)) setDefault(found, 'defaultMode', 0o644);
    }
  }
}

/** Volumes that the agent can make out of directories. */
export const volumeSources: readonly string[] = [
  'configMap',
  'secret',
  'emptyDir',
  'persistentVolumeClaim',
  'downwardAPI',
  'projected',
];

const unsupportedSpec: Readonly<Record<string, string>> = {
  hostNetwork: 'pods share the network of this machine as it is',
  hostPID: 'pods are processes of this machine as it is',
  hostIPC: 'pods are processes of this machine as it is',
  ephemeralContainers: 'there are no containers to join',
  runtimeClassName: 'there is one runtime, the local process',
  resourceClaims: 'there are no devices to claim',
};

function unsupported(field: string, why: string): FieldError {
  return forbiddenField(field, `the local control plane does not support this: ${why}`);
}

function volumeErrors(volumes: readonly Json[], path: string): FieldError[] {
  return volumes.flatMap((volume, index) => {
    if (!isObject(volume)) return [];
    const sources = Object.keys(volume).filter((key) => key !== 'name');
    const at = `${path}.volumes[${index}]`;
    const [source, second] = sources;
    if (source === undefined) return [requiredField(at, 'must specify a volume type')];
    if (second !== undefined)
      return [forbiddenField(at, 'may not specify more than 1 volume type')];
    if (volumeSources.includes(source)) return [];
    return [unsupported(`${at}.${source}`, `volumes are ${volumeSources.join(', ')}`)];
  });
}

function handlerErrors(container: JsonObject, path: string): FieldError[] {
  const errors: FieldError[] = [];
  for (const name of probeNames) {
    const probe = container[name];
    if (!isObject(probe)) continue;
    const handlers = ['exec', 'httpGet', 'tcpSocket', 'grpc'].filter((key) => key in probe);
    if (handlers.length !== 1) {
      errors.push(requiredField(`${path}.${name}`, 'must specify exactly one handler type'));
    }
    if ('grpc' in probe) errors.push(unsupported(`${path}.${name}.grpc`, 'probe over HTTP'));
  }
  if (at(container, 'lifecycle', 'postStart') !== undefined) {
    errors.push(unsupported(`${path}.lifecycle.postStart`, 'start work from the command'));
  }
  const stop = at(container, 'lifecycle', 'preStop');
  if (isObject(stop) && !('exec' in stop) && !('sleep' in stop)) {
    errors.push(unsupported(`${path}.lifecycle.preStop`, 'only exec and sleep are run'));
  }
  return errors;
}

function containerErrors(
  container: Json,
  path: string,
  volumeNames: ReadonlySet<string>,
  isInit: boolean,
): FieldError[] {
  if (!isObject(container)) return [];
  const errors: FieldError[] = [];
  const name = stringAt(container, 'name') ?? '';
  if (name === '') errors.push(requiredField(`${path}.name`));
  else if (!/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/.test(name)) {
    errors.push(invalidField(`${path}.name`, name, 'must be a lowercase RFC 1123 label'));
  }
  if ((stringAt(container, 'image') ?? '') === '') errors.push(requiredField(`${path}.image`));
  for (const [index, mount] of arrayAt(container, 'volumeMounts').entries()) {
    const volume = stringAt(mount, 'name') ?? '';
    if (volumeNames.has(volume)) continue;
    const field = `${path}.volumeMounts[${index}].name`;
    errors.push({ field, reason: 'FieldValueNotFound', message: `Not found: "${volume}"` });
  }
  for (const [index, port] of arrayAt(container, 'ports').entries()) {
    const number = numberAt(port, 'containerPort') ?? 0;
    const field = `${path}.ports[${index}].containerPort`;
    if (number < 1 || number > 65_535) {
      errors.push(invalidField(field, number, 'must be between 1 and 65535, inclusive'));
    }
  }
  if (isInit && stringAt(container, 'restartPolicy') !== undefined) {
    errors.push(unsupported(`${path}.restartPolicy`, 'sidecars belong into containers'));
  }
  errors.push(...handlerErrors(container, path));
  return errors;
}

/** What is wrong with a pod specification, or beyond what local processes can do. */
export function podSpecErrors(
  spec: JsonObject,
  path: string,
  claims: readonly string[] = [],
): FieldError[] {
  const errors: FieldError[] = [];
  const volumes = arrayAt(spec, 'volumes');
  const names = new Set([...volumes.map((one) => stringAt(one, 'name') ?? ''), ...claims]);
  const containers = arrayAt(spec, 'containers');
  if (containers.length === 0) errors.push(requiredField(`${path}.containers`));
  containers.forEach((container, index) => {
    errors.push(...containerErrors(container, `${path}.containers[${index}]`, names, false));
  });
  arrayAt(spec, 'initContainers').forEach((container, index) => {
    errors.push(...containerErrors(container, `${path}.initContainers[${index}]`, names, true));
  });
  errors.push(...volumeErrors(volumes, path));
  for (const [key, why] of Object.entries(unsupportedSpec)) {
    const value = spec[key];
    if (value === undefined || value === false || value === '') continue;
    if (Array.isArray(value) && value.length === 0) continue;
    errors.push(unsupported(`${path}.${key}`, why));
  }
  return errors;
}
