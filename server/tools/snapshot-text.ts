import { javaDate, jsonString, shortHex, wideHex } from './java-text.ts';
import { childrenOf, nameOf, type IndexedNode, type SnapshotIndex } from './snapshot-index.ts';

/** Reads a node's data again; it is not kept in memory. */
export type DataReader = (node: IndexedNode) => Buffer;

/**
 * A snapshot as SnapshotFormatter prints it: every node with its numbers, then the sessions.
 *
 * @param readData prints each node's data in base64 instead of its length.
 */
export function* snapshotText(
  index: SnapshotIndex,
  readData: DataReader | null,
): Generator<string> {
  // The reference counts the root twice.
  yield `ZNode Details (count=${index.nodeCount + 1}):\n----\n`;
  for (const node of walk(index.root)) yield nodeText(node, readData);
  yield 'Session Details (sid, timeout, ephemeralCount):\n';
  for (const { id, timeoutMs, ephemeralCount } of index.sessions) {
    yield `${shortHex(id)}, ${timeoutMs}, ${ephemeralCount}\n`;
  }
  yield `----\nLast zxid: ${shortHex(index.lastZxid)}\n`;
}

/** Depth first, parents first, as the reference walks. */
export function* walk(root: IndexedNode): Generator<IndexedNode> {
  const left: IndexedNode[] = [root];
  for (let node = left.pop(); node !== undefined; node = left.pop()) {
    yield node;
    const children = childrenOf(node);
    for (let at = children.length - 1; at >= 0; at -= 1) left.push(children[at] as IndexedNode);
  }
}

function nodeText(node: IndexedNode, readData: DataReader | null): string {
  const { stat } = node;
  const data =
    readData === null
      ? `dataLength = ${node.dataBytes}`
      : `data = ${readData(node).toString('base64')}`;
  return `${node.path}
  cZxid = ${wideHex(stat.czxid)}
  ctime = ${javaDate(stat.ctimeMs)}
  mZxid = ${wideHex(stat.mzxid)}
  mtime = ${javaDate(stat.mtimeMs)}
  pZxid = ${wideHex(stat.pzxid)}
  cversion = ${stat.cversion}
  dataVersion = ${stat.version}
  aclVersion = ${stat.aversion}
  ephemeralOwner = ${wideHex(stat.ephemeralOwner)}
  ${data}
----
`;
}

/** Number of the first node in the JSON form. */
const inodeFirst = 1001;

/**
 * A snapshot in the JSON form of SnapshotFormatter, which ncdu reads: a node without children is an
 * object, one with children an array of itself and them.
 */
export function* snapshotJson(index: SnapshotIndex, wallMs: number): Generator<string> {
  const tool = `{"progname":"SnapshotFormatter.java","progver":"0.01","timestamp":${wallMs}}`;
  yield `[1,0,${tool}`;
  let inode = inodeFirst;
  const left: (IndexedNode | null)[] = [index.root];
  for (let node = left.pop(); node !== undefined; node = left.pop()) {
    if (node === null) {
      yield ']';
      continue;
    }
    const name = jsonString(node.path === '/' ? '/' : nameOf(node.path));
    const { dataBytes } = node;
    const object = `{"name":${name},"asize":${dataBytes},"dsize":${dataBytes},"dev":0,"ino":${inode}}`;
    inode += 1;
    const children = childrenOf(node);
    yield children.length === 0 ? `,${object}` : `,[${object}`;
    if (children.length === 0) continue;
    left.push(null);
    for (let at = children.length - 1; at >= 0; at -= 1) left.push(children[at] as IndexedNode);
  }
  yield ']';
}

/**
 * What a subtree holds, level by level, as SnapshotRecursiveSummary prints it: nodes that have
 * children, with the count of their descendants and the bytes of all.
 *
 * @param depthMax levels printed below the first; 0: all.
 */
export function* snapshotSummary(root: IndexedNode, depthMax: number): Generator<string> {
  const totals = subtreeTotals(root);
  const left: { readonly node: IndexedNode; readonly depth: number }[] = [{ node: root, depth: 0 }];
  for (let next = left.pop(); next !== undefined; next = left.pop()) {
    const { node, depth } = next;
    if (node.children === null || (depthMax !== 0 && depth > depthMax)) continue;
    const { count, bytes } = totals.get(node) ?? { count: 0, bytes: 0 };
    const indent = '--'.repeat(depth);
    yield `${indent} ${node.path}\n${indent}   children: ${count}\n${indent}   data: ${bytes}\n`;
    const children = childrenOf(node);
    for (let at = children.length - 1; at >= 0; at -= 1) {
      left.push({ node: children[at] as IndexedNode, depth: depth + 1 });
    }
  }
  yield '\n';
}

/** Descendants, and bytes of data with the node's own, of every node of a subtree. */
export function subtreeTotals(
  root: IndexedNode,
): ReadonlyMap<IndexedNode, { readonly count: number; readonly bytes: number }> {
  const order: IndexedNode[] = [];
  const left = [root];
  for (let node = left.pop(); node !== undefined; node = left.pop()) {
    order.push(node);
    for (const child of node.children ?? []) left.push(child);
  }
  const totals = new Map<IndexedNode, { count: number; bytes: number }>();
  for (const node of order.toReversed()) {
    const own = { count: 0, bytes: node.dataBytes };
    for (const child of node.children ?? []) {
      const below = totals.get(child) ?? { count: 0, bytes: 0 };
      own.count += below.count + 1;
      own.bytes += below.bytes;
    }
    totals.set(node, own);
  }
  return totals;
}
