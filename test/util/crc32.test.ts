import assert from 'node:assert/strict';
import { test } from 'node:test';
import { crc32 as zlibCrc32 } from 'node:zlib';
import * as fc from 'fast-check';
import { crc32, crcBytes, crcEnd, crcStart, crcWords } from '../../server/util/crc32.ts';

// Goal: our CRC-32 is the one of zlib, whole, continued and by words.
// Method: random bytes, split at every kind of place, against node:zlib.

test('any bytes have the CRC of zlib', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), fc.nat(200), (bytes, cut) => {
      const at = Math.min(cut, bytes.length);
      const expected = zlibCrc32(bytes);
      assert.equal(crc32(bytes), expected);
      const halves = crcBytes(crcBytes(crcStart, bytes, 0, at), bytes, at, bytes.length);
      assert.equal(crcEnd(halves), expected);
    }),
  );
});

test('big-endian words count as their bytes', () => {
  fc.assert(
    fc.property(fc.int32Array({ maxLength: 20 }), (words) => {
      const bytes = Buffer.alloc(words.length * 4);
      words.forEach((word, index) => bytes.writeInt32BE(word, index * 4));
      assert.equal(crcEnd(crcWords(crcStart, words, 0, words.length)), zlibCrc32(bytes));
    }),
  );
});
