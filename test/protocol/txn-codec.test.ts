import assert from 'node:assert/strict';
import { test } from 'node:test';

import { JuteError } from '../../server/protocol/jute.ts';
import * as codec from '../../server/protocol/txn-codec.ts';
import type { Txn } from '../../server/protocol/txn.ts';
import { goldenBytes, quorumConnections, readGolden } from './golden.ts';

// Goal: transactions of the reference's logs and proposals read and write back byte for byte.
// Method: recorded logs of every switch, recorded proposals, every truncation of each.

interface RecordedLog {
  readonly decoded: { readonly entries: readonly RecordedEntry[] };
}

interface RecordedEntry {
  readonly hdr: Readonly<Record<'clientId' | 'cxid' | 'zxid' | 'time' | 'type', number>>;
  readonly digest: { readonly treeDigest: number } | null;
  readonly offset: number;
  readonly len: number;
}

const logs: readonly string[] = [
  'log.100000001.before-trunc',
  'log.100000001.after-trunc',
  'log.200000001',
  'standalone-default-log.1',
  'standalone-nodigest-log.1',
  'standalone-noclosetxn-log.1',
];

/** Payloads of a log's entries: i64 checksum, i32 length, payload, end byte, from byte 16 on. */
function payloadsOf(log: Buffer): Buffer[] {
  const payloads: Buffer[] = [];
  let at = 16;
  while (at + 12 <= log.length) {
    const length = log.readInt32BE(at + 8);
    if (length <= 0) break;
    payloads.push(log.subarray(at + 12, at + 12 + length));
    at += 13 + length;
  }
  return payloads;
}

for (const name of logs) {
  test(`${name} reads as recorded and writes the same bytes`, () => {
    const { entries } = (readGolden(`disk/${name}.json`) as RecordedLog).decoded;
    const payloads = payloadsOf(goldenBytes(`disk/${name}`));
    assert.equal(payloads.length, entries.length);
    for (const [index, payload] of payloads.entries()) {
      const entry = entries[index];
      assert.ok(entry !== undefined);
      const txn = codec.decodeTxn(payload);
      assert.equal(txn.header.zxid, entry.hdr.zxid);
      assert.equal(txn.header.cxid, entry.hdr.cxid);
      assert.equal(txn.header.timeMs, entry.hdr.time);
      assert.equal(Number(txn.header.sessionId), entry.hdr.clientId);
      assert.equal(txn.body.type, entry.hdr.type);
      assert.equal(
        txn.digest === null ? null : Number(txn.digest),
        entry.digest?.treeDigest ?? null,
      );
      assert.deepEqual(codec.encodeTxn(txn), payload, `entry ${index}`);
    }
  });
}

function proposals(): Buffer[] {
  return ['follower_traffic', 'container_ttl_expiry', 'observer_join_and_inform', 'join_diff']
    .flatMap(quorumConnections)
    .flat()
    .filter((vector) => vector.typeName === 'PROPOSAL' || vector.typeName === 'INFORM')
    .map((vector) => {
      const packet = Buffer.from(vector.hex, 'hex');
      return packet.subarray(16, 16 + packet.readInt32BE(12));
    });
}

test('recorded proposals write the same bytes, and peeking agrees with decoding', () => {
  const seen = new Set<number>();
  for (const bytes of proposals()) {
    const txn = codec.decodeTxn(bytes);
    assert.deepEqual(codec.encodeTxn(txn), bytes);
    assert.deepEqual(codec.peekTxnHeader(bytes), { ...txn.header, type: txn.body.type });
    assert.equal(codec.peekTxnZxid(bytes), txn.header.zxid);
    assert.equal(codec.peekTxnType(bytes), txn.body.type);
    seen.add(txn.body.type);
  }
  const all = [-11, -10, -1, 1, 2, 5, 7, 14, 15, 19, 20, 21];
  assert.deepEqual(
    [...seen].sort((a, b) => a - b),
    all,
  );
});

test('a place inside other bytes is read there', () => {
  const [bytes] = proposals();
  assert.ok(bytes !== undefined);
  const inside = Buffer.concat([Buffer.alloc(5, 0xff), bytes, Buffer.alloc(5, 0xff)]);
  assert.deepEqual(codec.decodeTxn(inside, 5, 5 + bytes.length), codec.decodeTxn(bytes));
  assert.equal(codec.peekTxnZxid(inside, 5), codec.peekTxnZxid(bytes));
});

test('a transaction cut anywhere is refused, or is one without its optional end', () => {
  for (const bytes of proposals()) {
    const whole = codec.decodeTxn(bytes);
    for (let end = 0; end < bytes.length; end += 1) {
      let cut: Txn;
      try {
        cut = codec.decodeTxn(bytes, 0, end);
      } catch (error) {
        assert.ok(error instanceof JuteError, String(error));
        continue;
      }
      // Twelve bytes of a longer list of paths look like a digest.
      const isList = cut.body.type === -11 && cut.body.paths === null;
      assert.ok(cut.digest === null || isList, `type ${cut.body.type} cut at ${end}`);
      assert.deepEqual(cut.header, whole.header);
      assert.deepEqual(codec.encodeTxn(cut).subarray(0, end), bytes.subarray(0, end));
    }
  }
});

test('an old create without the parent counter, and an old close without a list, are read', () => {
  const payloads = payloadsOf(goldenBytes('disk/handmade-v0-log.1'));
  const bodies = payloads.map((bytes) => codec.decodeTxn(bytes).body);
  const creates = bodies.filter((body) => body.type === 1);
  const closes = bodies.filter((body) => body.type === -11);
  assert.ok(creates.length > 0 && closes.length > 0);
  assert.ok(creates.every((body) => body.type === 1 && body.parentCversion === -1));
  assert.ok(closes.every((body) => body.type === -11 && body.paths === null));
});

test('a close with a digest and no list keeps its digest', () => {
  const payloads = payloadsOf(goldenBytes('disk/standalone-noclosetxn-log.1'));
  const close = payloads
    .map((bytes) => codec.decodeTxn(bytes))
    .find((txn) => txn.body.type === -11);
  assert.deepEqual(close?.body, { type: -11, paths: null });
  assert.notEqual(close?.digest, null);
});

test('a bare check, an unknown type and a lying length in a multi are refused', () => {
  const header = '0000000000000001 00000001 0000000100000001 0000000000000001';
  for (const record of [
    '0000000d 000000022f61 00000001',
    '00000063',
    '0000000e 00000001 00000002 7fffffff',
    '0000000e 00000001 00000002 ffffffff',
    '0000000e 00000001 0000000e 00000004 00000000',
  ]) {
    const bytes = Buffer.from(`${header}${record}`.replaceAll(' ', ''), 'hex');
    assert.throws(() => codec.decodeTxn(bytes), JuteError, record);
  }
});
