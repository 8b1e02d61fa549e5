import assert from 'node:assert/strict';
import { test } from 'node:test';
import { deflateSync } from 'node:zlib';
import { adler32, adler32Combine, adler32Start } from '../../server/util/adler32.ts';

// Goal: our checksum is zlib's, in one go, in pieces, and put together from parts.
// Method: zlib ends every stream with the Adler-32 of its input.

function zlibAdler32(bytes: Uint8Array): number {
  const stream = deflateSync(bytes, { level: 0 });
  return stream.readUInt32BE(stream.length - 4);
}

const samples = [0, 1, 7, 8, 9, 15, 16, 3839, 3840, 3841, 7680, 65_521, 100_003].map((length) => [
  Buffer.alloc(length, 0xff),
  Buffer.from(Array.from({ length }, (_, index) => (index * 31 + (index >>> 8)) & 0xff)),
]);

test('the checksum is that of zlib at every length around the inner limits', () => {
  for (const bytes of samples.flat()) assert.equal(adler32(bytes), zlibAdler32(bytes));
});

test('a running checksum and a combined one equal that of the whole', () => {
  for (const bytes of samples.flat()) {
    for (const cut of [0, Math.min(1, bytes.length), bytes.length >>> 1, bytes.length]) {
      const head = adler32(bytes, 0, cut);
      const tail = adler32(bytes, cut);
      assert.equal(adler32(bytes, cut, bytes.length, head), adler32(bytes));
      assert.equal(adler32Combine(head, tail, bytes.length - cut), adler32(bytes));
    }
  }
});

test('no bytes have the checksum 1', () => {
  assert.equal(adler32(Buffer.alloc(0)), adler32Start);
});
