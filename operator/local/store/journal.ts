import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';
import type { KubeObject } from '../api/kube-object.ts';
import { namespaceOf } from '../api/kube-object.ts';

/** The journal is rewritten when it is larger than this and mostly history. */
const compactBytesMin = 4 * 2 ** 20;

export interface JournalEntry {
  readonly resource: string;
  readonly object: KubeObject;
}

/** Resources whose objects mean nothing to the next start: who holds a lease has ended with us. */
const volatileResources: ReadonlySet<string> = new Set(['coordination.k8s.io/leases']);

interface Line {
  readonly op: 'put' | 'remove' | 'revision';
  readonly resource?: string;
  readonly object?: KubeObject;
  readonly key?: string;
  readonly revision?: number;
}

/**
 * The objects of a store on disk: one JSON line for each write, rewritten when it grows too
 * long. A torn last line, the mark of a crash, is dropped. Not synced: this is a development
 * runtime, and the kernel keeps what a killed process wrote.
 */
export class Journal {
  readonly #path: string;
  readonly #live = new Map<string, JournalEntry>();
  #file: number;
  #bytes = 0;
  #revision = 0;

  constructor(path: string) {
    this.#path = path;
    mkdirSync(dirname(path), { recursive: true });
    this.#read();
    this.#file = -1;
    this.#rewrite();
  }

  /** Revision of the last write that was read back. */
  get revision(): number {
    return this.#revision;
  }

  load(): Iterable<JournalEntry> {
    return this.#live.values();
  }

  put(resource: string, object: KubeObject): void {
    this.#revision = Number(object.metadata.resourceVersion);
    if (volatileResources.has(resource)) return;
    this.#live.set(`${resource}/${namespaceOf(object)}/${object.metadata.name}`, {
      resource,
      object,
    });
    this.#append({ op: 'put', resource, object });
  }

  remove(resource: string, namespace: string, name: string, revision: number): void {
    this.#revision = revision;
    if (volatileResources.has(resource)) return;
    const key = `${resource}/${namespace}/${name}`;
    this.#live.delete(key);
    this.#append({ op: 'remove', key, revision });
  }

  close(): void {
    if (this.#file < 0) return;
    this.#append({ op: 'revision', revision: this.#revision });
    closeSync(this.#file);
    this.#file = -1;
  }

  #read(): void {
    if (!existsSync(this.#path)) return;
    for (const text of readFileSync(this.#path, 'utf8').split('\n')) {
      if (text === '') continue;
      let line: Line;
      try {
        line = JSON.parse(text) as Line;
      } catch {
        break;
      }
      this.#replay(line);
    }
  }

  #replay(line: Line): void {
    if (line.object !== undefined && line.resource !== undefined) {
      const { resource, object } = line;
      const key = `${resource}/${namespaceOf(object)}/${object.metadata.name}`;
      this.#live.set(key, { resource, object });
      this.#revision = Math.max(this.#revision, Number(object.metadata.resourceVersion));
    } else if (line.op === 'remove' && line.key !== undefined) {
      this.#live.delete(line.key);
    }
    this.#revision = Math.max(this.#revision, line.revision ?? 0);
  }

  #append(line: Line): void {
    if (this.#file < 0) return;
    const text = `${JSON.stringify(line)}\n`;
    writeSync(this.#file, text);
    this.#bytes += Buffer.byteLength(text);
    if (this.#bytes > compactBytesMin) this.#rewrite();
  }

  /** Writes what lives to a new file and puts it in the old one's place. */
  #rewrite(): void {
    const lines = [...this.#live.values()].map((entry) =>
      JSON.stringify({ op: 'put', resource: entry.resource, object: entry.object }),
    );
    lines.push(JSON.stringify({ op: 'revision', revision: this.#revision }), '');
    const next = `${this.#path}.next`;
    writeFileSync(next, lines.join('\n'), { mode: 0o600 });
    if (this.#file >= 0) closeSync(this.#file);
    renameSync(next, this.#path);
    this.#file = openSync(this.#path, 'a', 0o600);
    // The live part is paid for; what counts towards the next rewrite is history.
    this.#bytes = 0;
  }
}
