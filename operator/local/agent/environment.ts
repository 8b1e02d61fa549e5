import { dirname } from 'node:path';
import { availableParallelism, totalmem } from 'node:os';
import type { Json } from '../api/json.ts';
import { arrayAt, at, objectAt, stringAt, textOf } from '../api/json.ts';
import type { KubeObject } from '../api/kube-object.ts';
import { annotationsOf, labelsOf, namespaceOf } from '../api/kube-object.ts';
import { parseQuantity } from '../api/quantity.ts';
import type { Store } from '../store/store.ts';

/** A container that cannot be started as it is written. */
export class ContainerConfigError extends Error {
  override readonly name = 'ContainerConfigError';
}

/** A container whose image is not on this machine. */
export class ImageMissing extends Error {
  override readonly name = 'ImageMissing';
}

/** A place a container sees, and where it really is. */
export interface Mount {
  readonly mountPath: string;
  readonly directory: string;
}

/** Variables of this process that a pod's processes get, too. */
const inherited = ['HOME', 'USER', 'LANG', 'LC_ALL', 'TZ', 'TMPDIR'];

/** Value of a field of a pod as `fieldRef` names it. */
export function fieldValue(pod: KubeObject, path: string): string {
  const keyed = /^metadata\.(labels|annotations)\['(.+)'\]$/.exec(path);
  if (keyed?.[2] !== undefined) {
    const map = keyed[1] === 'labels' ? labelsOf(pod) : annotationsOf(pod);
    return map[keyed[2]] ?? '';
  }
  if (path === 'metadata.labels' || path === 'metadata.annotations') {
    const map = path === 'metadata.labels' ? labelsOf(pod) : annotationsOf(pod);
    return Object.entries(map)
      .map(([key, value]) => `${key}=${JSON.stringify(value)}`)
      .join('\n');
  }
  if (path === 'status.podIPs') return fieldValue(pod, 'status.podIP');
  return textOf(at(pod, ...path.split('.')));
}

/** Amount of a resource that a container may use; all of the machine without a limit. */
function resourceValue(container: Json, reference: Json): string {
  const resource = stringAt(reference, 'resource') ?? '';
  const [kind = '', name = ''] = resource.split('.');
  const text = textOf(at(container, 'resources', kind, name));
  const whole = name === 'cpu' ? availableParallelism() : totalmem();
  const amount = text === '' ? whole : (parseQuantity(text) ?? whole);
  const divisor = parseQuantity(textOf(at(reference, 'divisor'))) ?? 1;
  return String(Math.ceil(amount / (divisor === 0 ? 1 : divisor)));
}

function keyValue(
  store: Store,
  pod: KubeObject,
  resource: 'configmaps' | 'secrets',
  reference: Json,
): string | null {
  const name = stringAt(reference, 'name') ?? '';
  const key = stringAt(reference, 'key') ?? '';
  const object = store.get(`/${resource}`, namespaceOf(pod), name);
  const value = at(object, 'data', key);
  if (typeof value === 'string') {
    return resource === 'secrets' ? Buffer.from(value, 'base64').toString() : value;
  }
  if (at(reference, 'optional') === true) return null;
  throw new ContainerConfigError(`${resource.slice(0, -1)} "${name}" has no key "${key}"`);
}

function sourcedValue(store: Store, pod: KubeObject, container: Json, source: Json): string | null {
  const field = at(source, 'fieldRef');
  if (field !== undefined) return fieldValue(pod, stringAt(field, 'fieldPath') ?? '');
  const resource = at(source, 'resourceFieldRef');
  if (resource !== undefined) return resourceValue(container, resource);
  const configMap = at(source, 'configMapKeyRef');
  if (configMap !== undefined) return keyValue(store, pod, 'configmaps', configMap);
  const secret = at(source, 'secretKeyRef');
  if (secret !== undefined) return keyValue(store, pod, 'secrets', secret);
  throw new ContainerConfigError(`no value comes from ${JSON.stringify(source)}`);
}

/** `$(NAME)` becomes the variable's value, `$$` one dollar. */
export function expand(text: string, variables: Readonly<Record<string, string>>): string {
  return text.replaceAll(/\$\$|\$\(([A-Za-z_.-][\w.-]*)\)/g, (whole, name: string | undefined) => {
    if (whole === '$$') return '$';
    return name === undefined ? whole : (variables[name] ?? whole);
  });
}

/** Text with each path that a mount shows replaced by where it really is. */
export function localPath(text: string, mounts: readonly Mount[]): string {
  for (const { mountPath, directory } of mounts) {
    const option = /^(--?[\w.-]+=)(.*)$/.exec(text);
    const [prefix, path] = option === null ? ['', text] : [option[1] ?? '', option[2] ?? ''];
    if (path === mountPath) return prefix + directory;
    if (path.startsWith(`${mountPath}/`)) return prefix + directory + path.slice(mountPath.length);
  }
  return text;
}

function fromMaps(store: Store, pod: KubeObject, container: Json): Record<string, string> {
  const variables: Record<string, string> = {};
  for (const source of arrayAt(container, 'envFrom')) {
    const prefix = stringAt(source, 'prefix') ?? '';
    for (const [field, resource] of [
      ['configMapRef', 'configmaps'],
      ['secretRef', 'secrets'],
    ] as const) {
      const reference = at(source, field);
      if (reference === undefined) continue;
      const name = stringAt(reference, 'name') ?? '';
      const object = store.get(`/${resource}`, namespaceOf(pod), name);
      if (object === undefined && at(reference, 'optional') !== true) {
        throw new ContainerConfigError(`${resource.slice(0, -1)} "${name}" not found`);
      }
      for (const [key, value] of Object.entries(objectAt(object, 'data'))) {
        const text = textOf(value);
        variables[prefix + key] =
          resource === 'secrets' ? Buffer.from(text, 'base64').toString() : text;
      }
    }
  }
  return variables;
}

/**
 * Variables of a container's process: a few of this process's own, those of the container with
 * their sources resolved and its paths turned into real ones.
 * @throws ContainerConfigError for a source that is not there.
 */
export function environmentOf(
  store: Store,
  pod: KubeObject,
  container: Json,
  mounts: readonly Mount[],
): Record<string, string> {
  const base: Record<string, string> = {};
  for (const name of inherited) {
    const value = process.env[name];
    if (value !== undefined) base[name] = value;
  }
  // The same Node as this one, before any other.
  base['PATH'] = `${dirname(process.execPath)}:${process.env['PATH'] ?? '/usr/bin:/bin'}`;
  base['HOSTNAME'] = stringAt(pod, 'spec', 'hostname') ?? pod.metadata.name;
  const temporary = mounts.find((mount) => mount.mountPath === '/tmp');
  if (temporary !== undefined) base['TMPDIR'] = temporary.directory;
  const variables = { ...base, ...fromMaps(store, pod, container) };
  for (const variable of arrayAt(container, 'env')) {
    const name = stringAt(variable, 'name') ?? '';
    const source = at(variable, 'valueFrom');
    const value =
      source === undefined
        ? expand(stringAt(variable, 'value') ?? '', variables)
        : sourcedValue(store, pod, container, source);
    if (value !== null) variables[name] = localPath(value, mounts);
  }
  return variables;
}
