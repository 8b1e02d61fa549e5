import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Acl } from '../../server/protocol/acl.ts';
import type { SessionId } from '../../server/protocol/session-id.ts';
import type { Txn, TxnBody } from '../../server/protocol/txn.ts';
import type { Zxid } from '../../server/protocol/zxid.ts';
import type { Prep, WriteOp } from '../../server/prep/door.ts';
import { createPrep } from '../../server/prep/prep.ts';
import { optionsDefault } from './fixture.ts';
import { PlainTree } from './plain-tree.ts';

// Goal: from the requests that the reference was given, the same transactions and digests.
// Method: a log that it wrote is turned back into requests; what is prepared from them must be
// what the log holds, one by one as well as with everything outstanding.

interface Entry {
  readonly hdr: { clientId: string; cxid: number; zxid: number; time: number; type: number };
  readonly txn: RecordedTxn;
  readonly digest: { readonly treeDigest: number } | null;
}

interface RecordedTxn {
  readonly path: string;
  readonly data: { readonly hex: string } | null;
  readonly acl: readonly Acl[];
  readonly ephemeral: boolean;
  readonly parentCVersion: number;
  readonly version: number;
  readonly timeOut: number;
  readonly ttl: number;
  readonly err: number;
  readonly paths2Delete: readonly string[];
  readonly txns: readonly { readonly type: number; readonly txn: RecordedTxn }[];
}

const file = join(import.meta.dirname, '../golden/disk/standalone-default-log.1.json');
/** Session ids are beyond what a number of JSON holds: read as text. */
const text = readFileSync(file, 'utf8').replaceAll(/"clientId": (-?\d+)/g, '"clientId": "$1"');
const entries = (JSON.parse(text) as { decoded: { entries: Entry[] } }).decoded.entries;

/** What the client asked for, as far as the log tells; refused operations by another way to fail. */
function requestOf(type: number, txn: RecordedTxn): WriteOp {
  const { path } = txn;
  const data = txn.data === null ? null : Buffer.from(txn.data?.hex ?? '', 'hex');
  switch (type) {
    case -10:
      return { op: 'createSession', timeoutMs: txn.timeOut };
    case -11:
      return { op: 'closeSession' };
    case 1:
    case 15:
    case 19:
    case 21: {
      const sequence = String(txn.parentCVersion - 1).padStart(10, '0');
      const isSequential = path.endsWith(sequence);
      const flags = type === 21 ? 5 : Number(txn.ephemeral ?? false) + (isSequential ? 2 : 0);
      const asked = isSequential ? path.slice(0, -sequence.length) : path;
      const ttlMs = type === 21 ? txn.ttl : -1;
      return { op: 'create', opCode: type, path: asked, data, acl: txn.acl, flags, ttlMs };
    }
    case 2:
      return { op: 'delete', path, version: -1 };
    case 5:
      return { op: 'setData', path, data, version: txn.version - 1 };
    case 7:
      return { op: 'setAcl', path, acl: txn.acl, version: txn.version - 1 };
    case 13:
      return { op: 'check', path, version: txn.version - 1 };
    case 14:
      return { op: 'multi', ops: txn.txns.map((each) => requestOf(each.type, each.txn)) };
    case -1:
      return txn.err === -103
        ? { op: 'setData', path: '/t0', data: null, version: 77 }
        : { op: 'delete', path: '/nope', version: -1 };
    default:
      throw new Error(`type ${type} in the log`);
  }
}

function bodyOf(type: number, txn: RecordedTxn): TxnBody {
  const { path, acl, parentCVersion: parentCversion } = txn;
  const data = txn.data === null ? null : Buffer.from(txn.data?.hex ?? '', 'hex');
  switch (type) {
    case -10:
      return { type, timeoutMs: txn.timeOut };
    case -11:
      return { type, paths: txn.paths2Delete };
    case 1:
    case 15:
      return { type, path, data, acl, ephemeral: txn.ephemeral, parentCversion };
    case 19:
      return { type, path, data, acl, parentCversion };
    case 21:
      return { type, path, data, acl, parentCversion, ttlMs: txn.ttl };
    case 2:
      return { type, path };
    case 5:
      return { type, path, data, version: txn.version };
    case 7:
      return { type, path, acl, version: txn.version };
    case 13:
      return { type, path, version: txn.version };
    case 14:
      return { type, txns: txn.txns.map((each) => bodyOf(each.type, each.txn)) };
    default:
      return { type: -1, error: txn.err as -101 };
  }
}

function prepared(prep: Prep, entry: Entry): Txn {
  const { clientId, cxid, zxid, time, type } = entry.hdr;
  const request = {
    sessionId: BigInt(clientId) as SessionId,
    cxid,
    op: requestOf(type, entry.txn),
    authIds: [],
    internal: false,
  };
  return prep.prepare(request, zxid as Zxid, time);
}

function assertSame(txn: Txn, entry: Entry): void {
  const { zxid, type } = entry.hdr;
  assert.deepEqual(txn.body, bodyOf(type, entry.txn), `body of ${zxid}`);
  const digest = entry.digest === null ? null : BigInt(entry.digest.treeDigest);
  assert.equal(txn.digest, digest, `digest of ${zxid}`);
}

test('the log has what makes it worth comparing', () => {
  const types = new Set(entries.map((entry) => entry.hdr.type));
  for (const type of [-11, -10, -1, 1, 2, 5, 7, 14, 15, 19, 21])
    assert.ok(types.has(type), `${type}`);
});

test('one by one, each request becomes the recorded transaction with the recorded digest', () => {
  const tree = new PlainTree();
  const prep = createPrep(optionsDefault, tree.asReader());
  for (const entry of entries) {
    const txn = prepared(prep, entry);
    assertSame(txn, entry);
    tree.apply(txn);
    prep.applied(txn.header.zxid);
  }
});

test('with nothing applied yet, the same transactions and digests', () => {
  const prep = createPrep(optionsDefault, new PlainTree().asReader());
  for (const entry of entries) assertSame(prepared(prep, entry), entry);
});
