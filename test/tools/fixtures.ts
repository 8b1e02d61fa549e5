import { writeFileSync } from 'node:fs';
import type { Acl } from '../../server/protocol/acl.ts';
import type { SessionId } from '../../server/protocol/session-id.ts';
import type { Txn, TxnBody } from '../../server/protocol/txn.ts';
import { encodeTxn } from '../../server/protocol/txn-codec.ts';
import { zxidOf, type Zxid } from '../../server/protocol/zxid.ts';
import { snapshotBytes } from '../../server/storage/snapshot-bytes.ts';
import {
  entryOverheadBytes,
  writeEntry,
  writeLogHeader,
} from '../../server/storage/txn-log-format.ts';
import type { Said } from '../../server/tools/saying.ts';
import { createTree } from '../../server/tree/data-tree.ts';

const world: readonly Acl[] = [{ perms: 31, id: { scheme: 'world', id: 'anyone' } }];
const odd: readonly Acl[] = [
  { perms: 1, id: { scheme: 'ip', id: '10.0.0.0/8' } },
  { perms: 31, id: { scheme: 'digest', id: "a,b}'%\n\r\0:x=" } },
];
const oddPath = "/a'q,}%\n\té€😀";
const bytes = (text: string): Uint8Array => Buffer.from(text);
const binary = Buffer.from([0, 1, 9, 10, 13, 0x1f, 0x7f, 0x80, 0xff, 0xc3]);

/** A transaction of every type, with everything that a text form has to escape. */
export const everyBody: readonly TxnBody[] = [
  { type: -10, timeoutMs: 4000 },
  { type: 1, path: '/a', data: bytes('x,y;z'), acl: odd, ephemeral: false, parentCversion: 1 },
  { type: 1, path: oddPath, data: binary, acl: [], ephemeral: true, parentCversion: -1 },
  { type: 15, path: '/b', data: null, acl: [], ephemeral: false, parentCversion: 2 ** 31 - 1 },
  { type: 19, path: '/c', data: bytes(''), acl: odd, parentCversion: 3 },
  { type: 21, path: '/d', data: bytes('d'), acl: world, parentCversion: 4, ttlMs: 123_456_789_012 },
  { type: 2, path: oddPath },
  { type: 20, path: '/c' },
  { type: 5, path: '/a', data: bytes('new,}%\n data'), version: 7 },
  { type: 5, path: '/a', data: null, version: 8 },
  { type: 16, path: '/zookeeper/config', data: bytes('server.1=x\nversion=1'), version: -1 },
  { type: 7, path: '/a', acl: odd, version: 2 },
  { type: -1, error: -110 },
  { type: -11, paths: [] },
  { type: -11, paths: ['/a', "/q',}%"] },
  { type: -11, paths: null },
  {
    type: 14,
    txns: [
      { type: 1, path: '/m', data: bytes('m'), acl: world, ephemeral: false, parentCversion: 5 },
      { type: 15, path: '/m2', data: binary, acl: odd, ephemeral: true, parentCversion: 5 },
      { type: 19, path: '/c', data: null, acl: world, parentCversion: 3 },
      { type: 21, path: '/d', data: bytes('d'), acl: world, parentCversion: 4, ttlMs: 5 },
      { type: 2, path: '/a/é' },
      { type: 20, path: '/c' },
      { type: 5, path: '/a', data: bytes('s'), version: 97 },
      { type: 7, path: '/a', acl: world, version: 1 },
      { type: 13, path: '/check', version: 65 },
    ],
  },
  {
    type: 14,
    txns: [
      { type: -1, error: 0 },
      { type: -1, error: -101 },
      { type: -1, error: -2 },
    ],
  },
  { type: 14, txns: [] },
];

/** Afternoon, the epoch, noon, and the last second before one o'clock. */
const times = [1_764_097_944_123, 0, 1_751_371_200_000, 1_764_072_000_000, 1_764_075_599_000];

/** Nine transactions of epoch 1, the rest of epoch 2. */
export function zxidAt(index: number): Zxid {
  return index < 9 ? zxidOf(1, index + 1) : zxidOf(2, index - 8);
}

function txnAt(body: TxnBody, index: number): Txn {
  const sessionId = index % 3 === 2 ? -0xffffffffffffffn : 0x100002a88180000n + BigInt(index);
  const header = {
    sessionId: sessionId as SessionId,
    cxid: index * 1000 - 5,
    zxid: zxidAt(index),
    timeMs: times[index % times.length] as number,
  };
  return { header, body, digest: index % 2 === 0 ? null : BigInt(index - 9) };
}

/** Where an entry stands in a log's bytes. */
export interface EntryPlace {
  readonly index: number;
  readonly at: number;
  /** Behind its end byte. */
  readonly end: number;
}

export interface LogOptions {
  /** Changes bytes of an entry. */
  readonly spoil?: (log: Buffer, entry: EntryPlace) => void;
  /** The file ends here. */
  readonly endAt?: number;
  /** Zeros behind the entries. */
  readonly paddingBytes?: number;
}

/** A log with {@link everyBody}. Returns the entries' places. */
export function writeLog(path: string, options: LogOptions = {}): EntryPlace[] {
  const payloads = everyBody.map((body, index) => encodeTxn(txnAt(body, index)));
  const size = payloads.reduce((sum, payload) => sum + payload.length + entryOverheadBytes, 16);
  const log = Buffer.alloc(size + (options.paddingBytes ?? 0));
  let end = writeLogHeader(log, 0);
  const places = payloads.map((payload, index) => {
    const at = end;
    end = writeEntry(log, at, payload);
    return { index, at, end };
  });
  for (const place of places) options.spoil?.(log, place);
  writeFileSync(path, log.subarray(0, options.endAt));
  return places;
}

/** Makes the stored checksum of some entries wrong. */
export function wrongChecksum(...indexes: readonly number[]): NonNullable<LogOptions['spoil']> {
  return (log, { index, at }) => {
    if (indexes.includes(index)) log.writeUInt8(log.readUInt8(at + 7) ^ 0x55, at + 7);
  };
}

/** A tree with many and few children, odd names and data, sessions, owners of every kind, a quota. */
export function writeSnapshots(before: string, after: string): void {
  const tree = createTree({ extendedTypesEnabled: true, hashSeed: 1 });
  let counter = 0;
  const apply = (body: TxnBody, sessionId: bigint = 0x100002a88180000n): void => {
    counter += 1;
    const timeMs = 1_764_097_944_123 + counter;
    const header = { sessionId: sessionId as SessionId, cxid: 1, zxid: zxidOf(1, counter), timeMs };
    tree.apply({ header, body, digest: null });
  };
  const create = (path: string, data: Uint8Array | null, owner?: bigint): void => {
    const ephemeral = owner !== undefined;
    apply({ type: 1, path, data, acl: world, ephemeral, parentCversion: -1 }, owner);
  };
  for (let index = 0; index < 40; index += 1) {
    apply({ type: -10, timeoutMs: 4000 + index }, 0x100002a88180000n + BigInt(index * 7919));
  }
  apply({ type: -10, timeoutMs: 30_000 }, -0xffffffffffffffn);
  for (let group = 0; group < 14; group += 1) {
    create(`/n${group}`, bytes(`d${group}`));
    for (let child = 0; child < group * 7; child += 1) {
      create(`/n${group}/c-${String(child).padStart(10, '0')}`, bytes('x'.repeat(child)));
    }
  }
  create('/odd', bytes('w'));
  const names = [
    "a'b",
    'q"uote',
    'back\\slash',
    'tab\tx',
    'nl\nx',
    'é€😀',
    '</script>',
    '\u2028',
    '%,}',
  ];
  for (const name of names) create(`/odd/${name}`, bytes(name));
  create('/binary', binary);
  create('/null', null);
  create('/empty', bytes(''));
  create('/ephemeral', bytes('e'), 0x100002a88180000n);
  create('/ephemeral-too', bytes('e'), -0xffffffffffffffn);
  apply({ type: 19, path: '/container', data: null, acl: world, parentCversion: -1 });
  apply({
    type: 21,
    path: '/ttl',
    data: bytes('t'),
    acl: odd,
    parentCversion: -1,
    ttlMs: 3_600_000,
  });
  for (const path of ['/deep', '/deep/a', '/deep/a/b', '/deep/a/b/c', '/deep/a/b/c/d']) {
    create(path, bytes(path));
  }
  create('/zookeeper/quota/deep', bytes(''));
  create('/zookeeper/quota/deep/zookeeper_limits', bytes('count=1000,bytes=100000'));
  create('/zookeeper/quota/deep/zookeeper_stats', bytes('count=0,bytes=0'));
  apply({ type: 5, path: '/deep/a', data: bytes('utf8 é'), version: 3 });
  writeFileSync(before, snapshotBytes(tree.snapshotSource()));
  create('/later', bytes('1234567'));
  apply({ type: 2, path: '/n1/c-0000000000' });
  apply({ type: 2, path: '/deep/a/b/c/d' });
  apply({ type: 5, path: '/n5', data: Buffer.alloc(1000), version: 1 });
  writeFileSync(after, snapshotBytes(tree.snapshotSource()));
}

/** What a tool said, and how it ended. */
export interface Outcome {
  readonly output: string;
  readonly problems: readonly string[];
  readonly exitCode: number;
}

/** Lets a tool work; `answers` are given to its questions in turn. */
export async function outcomeOf(
  work: Generator<Said, number, string> | AsyncGenerator<Said, number, string>,
  answers: readonly string[] = [],
): Promise<Outcome> {
  const left = [...answers];
  const problems: string[] = [];
  let output = '';
  let answer = '';
  while (true) {
    const step = await work.next(answer);
    if (step.done === true) return { output, problems, exitCode: step.value };
    const said = step.value;
    if (typeof said === 'string') output += said;
    else if ('problem' in said) problems.push(said.problem);
    else {
      output += said.question;
      answer = left.shift() ?? 'abort';
    }
  }
}
