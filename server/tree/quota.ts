import { nodeNone, type NodeRef, type Quota } from './door.ts';
import { word } from './node-record.ts';
import type { TreeState } from './tree-state.ts';

const home = '/zookeeper/quota';
const limitsName = '/zookeeper_limits';
const statsName = '/zookeeper_stats';

interface QuotaText {
  readonly count: number;
  readonly bytes: number;
  readonly countHardLimit: number;
  readonly bytesHardLimit: number;
}

/**
 * Which paths are under quota, and their usage, kept in the data of `zookeeper_stats` without a
 * trace in its stat.
 *
 * Source: semantics, section 9.
 */
export class Quotas {
  readonly #state: TreeState;
  readonly #paths = new Set<string>();

  constructor(state: TreeState) {
    this.#state = state;
  }

  /** Whether anything is to be done at all. */
  get areSet(): boolean {
    return this.#paths.size > 0;
  }

  /** A node was created. */
  created(path: string, dataBytes: number): void {
    if (path.startsWith(home) && path.charCodeAt(home.length) === 0x2f) {
      if (path.endsWith(limitsName)) this.#putUnderQuota(path);
      else if (path.endsWith(statsName)) this.#recount(subject(path, statsName));
    }
    this.adjust(path, 1, dataBytes);
  }

  /** A node was deleted. */
  deleted(path: string, dataBytes: number): void {
    if (path.startsWith(home) && path.endsWith(limitsName)) {
      this.#paths.delete(subject(path, limitsName));
    }
    this.adjust(path, -1, -dataBytes);
  }

  adjust(path: string, count: number, bytes: number): void {
    if (this.#paths.size === 0 || (count === 0 && bytes === 0)) return;
    const prefix = this.#prefixOf(path);
    if (prefix === null) return;
    const node = this.#state.find(home + prefix + statsName);
    if (node === nodeNone) return;
    const text = parseQuota(this.#text(node));
    this.#write(node, { ...text, count: text.count + count, bytes: text.bytes + bytes });
  }

  /** The quota that a path counts for. */
  of(path: string): Quota | null {
    const prefix = this.#paths.size === 0 ? null : this.#prefixOf(path);
    if (prefix === null) return null;
    const limits = this.#state.find(home + prefix + limitsName);
    const stats = this.#state.find(home + prefix + statsName);
    const limit = parseQuota(limits === nodeNone ? '' : this.#text(limits));
    const usage = parseQuota(stats === nodeNone ? 'count=0,bytes=0' : this.#text(stats));
    return {
      path: prefix,
      count: usage.count,
      bytes: usage.bytes,
      countHardLimit: limit.countHardLimit,
      bytesHardLimit: limit.bytesHardLimit,
    };
  }

  /** After a snapshot: finds all limits and recounts all usage. */
  recountAll(): void {
    this.#paths.clear();
    const { store } = this.#state;
    const top = this.#state.find(home);
    if (top === nodeNone) return;
    const stats: string[] = [];
    const end = store.nextAfter(top);
    for (let node = store.nextOf(top); node !== end; node = store.nextOf(node)) {
      if (store.firstChild(node) !== nodeNone) continue;
      const path = this.#state.pathOf(node);
      if (path.endsWith(limitsName)) this.#putUnderQuota(path);
      else if (path.endsWith(statsName)) stats.push(subject(path, statsName));
    }
    for (const path of stats) this.#recount(path);
  }

  clear(): void {
    this.#paths.clear();
  }

  #putUnderQuota(limitsPath: string): void {
    const path = subject(limitsPath, limitsName);
    if (path !== '') this.#paths.add(path);
  }

  #prefixOf(path: string): string | null {
    let prefix = path;
    while (prefix !== '') {
      if (this.#paths.has(prefix)) return prefix;
      prefix = prefix.slice(0, Math.max(prefix.lastIndexOf('/'), 0));
    }
    return null;
  }

  #recount(path: string): void {
    const { store } = this.#state;
    const top = path === '' ? nodeNone : this.#state.find(path);
    let count = 0;
    let bytes = 0;
    if (top !== nodeNone) {
      const end = store.nextAfter(top);
      for (let node = top; node !== end; node = store.nextOf(node)) {
        count += 1;
        bytes += Math.max(store.int(node, word.data), 0);
      }
    }
    const stats = this.#state.find(home + path + statsName);
    if (stats !== nodeNone) this.#write(stats, { ...parseQuota(this.#text(stats)), count, bytes });
  }

  #text(node: NodeRef): string {
    return this.#state.dataOf(node)?.toString('utf8') ?? '';
  }

  #write(node: NodeRef, text: QuotaText): void {
    this.#state.setData(node, Buffer.from(quotaText(text)));
  }
}

function subject(path: string, name: string): string {
  return path.slice(home.length, -name.length);
}

/** Tolerant: what is no number is no limit. */
export function parseQuota(text: string): QuotaText {
  const values = new Map<string, number>();
  for (const part of text.split(/[,;]+/)) {
    const equals = part.indexOf('=');
    if (equals <= 0) continue;
    const value = Number.parseInt(part.slice(equals + 1), 10);
    values.set(part.slice(0, equals), Number.isNaN(value) ? -1 : value);
  }
  return {
    count: values.get('count') ?? -1,
    bytes: values.get('bytes') ?? -1,
    countHardLimit: values.get('countHardLimit') ?? -1,
    bytesHardLimit: values.get('byteHardLimit') ?? -1,
  };
}

function quotaText(text: QuotaText): string {
  const { count, bytes, countHardLimit, bytesHardLimit } = text;
  const soft = `count=${count},bytes=${bytes}`;
  if (countHardLimit === -1 && bytesHardLimit === -1) return soft;
  return `${soft}=;byteHardLimit=${bytesHardLimit};countHardLimit=${countHardLimit}`;
}
