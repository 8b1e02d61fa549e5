import {
  existsSync,
  mkdirSync,
  readdirSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import type { Json } from '../api/json.ts';
import { arrayAt, at, isObject, objectAt, stringAt, textOf } from '../api/json.ts';
import type { KubeObject } from '../api/kube-object.ts';
import { namespaceOf } from '../api/kube-object.ts';
import type { Store } from '../store/store.ts';
import { fieldValue } from './environment.ts';

/** A volume that cannot be made yet: what it waits for. */
export class VolumeNotReady extends Error {
  override readonly name = 'VolumeNotReady';
}

type Files = Map<string, Buffer>;

/** Files of a ConfigMap or Secret by the volume's `items`, or all of them. */
function filesOf(
  store: Store,
  namespace: string,
  resource: 'configmaps' | 'secrets',
  source: Json,
): Files {
  const name = stringAt(source, 'name') ?? stringAt(source, 'secretName') ?? '';
  const object = store.get(`/${resource}`, namespace, name);
  if (object === undefined) {
    if (at(source, 'optional') === true) return new Map();
    throw new VolumeNotReady(`${resource.slice(0, -1)} "${name}" not found`);
  }
  const all: Files = new Map();
  const encoding = resource === 'secrets' ? 'base64' : 'utf8';
  for (const [key, value] of Object.entries(objectAt(object, 'data'))) {
    all.set(key, Buffer.from(textOf(value), encoding));
  }
  for (const [key, value] of Object.entries(objectAt(object, 'binaryData'))) {
    all.set(key, Buffer.from(textOf(value), 'base64'));
  }
  const items = arrayAt(source, 'items');
  if (items.length === 0) return all;
  const picked: Files = new Map();
  for (const item of items) {
    const key = stringAt(item, 'key') ?? '';
    const content = all.get(key);
    if (content === undefined) {
      throw new VolumeNotReady(`${resource.slice(0, -1)} "${name}" has no key "${key}"`);
    }
    picked.set(stringAt(item, 'path') ?? key, content);
  }
  return picked;
}

function downwardFiles(pod: KubeObject, source: Json): Files {
  const files: Files = new Map();
  for (const item of arrayAt(source, 'items')) {
    const value = fieldValue(pod, stringAt(item, 'fieldRef', 'fieldPath') ?? '');
    files.set(stringAt(item, 'path') ?? '', Buffer.from(value));
  }
  return files;
}

/** The files that a volume shows; `null` for a volume that is a plain directory. */
function contentsOf(store: Store, pod: KubeObject, volume: Json): Files | null {
  const namespace = namespaceOf(pod);
  for (const [key, source] of Object.entries(isObject(volume) ? volume : {})) {
    if (key === 'configMap') return filesOf(store, namespace, 'configmaps', source);
    if (key === 'secret') return filesOf(store, namespace, 'secrets', source);
    if (key === 'downwardAPI') return downwardFiles(pod, source);
    if (key === 'projected') {
      const files: Files = new Map();
      for (const part of arrayAt(source, 'sources')) {
        for (const [path, content] of contentsOf(store, pod, part) ?? []) files.set(path, content);
      }
      return files;
    }
  }
  return null;
}

/**
 * Shows a set of files in a directory, all at once: they stand in a directory of their own, and
 * one rename of the link `..data` makes them the ones that are seen.
 */
function project(directory: string, files: Files): void {
  mkdirSync(directory, { recursive: true });
  const current = join(directory, '..data');
  const before = existsSync(current) ? readlinkSync(current) : null;
  const next = `..${Date.now()}.${Math.floor(Math.random() * 1e6)}`;
  for (const [path, content] of files) {
    const target = join(directory, next, path);
    // A path that leads out of the volume is nobody's.
    if (!target.startsWith(`${join(directory, next)}/`)) continue;
    mkdirSync(join(target, '..'), { recursive: true });
    writeFileSync(target, content);
  }
  mkdirSync(join(directory, next), { recursive: true });
  symlinkSync(next, `${current}.next`);
  renameSync(`${current}.next`, current);
  const tops = new Set([...files.keys()].map((path) => path.split('/')[0] ?? ''));
  for (const top of tops) {
    if (!existsSync(join(directory, top))) symlinkSync(join('..data', top), join(directory, top));
  }
  for (const name of readdirSync(directory)) {
    if (!name.startsWith('..') && !tops.has(name)) rmSync(join(directory, name));
  }
  if (before !== null) rmSync(join(directory, before), { recursive: true, force: true });
}

/** Directory of a claim: it outlives pods and control planes, until the claim is deleted. */
export function claimDirectory(stateDir: string, claim: KubeObject): string {
  return join(
    stateDir,
    'volumes',
    `${namespaceOf(claim)}_${claim.metadata.name}_${claim.metadata.uid.slice(0, 8)}`,
  );
}

/** The volumes of one pod as directories. */
export class PodVolumes {
  readonly #store: Store;
  readonly #stateDir: string;
  readonly #podDir: string;
  readonly #shown = new Map<string, string>();

  constructor(store: Store, stateDir: string, podDir: string) {
    this.#store = store;
    this.#stateDir = stateDir;
    this.#podDir = podDir;
  }

  /**
   * Makes or refreshes every volume.
   * @returns the directory of each, by the volume's name.
   * @throws VolumeNotReady for one that waits for an object.
   */
  prepare(pod: KubeObject): Map<string, string> {
    const directories = new Map<string, string>();
    for (const volume of arrayAt(pod, 'spec', 'volumes')) {
      const name = stringAt(volume, 'name') ?? '';
      const claimName = stringAt(volume, 'persistentVolumeClaim', 'claimName');
      const directory =
        claimName === undefined
          ? join(this.#podDir, 'volumes', name)
          : this.#claim(namespaceOf(pod), claimName);
      const files = contentsOf(this.#store, pod, volume);
      if (files === null) mkdirSync(directory, { recursive: true });
      else this.#show(name, directory, files);
      directories.set(name, directory);
    }
    return directories;
  }

  #claim(namespace: string, name: string): string {
    const claim = this.#store.get('/persistentvolumeclaims', namespace, name);
    if (claim === undefined) {
      throw new VolumeNotReady(`persistentvolumeclaim "${name}" not found`);
    }
    if (stringAt(claim, 'status', 'phase') !== 'Bound') {
      throw new VolumeNotReady(`persistentvolumeclaim "${name}" is not bound`);
    }
    return claimDirectory(this.#stateDir, claim);
  }

  #show(name: string, directory: string, files: Files): void {
    const mark = JSON.stringify(
      [...files].map(([path, content]) => [path, content.toString('base64')]),
    );
    if (this.#shown.get(name) === mark) return;
    project(directory, files);
    this.#shown.set(name, mark);
  }
}
