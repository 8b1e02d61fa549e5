import { parseSnapshotName } from '../storage/snapshot-format.ts';
import { inJavaOrder, javaLongHash, javaStringHash } from './java-order.ts';
import {
  readPersistedStat,
  SnapshotDamage,
  SnapshotRecords,
  type NodeRecord,
  type PersistedStat,
  type SnapshotTrailer,
} from './snapshot-records.ts';

/** A node of a snapshot: its place and its numbers, not its data. */
export class IndexedNode {
  /** `/` is the root. */
  readonly path: string;
  readonly dataBytes: number;
  /** Offset of the data in the uncompressed file; not looked at beside {@link text}. */
  readonly dataAt: number;
  /** Data that is not the file's own; `null`: it is. */
  readonly text: string | null;
  /** In the order of the file; `null`: none. */
  children: IndexedNode[] | null = null;
  /** A million numbers as objects would take more than their nodes. */
  readonly #stat: Buffer;

  constructor(place: Pick<IndexedNode, 'path' | 'dataBytes' | 'dataAt' | 'text'>, stat: Buffer) {
    this.path = place.path;
    this.dataBytes = place.dataBytes;
    this.dataAt = place.dataAt;
    this.text = place.text;
    this.#stat = stat;
  }

  get stat(): PersistedStat {
    return readPersistedStat(this.#stat, 0);
  }

  /** The same node with data of our own. */
  withText(text: string): IndexedNode {
    const place = { path: this.path, dataBytes: text.length, dataAt: -1, text };
    const node = new IndexedNode(place, this.#stat);
    node.children = this.children;
    return node;
  }
}

export interface IndexedSession {
  readonly id: bigint;
  readonly timeoutMs: number;
  readonly ephemeralCount: number;
}

/** A snapshot as its tools look at it. Takes memory by the number of nodes, not by their data. */
export interface SnapshotIndex {
  readonly root: IndexedNode;
  readonly nodeCount: number;
  find(path: string): IndexedNode | null;
  /** In the order in which the reference lists them. */
  readonly sessions: readonly IndexedSession[];
  /** The newest that any node, or the file's name, speaks of. */
  readonly lastZxid: bigint;
  /** Or what is wrong with the file's end or checksums: the nodes are those of a damaged file. */
  readonly trailer: SnapshotTrailer | SnapshotDamage;
}

/** A set of children begins with so many buckets in the reference. */
const childBuckets = 8;

/** @throws SnapshotDamage when the nodes cannot be read to their end. */
export async function indexSnapshot(
  chunks: AsyncIterable<Buffer>,
  fileName: string,
): Promise<SnapshotIndex> {
  const nodes = new Map<string, IndexedNode>();
  const sessions: { readonly id: bigint; readonly timeoutMs: number }[] = [];
  const owned = new Map<bigint, number>();
  const named = parseSnapshotName(fileName.slice(fileName.lastIndexOf('/') + 1));
  let lastZxid = BigInt(named?.zxid ?? -1);
  const records = new SnapshotRecords();
  for await (const chunk of chunks) {
    for (const record of records.push(chunk)) {
      if (record.type === 'session') sessions.push(record);
      if (record.type !== 'node') continue;
      addNode(nodes, record);
      const { czxid, mzxid, pzxid, ephemeralOwner } = readPersistedStat(record.statBytes, 0);
      for (const zxid of [czxid, mzxid, pzxid]) if (zxid > lastZxid) lastZxid = zxid;
      if (ephemeralOwner !== 0n) owned.set(ephemeralOwner, (owned.get(ephemeralOwner) ?? 0) + 1);
    }
  }
  const trailer = trailerOf(records);
  const root = nodes.get('/');
  if (root === undefined) throw new SnapshotDamage('it has no root node');
  recountQuotas(nodes);
  return {
    root,
    nodeCount: nodes.size,
    find: (path) => nodes.get(path) ?? null,
    sessions: inJavaOrder(sessions, (session) => javaLongHash(session.id)).map((session) => ({
      ...session,
      ephemeralCount: owned.get(session.id) ?? 0,
    })),
    lastZxid,
    trailer,
  };
}

/** In the order in which the reference walks them. */
export function childrenOf(node: IndexedNode): readonly IndexedNode[] {
  if (node.children === null) return [];
  return inJavaOrder(node.children, (child) => javaStringHash(nameOf(child.path)), childBuckets);
}

export function nameOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

function addNode(nodes: Map<string, IndexedNode>, record: NodeRecord): void {
  const path = record.path === '' ? '/' : record.path;
  if (path !== '/' && !nodes.has(parentOf(path))) {
    throw new SnapshotDamage(`${JSON.stringify(path)} comes without its parent`);
  }
  const place = { path, dataBytes: record.data?.length ?? 0, dataAt: record.dataAt, text: null };
  link(nodes, new IndexedNode(place, Buffer.from(record.statBytes)));
}

/** Puts a node in its parent's list, in place of an older one of that path. */
function link(nodes: Map<string, IndexedNode>, node: IndexedNode): void {
  const parent = node.path === '/' ? undefined : nodes.get(parentOf(node.path));
  const older = nodes.get(node.path);
  nodes.set(node.path, node);
  if (parent === undefined) return;
  parent.children ??= [];
  if (older === undefined) parent.children.push(node);
  else parent.children[parent.children.indexOf(older)] = node;
}

function parentOf(path: string): string {
  return path.slice(0, path.lastIndexOf('/')) || '/';
}

function trailerOf(records: SnapshotRecords): SnapshotTrailer | SnapshotDamage {
  try {
    return records.end();
  } catch (error) {
    if (!(error instanceof SnapshotDamage) || !records.isBodyComplete) throw error;
    return error;
  }
}

const quotaRoot = '/zookeeper/quota';

/** A server counts what is below a quota when it loads a snapshot, and so do the reference's tools. */
function recountQuotas(nodes: Map<string, IndexedNode>): void {
  for (const [path, node] of nodes) {
    if (!path.startsWith(`${quotaRoot}/`) || !path.endsWith('/zookeeper_stats')) continue;
    const subject = path.slice(quotaRoot.length, path.lastIndexOf('/'));
    const { count, bytes } = totalsOf(nodes.get(subject) ?? null);
    const text = `count=${count},bytes=${bytes}`;
    link(nodes, node.withText(text));
  }
}

/** Nodes and bytes of data of a subtree, its own root counted. */
export function totalsOf(node: IndexedNode | null): { count: number; bytes: number } {
  const totals = { count: 0, bytes: 0 };
  const left = node === null ? [] : [node];
  for (let next = left.pop(); next !== undefined; next = left.pop()) {
    totals.count += 1;
    totals.bytes += next.dataBytes;
    for (const child of next.children ?? []) left.push(child);
  }
  return totals;
}
