import assert from 'node:assert/strict';
import { test } from 'node:test';

import {
  allowFieldsOf,
  fieldBytesMax,
  JuteError,
  JuteReader,
  JuteWriter,
} from '../../server/protocol/jute.ts';

// Goal: the primitives are exact at their limits and refuse what lies beyond them.
// Method: written and read back, at every fill of a small buffer, and from hand-made bytes.

test('numbers and strings survive a buffer that grows under them', () => {
  for (let fill = 0; fill < 40; fill += 1) {
    const writer = new JuteWriter(16);
    for (let count = 0; count < fill; count += 1) writer.byte(count);
    writer.int32(-2);
    writer.bigint64(-(2n ** 63n));
    writer.int64(-1);
    writer.boolean(true);
    writer.string('zoë');
    const reader = new JuteReader(writer.take());
    reader.skip(fill);
    assert.equal(reader.int32(), -2);
    assert.equal(reader.bigint64(), -(2n ** 63n));
    assert.equal(reader.int64(), -1);
    assert.equal(reader.boolean(), true);
    assert.equal(reader.string(), 'zoë');
    assert.equal(reader.remaining, 0);
  }
});

test('64-bit numbers are exact to 2^53 and at -2^63, and refused between', () => {
  const values = [0, 1, -1, 2 ** 32, 2 ** 53 - 1, -(2 ** 53 - 1), -(2 ** 63), 0x100000001];
  for (const value of values) {
    const writer = new JuteWriter();
    writer.int64(value);
    const bytes = writer.take();
    assert.equal(bytes.readBigInt64BE(), BigInt(value));
    assert.equal(new JuteReader(bytes).int64(), value);
  }
  const beyond = Buffer.from('0020000000000001', 'hex');
  assert.throws(() => new JuteReader(beyond).int64(), JuteError);
  assert.equal(new JuteReader(beyond).int64Rounded(), 2 ** 53);
});

test('null and empty are different for strings, buffers and vectors', () => {
  const reader = new JuteReader(Buffer.from('ffffffff00000000'.repeat(3), 'hex'));
  assert.deepEqual([reader.stringOrNull(), reader.stringOrNull()], [null, '']);
  assert.equal(reader.bytes(), null);
  assert.equal(reader.bytes()?.length, 0);
  assert.equal(
    reader.vectorOrNull((item) => item.byte()),
    null,
  );
  assert.deepEqual(
    reader.vectorOrNull((item) => item.byte()),
    [],
  );
});

test('a length below -1 or above the limit is refused before anything is allocated', () => {
  for (const length of [-2, fieldBytesMax + 1, 2 ** 31 - 1]) {
    const bytes = Buffer.alloc(8);
    bytes.writeInt32BE(length);
    assert.throws(() => new JuteReader(bytes).bytes(), JuteError);
    assert.throws(() => new JuteReader(bytes).stringOrNull(), JuteError);
    assert.throws(() => new JuteReader(bytes).vector((item) => item.byte()), JuteError);
  }
});

test('malformed UTF-8 is read, not refused', () => {
  const bytes = Buffer.from('00000002c328', 'hex');
  assert.equal(new JuteReader(bytes).string(), '\ufffd(');
});

test('bytes are views into what was given', () => {
  const bytes = Buffer.from('00000002cafe', 'hex');
  const view = new JuteReader(bytes).bytes();
  bytes[4] = 0;
  assert.deepEqual(view, Buffer.from('00fe', 'hex'));
});

test('jute.maxbuffer: longer fields are taken once they are allowed, and the bound never falls', () => {
  const standard = fieldBytesMax;
  const written = new JuteWriter();
  written.bytes(Buffer.alloc(standard + 1));
  const record = written.take();
  assert.throws(() => new JuteReader(record).bytes(), JuteError);
  allowFieldsOf(1);
  assert.equal(fieldBytesMax, standard);
  allowFieldsOf(standard + 1);
  assert.equal(new JuteReader(record).bytes()?.length, standard + 1);
});
