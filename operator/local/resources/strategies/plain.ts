import type { FieldError } from '../../api/api-error.ts';
import { fieldError, forbiddenField, invalidField, requiredField } from '../../api/api-error.ts';
import {
  arrayAt,
  ensureObject,
  isObject,
  numberAt,
  objectAt,
  sameJson,
  setDefault,
  stringAt,
} from '../../api/json.ts';
import type { KubeObject } from '../../api/kube-object.ts';
import { isTerminating } from '../../api/kube-object.ts';
import type { Strategy } from '../definition.ts';

/** Bytes of the data of one ConfigMap or Secret. */
export const dataBytesMax: number = 1024 * 1024;

export const noStrategy: Strategy = {};

/** Address of every service that has one: pods listen on ports of this machine. */
export const serviceAddress = '127.0.0.1';

const serviceTypes = ['ClusterIP', 'NodePort', 'LoadBalancer', 'ExternalName'];

function serviceErrors(next: KubeObject, old: KubeObject | undefined): FieldError[] {
  const errors: FieldError[] = [];
  const spec = objectAt(next, 'spec');
  const type = stringAt(spec, 'type') ?? '';
  if (!serviceTypes.includes(type)) {
    const supported = serviceTypes.map((one) => `"${one}"`).join(', ');
    const message = `Unsupported value: "${type}": supported values: ${supported}`;
    errors.push(fieldError('spec.type', 'FieldValueNotSupported', message));
  }
  const ports = arrayAt(spec, 'ports');
  const isHeadless = stringAt(spec, 'clusterIP') === 'None';
  if (ports.length === 0 && !isHeadless && type !== 'ExternalName') {
    errors.push(requiredField('spec.ports'));
  }
  const names = ports.map((port) => stringAt(port, 'name') ?? '');
  if (ports.length > 1 && names.includes('')) {
    errors.push(requiredField(`spec.ports[${names.indexOf('')}].name`));
  }
  for (const [index, port] of ports.entries()) {
    const number = numberAt(port, 'port') ?? 0;
    const why = 'must be between 1 and 65535, inclusive';
    if (number < 1 || number > 65_535) {
      errors.push(invalidField(`spec.ports[${index}].port`, number, why));
    }
  }
  const before = old === undefined ? undefined : objectAt(old, 'spec')['clusterIP'];
  if (before !== undefined && spec['clusterIP'] !== before) {
    errors.push(invalidField('spec.clusterIP', spec['clusterIP'], 'field is immutable'));
  }
  return errors;
}

export const serviceStrategy: Strategy = {
  prepare(next, old) {
    const spec = ensureObject(next, 'spec');
    setDefault(spec, 'type', 'ClusterIP');
    setDefault(spec, 'sessionAffinity', 'None');
    for (const port of arrayAt(spec, 'ports')) {
      if (!isObject(port)) continue;
      setDefault(port, 'protocol', 'TCP');
      setDefault(port, 'targetPort', port['port'] ?? 0);
    }
    if (spec['type'] !== 'ExternalName') {
      const kept = old === undefined ? undefined : objectAt(old, 'spec')['clusterIP'];
      setDefault(spec, 'clusterIP', kept ?? serviceAddress);
      setDefault(spec, 'clusterIPs', [spec['clusterIP'] ?? serviceAddress]);
      setDefault(spec, 'internalTrafficPolicy', 'Cluster');
      setDefault(spec, 'ipFamilyPolicy', 'SingleStack');
      setDefault(spec, 'ipFamilies', ['IPv4']);
    }
    if (old === undefined) next['status'] = { loadBalancer: {} };
  },
  validate: serviceErrors,
  warnings(next) {
    const type = stringAt(next, 'spec', 'type');
    return type === 'NodePort' || type === 'LoadBalancer'
      ? [`the local control plane opens no ${type} port: use the pods' own ports on this machine`]
      : [];
  },
};

function immutableErrors(next: KubeObject, old: KubeObject | undefined): FieldError[] {
  const size =
    JSON.stringify(next['data'] ?? {}).length + JSON.stringify(next['binaryData'] ?? {}).length;
  if (size > dataBytesMax) {
    const message = `Too long: may not be more than ${dataBytesMax} bytes`;
    return [fieldError('data', 'FieldValueTooLong', message)];
  }
  if (old?.['immutable'] !== true) return [];
  const isSame = ['data', 'binaryData', 'immutable'].every((key) => sameJson(next[key], old[key]));
  return isSame ? [] : [forbiddenField('data', 'field is immutable when `immutable` is set')];
}

export const configMapStrategy: Strategy = { validate: immutableErrors };

export const secretStrategy: Strategy = {
  prepare(next) {
    setDefault(next, 'type', 'Opaque');
    const text = next['stringData'];
    if (!isObject(text)) return;
    const data = ensureObject(next, 'data');
    for (const [key, value] of Object.entries(text)) {
      if (typeof value === 'string') data[key] = Buffer.from(value).toString('base64');
    }
    delete next['stringData'];
  },
  validate: immutableErrors,
};

export const namespaceStrategy: Strategy = {
  prepare(next, old) {
    setDefault(ensureObject(next, 'spec'), 'finalizers', ['kubernetes']);
    const labels = ensureObject(next, 'metadata', 'labels');
    labels['kubernetes.io/metadata.name'] = next.metadata.name;
    if (old === undefined) next['status'] = { phase: 'Active' };
    else if (isTerminating(next))
      next['status'] = { ...objectAt(next, 'status'), phase: 'Terminating' };
  },
};

/** Kept, so that manifests apply, and not acted upon. */
export const networkPolicyStrategy: Strategy = {
  warnings: () => ['the local control plane keeps network policies and does not enforce them'],
};
