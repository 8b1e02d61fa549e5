import assert from 'node:assert/strict';
import { test } from 'node:test';

import { aclOpen, readRequestedAcl } from '../../server/protocol/acl.ts';
import type { Acl } from '../../server/protocol/acl.ts';
import { JuteError, JuteReader, JuteWriter } from '../../server/protocol/jute.ts';
import { OpCode } from '../../server/protocol/op-code.ts';
import { readCreateRequest } from '../../server/protocol/requests/create.ts';
import { readMulti, writeMulti, writeMultiResponse } from '../../server/protocol/requests/multi.ts';
import type { MultiOp, MultiResult } from '../../server/protocol/requests/multi.ts';
import type { Stat } from '../../server/protocol/stat.ts';

// Goal: the parts of a multi become what their flags say, or the whole of it is refused; and what
// is only wrong, not broken, is left for validation to refuse.
// Method: records written by the codecs, with the fields in question changed.

function create(opCode: number, flags: number, acl: readonly Acl[] | null = aclOpen): MultiOp {
  return { op: 'create', opCode, path: '/a', data: null, acl, flags, ttlMs: 5 };
}

function readBack(op: MultiOp): MultiOp | undefined {
  const writer = new JuteWriter();
  writeMulti(writer, [op]);
  return readMulti(new JuteReader(writer.take())).ops[0];
}

function kindOf(op: MultiOp | undefined): readonly number[] | null {
  return op?.op === 'create' ? [op.opCode, op.flags, op.ttlMs] : null;
}

test('flag 4 makes a container of every create, TTL without its flag a plain create', () => {
  const { CREATE, CREATE2, CREATE_CONTAINER, CREATE_TTL } = OpCode;
  for (const opCode of [CREATE, CREATE2]) {
    assert.deepEqual(kindOf(readBack(create(opCode, 4))), [CREATE_CONTAINER, 4, -1]);
    for (const flags of [0, 1, 2, 3]) {
      assert.deepEqual(kindOf(readBack(create(opCode, flags))), [opCode, flags, -1]);
    }
  }
  assert.deepEqual(kindOf(readBack(create(CREATE_TTL, 5))), [CREATE_TTL, 5, 5]);
  assert.deepEqual(kindOf(readBack(create(CREATE_TTL, 6))), [CREATE_TTL, 6, 5]);
  assert.deepEqual(kindOf(readBack(create(CREATE_TTL, 0))), [CREATE, 0, -1]);
});

test('unknown flags, TTL flags without TTL and null access lists refuse the whole multi', () => {
  for (const opCode of [OpCode.CREATE, OpCode.CREATE2, OpCode.CREATE_CONTAINER]) {
    for (const flags of [-1, 5, 6, 7]) {
      assert.throws(() => readBack(create(opCode, flags)), JuteError, `${opCode} ${flags}`);
    }
    assert.throws(() => readBack(create(opCode, 0, null)), JuteError);
  }
  assert.throws(() => readBack(create(OpCode.CREATE_TTL, 7)), JuteError);
});

test('alone, the same flags and a null access list are read, for validation to refuse', () => {
  for (const flags of [-1, 5, 7]) {
    const writer = new JuteWriter();
    writer.string('/a');
    writer.bytes(null);
    writer.vector(null, () => undefined);
    writer.int32(flags);
    const request = readCreateRequest(new JuteReader(writer.take()), OpCode.CREATE);
    assert.deepEqual([request.flags, request.acl, request.ttlMs], [flags, null, -1]);
  }
});

test('an absurd TTL is read, rounded, for validation to refuse', () => {
  const writer = new JuteWriter();
  writer.string('/a');
  writer.bytes(null);
  writer.vector(null, () => undefined);
  writer.int32(5);
  writer.bigint64(2n ** 63n - 1n);
  const { ttlMs } = readCreateRequest(new JuteReader(writer.take()), OpCode.CREATE_TTL);
  assert.equal(ttlMs, 2 ** 63);
});

test('null in an access list is kept as an entry of no scheme, but for ids that do not count', () => {
  const entry = (scheme: string | null, id: string | null): Acl => {
    const writer = new JuteWriter();
    writer.int32(31);
    writer.string(scheme);
    writer.string(id);
    return readRequestedAcl(new JuteReader(writer.take()));
  };
  assert.deepEqual(entry('ip', '1.2.3.4').id, { scheme: 'ip', id: '1.2.3.4' });
  assert.equal(entry(null, 'x').id.scheme, '');
  assert.equal(entry('nosuch', null).id.scheme, '');
  // As kazoo sends it.
  assert.deepEqual(entry('auth', null).id, { scheme: 'auth', id: '' });
  for (const scheme of ['world', 'digest', 'ip']) {
    assert.throws(() => entry(scheme, null), JuteError);
  }
});

test('all creates but the plain one answer with type 15', () => {
  for (const [type, answered] of [
    [OpCode.CREATE, 1],
    [OpCode.CREATE2, 15],
    [OpCode.CREATE_CONTAINER, 15],
    [OpCode.CREATE_TTL, 15],
  ] as const) {
    const writer = new JuteWriter();
    const result: MultiResult = { type, error: 0, path: '/a', stat };
    writeMultiResponse(writer, [result]);
    assert.equal(new JuteReader(writer.take()).int32(), answered);
  }
});

const stat = {
  czxid: 1,
  mzxid: 1,
  ctimeMs: 1,
  mtimeMs: 1,
  version: 0,
  cversion: 0,
  aversion: 0,
  ephemeralOwner: 0n,
  dataLength: 0,
  numChildren: 0,
  pzxid: 1,
} as unknown as Stat;
