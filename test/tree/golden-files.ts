import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { decodeTxn } from '../../server/protocol/txn-codec.ts';
import type { Txn } from '../../server/protocol/txn.ts';
import type { StoredTree } from '../../server/tree/door.ts';
import type { Zxid } from '../../server/protocol/zxid.ts';

const home = join(import.meta.dirname, '../golden/disk');

export function goldenBytes(name: string): Buffer {
  return readFileSync(join(home, name));
}

export function goldenJson(name: string): unknown {
  return JSON.parse(goldenBytes(name).toString('utf8'));
}

/** Header of a snapshot file: magic, version, dbid. */
export const snapshotHeaderBytes = 16;

export function txnsOf(name: string): Txn[] {
  const bytes = goldenBytes(name);
  const txns: Txn[] = [];
  for (let at = 16; at + 12 <= bytes.length;) {
    const length = bytes.readInt32BE(at + 8);
    if (length <= 0) break;
    txns.push(decodeTxn(bytes.subarray(at + 12, at + 12 + length)));
    at += 12 + length + 1;
  }
  return txns;
}

/** Loads a snapshot's body in chunks; returns the body's length. */
export function load(
  tree: StoredTree,
  body: Uint8Array,
  zxid: Zxid,
  chunkBytes: number = body.length,
): number {
  const sink = tree.beginSnapshot();
  let consumed = 0;
  for (let at = 0; !sink.complete && at < body.length; at += chunkBytes) {
    consumed += sink.push(body.subarray(at, at + chunkBytes));
  }
  tree.endSnapshot(zxid);
  return consumed;
}

/** The whole body, in slices of about that many bytes. */
export function save(tree: StoredTree, sliceBytes: number = 64 * 1024): Buffer {
  const source = tree.snapshotSource();
  const slices: Buffer[] = [];
  for (;;) {
    const slice = source.next(sliceBytes);
    if (slice === null) return Buffer.concat(slices);
    slices.push(Buffer.from(slice));
  }
}

/** Everything that can be seen of a tree, by path. */
export function picture(tree: StoredTree): unknown {
  const nodes: Record<string, unknown> = {};
  const todo = ['/'];
  for (let path = todo.pop(); path !== undefined; path = todo.pop()) {
    const node = tree.find(path);
    const data = tree.data(node);
    nodes[path] = {
      data: data === null ? null : Buffer.from(data).toString('hex'),
      stat: tree.stat(node),
      owner: tree.ephemeralOwner(node),
      creates: tree.createsCount(node),
      digest: tree.nodeDigest(node),
      acl: tree.acl(node),
    };
    for (const name of tree.children(node))
      todo.push(path === '/' ? `/${name}` : `${path}/${name}`);
  }
  return { nodes, digest: tree.digest, sessions: new Map(tree.sessions), count: tree.nodeCount };
}
