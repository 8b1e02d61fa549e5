import assert from 'node:assert/strict';
import { test } from 'node:test';

import { connectRequest, connectResponse } from '../../server/protocol/connect.ts';
import { readReplyHeader, writeReplyHeader } from '../../server/protocol/headers.ts';
import { readRequestHeader, writeRequestHeader } from '../../server/protocol/headers.ts';
import type { Codec } from '../../server/protocol/jute.ts';
import { JuteError, JuteReader, JuteWriter } from '../../server/protocol/jute.ts';
import * as access from '../../server/protocol/requests/access.ts';
import * as create from '../../server/protocol/requests/create.ts';
import * as remove from '../../server/protocol/requests/delete.ts';
import * as multiRead from '../../server/protocol/requests/multi-read.ts';
import * as multi from '../../server/protocol/requests/multi.ts';
import * as read from '../../server/protocol/requests/read.ts';
import { reconfigRequest } from '../../server/protocol/requests/reconfig.ts';
import { setDataRequest, statResponse } from '../../server/protocol/requests/set-data.ts';
import * as watch from '../../server/protocol/requests/watch.ts';
import { isWrite, readWrite } from '../../server/protocol/requests/write-request.ts';
import { clientFiles, clientVectors } from './golden.ts';
import type { ClientVector } from './golden.ts';

// Goal: every record of the client port reads as the reference's own decoding says, and writes the
// bytes that the reference wrote; cut anywhere it is refused, with nothing but JuteError.
// Method: frames recorded from a live server, both directions; each prefix of each of them.

type AnyCodec = Codec<never>;

const createWith = (opCode: number): Codec<create.CreateRequest> => ({
  read: (reader) => create.readCreateRequest(reader, opCode),
  write: create.writeCreateRequest,
});

const nothing: Codec<null> = { read: () => null, write: () => undefined };

const int32: Codec<number> = {
  read: (reader) => reader.int32(),
  write: (writer, value) => writer.int32(value),
};

const requests: Readonly<Record<string, unknown>> = {
  connect: connectRequest,
  create: createWith(1),
  create2: createWith(15),
  createContainer: createWith(19),
  createTTL: createWith(21),
  delete: remove.deleteRequest,
  deleteContainer: remove.deleteContainerRequest,
  exists: read.readRequest,
  getData: read.readRequest,
  getChildren: read.readRequest,
  getChildren2: read.readRequest,
  getACL: read.pathRequest,
  getAllChildrenNumber: read.pathRequest,
  getEphemerals: read.optionalPathRequest,
  sync: read.optionalPathRequest,
  setData: setDataRequest,
  setACL: access.setAclRequest,
  auth: access.authRequest,
  sasl: access.saslToken,
  multi: {
    read: (reader: JuteReader) => multi.readMulti(reader).ops,
    write: multi.writeMulti,
  },
  multiRead: { read: multiRead.readMultiRead, write: multiRead.writeMultiRead },
  reconfig: reconfigRequest,
  addWatch: watch.addWatchRequest,
  checkWatches: watch.watchesRequest,
  removeWatches: watch.watchesRequest,
  setWatches: watch.setWatchesRequest,
  setWatches2: watch.setWatches2Request,
  ping: nothing,
  whoAmI: nothing,
  closeSession: nothing,
};

const responses: Readonly<Record<string, unknown>> = {
  ConnectResponse: connectResponse,
  CreateResponse: create.createResponse,
  Create2Response: create.create2Response,
  ExistsResponse: statResponse,
  SetDataResponse: statResponse,
  SetACLResponse: statResponse,
  GetDataResponse: read.getDataResponse,
  GetChildrenResponse: read.namesResponse,
  GetEphemeralsResponse: read.namesResponse,
  GetChildren2Response: read.getChildren2Response,
  GetACLResponse: access.getAclResponse,
  GetAllChildrenNumberResponse: read.countResponse,
  SyncResponse: read.optionalPathRequest,
  SetSASLResponse: access.saslToken,
  WhoAmIResponse: access.whoAmIResponse,
  WatcherEvent: watch.watcherEvent,
  ErrorResponse: int32,
};

const multiResponses: Readonly<Record<string, unknown>> = {
  multi: { read: multi.readMultiResponse, write: multi.writeMultiResponse },
  multiRead: { read: multiRead.readMultiReadResponse, write: multiRead.writeMultiReadResponse },
};

/** Ours → theirs, for records that hold a single field. */
const single: Readonly<Record<string, string>> = {
  CreateResponse: 'path',
  GetACLRequest: 'path',
  GetAllChildrenNumberRequest: 'path',
  GetEphemeralsRequest: 'prefixPath',
  SyncRequest: 'path',
  SyncResponse: 'path',
  ExistsResponse: 'stat',
  SetDataResponse: 'stat',
  SetACLResponse: 'stat',
  GetChildrenResponse: 'children',
  GetEphemeralsResponse: 'ephemerals',
  GetAllChildrenNumberResponse: 'totalNumber',
  GetSASLRequest: 'token',
  SetSASLResponse: 'token',
  WhoAmIResponse: 'clientInfo',
  ErrorResponse: 'err',
};

const names: Readonly<Record<string, string>> = {
  timeoutMs: 'timeOut',
  password: 'passwd',
  ttlMs: 'ttl',
  ctimeMs: 'ctime',
  mtimeMs: 'mtime',
};

const longs = new Set(
  'czxid mzxid pzxid ctime mtime ephemeralOwner lastZxidSeen sessionId ttl curConfigId relativeZxid'.split(
    ' ',
  ),
);

/** Our record in the shape of the recordings: their field names, hex for bytes, decimal longs. */
function asRecorded(value: unknown, record: string, key: string = ''): unknown {
  if (value instanceof Uint8Array) return Buffer.from(value).toString('hex');
  if (longs.has(key)) return String(BigInt(value as number | bigint));
  if (Array.isArray(value)) return value.map((item) => asRecorded(item, record));
  if (typeof value !== 'object' || value === null) return value;
  const recorded: Record<string, unknown> = {};
  for (const [ours, field] of Object.entries(value)) {
    const name = record === 'WhoAmIResponse' && ours === 'scheme' ? 'authScheme' : ours;
    const theirs = names[name] ?? name;
    if (theirs === 'op' || theirs === 'opCode') continue;
    if (theirs === 'ttl' && record !== 'CreateTTLRequest') continue;
    if (theirs.startsWith('persistent') && record === 'SetWatches') continue;
    recorded[theirs] = asRecorded(field, record, theirs);
  }
  return recorded;
}

function recordCodec(vector: ClientVector): AnyCodec | null {
  const { record } = vector.decoded;
  if (vector.direction === 'request') {
    return (requests[vector.op] as AnyCodec | undefined) ?? null;
  }
  if (record === 'MultiResponse') return multiResponses[vector.op] as AnyCodec;
  return record === null ? (nothing as AnyCodec) : (responses[record] as AnyCodec);
}

/** Bytes with which a frame's record was cut on purpose, or holds what a multi must refuse. */
const refusedNames = /truncated-record|bad-op-type|read-ops-in-multi|mixed-kinds|unimplemented/;

function isSound(vector: ClientVector): boolean {
  return vector.direction !== 'note' && vector.op !== 'raw' && vector.hex !== undefined;
}

const hasHeader = (vector: ClientVector): boolean => vector.decoded.header !== undefined;

/** Requests: 8 bytes of header; everything else: 16. */
function bodyStart(vector: ClientVector): number {
  if (!hasHeader(vector)) return 4;
  return vector.direction === 'request' ? 12 : 20;
}

for (const file of clientFiles) {
  test(`${file}: every record reads as recorded and writes the same bytes`, () => {
    let count = 0;
    for (const vector of clientVectors(file).filter(isSound)) {
      const codec = recordCodec(vector);
      if (codec === null || (vector.direction === 'request' && refusedNames.test(vector.name))) {
        continue;
      }
      const bytes = Buffer.from(vector.hex, 'hex');
      const reader = new JuteReader(bytes, bodyStart(vector));
      const value = codec.read(reader);
      assert.equal(reader.remaining, 0, `${vector.name}: the record is read whole`);
      compareWithRecording(vector, value);

      const writer = new JuteWriter(16);
      codec.write(writer, value);
      assert.deepEqual(
        writer.take().toString('hex'),
        bytes.subarray(bodyStart(vector)).toString('hex'),
        vector.name,
      );
      count += 1;
    }
    assert.ok(count > 0, 'the file holds records');
  });

  test(`${file}: every header reads as recorded and writes the same bytes`, () => {
    for (const vector of clientVectors(file).filter(isSound).filter(hasHeader)) {
      const bytes = Buffer.from(vector.hex, 'hex');
      const reader = new JuteReader(bytes, 4);
      const writer = new JuteWriter(16);
      if (vector.direction === 'request') {
        const header = readRequestHeader(reader);
        assert.deepEqual(header, vector.decoded.header);
        writeRequestHeader(writer, header.xid, header.type);
      } else {
        const { xid, zxid, error } = readReplyHeader(reader);
        assert.deepEqual({ xid, zxid: String(zxid), err: error }, vector.decoded.header);
        writeReplyHeader(writer, xid, zxid, error);
      }
      assert.deepEqual(writer.take(), bytes.subarray(4, bodyStart(vector)));
    }
  });

  test(`${file}: a record cut anywhere is refused`, () => {
    for (const vector of clientVectors(file).filter(isSound)) {
      const codec = recordCodec(vector);
      if (codec === null) continue;
      const bytes = Buffer.from(vector.hex, 'hex');
      const start = bodyStart(vector);
      // The last byte of a handshake may be absent.
      const whole = vector.op === 'connect' && !hasHeader(vector) ? bytes.length - 1 : bytes.length;
      for (let end = start; end < whole; end += 1) {
        assert.throws(
          () => codec.read(new JuteReader(bytes, start, end)),
          JuteError,
          `${vector.name} cut at ${end} of ${bytes.length}`,
        );
      }
    }
  });
}

function compareWithRecording(vector: ClientVector, value: unknown): void {
  const { record, body } = vector.decoded;
  if (record === null || record === 'Empty') return assert.equal(value, null);
  if (record === 'MultiRequest' || record === 'MultiResponse') {
    const ops = (body as { readonly ops: readonly RecordedOp[] }).ops;
    assert.equal((value as unknown[]).length, ops.length);
    return ops.forEach((op, index) => compareMultiPart(vector, op, (value as unknown[])[index]));
  }
  const field = single[record];
  const ours = asRecorded(value, record);
  assert.deepEqual(
    field === undefined ? ours : { [field]: ours },
    body,
    `${vector.name} (${record})`,
  );
}

interface RecordedOp {
  readonly header: { readonly type: number; readonly err: number };
  readonly record: string | null;
  readonly body: Readonly<Record<string, unknown>> | null;
}

function compareMultiPart(vector: ClientVector, recorded: RecordedOp, part: unknown): void {
  const ours = asRecorded(part, recorded.record ?? '') as Record<string, unknown>;
  for (const [field, expected] of Object.entries(recorded.body ?? {})) {
    if (field === 'err') assert.equal(ours['error'], expected, vector.name);
    else if (field !== 'watch') assert.deepEqual(ours[field], expected, `${vector.name} ${field}`);
  }
  if (vector.direction === 'response') assert.equal(ours['type'], recorded.header.type);
}

test('what the reference refuses as undecodable is refused here', () => {
  const refused = ['errors', 'multi']
    .flatMap(clientVectors)
    .filter((vector) => vector.direction === 'request' && refusedNames.test(vector.name))
    .filter((vector) => recordCodec(vector) !== null);
  assert.equal(refused.length, 5);
  for (const vector of refused) {
    const reader = new JuteReader(Buffer.from(vector.hex, 'hex'), 12);
    assert.throws(() => recordCodec(vector)?.read(reader), JuteError, vector.name);
  }
});

test('every recorded write is read by its operation code', () => {
  let count = 0;
  for (const vector of clientFiles.flatMap(clientVectors)) {
    if (vector.direction !== 'request' || vector.op === 'connect' || vector.op === 'raw') continue;
    const reader = new JuteReader(Buffer.from(vector.hex, 'hex'), 4);
    const { type } = readRequestHeader(reader);
    if (!isWrite(type) || refusedNames.test(vector.name)) continue;
    readWrite(type, reader);
    assert.equal(reader.remaining, 0, vector.name);
    count += 1;
  }
  assert.ok(count > 80, `${count} writes`);
});

test('a read is no write, and an unknown operation is none either', () => {
  for (const opCode of [0, 3, 4, 6, 8, 9, 10, 11, 12, 13, 22, 23, 99, 100, 107, -1]) {
    assert.equal(isWrite(opCode), false);
    assert.throws(() => readWrite(opCode, new JuteReader(Buffer.alloc(64))), JuteError);
  }
});
