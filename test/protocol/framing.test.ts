import assert from 'node:assert/strict';
import { test } from 'node:test';

import { beginFrame, endFrame, FrameDecoder } from '../../server/protocol/framing.ts';
import { JuteError, JuteWriter } from '../../server/protocol/jute.ts';
import { clientFiles, clientVectors } from './golden.ts';

// Goal: frames come out whole and in order however the stream was cut, and a lying length costs no
// memory.
// Method: the recorded frames as one stream, cut at every place and into every small chunk size.

const frames: readonly Buffer[] = clientFiles
  .flatMap(clientVectors)
  .filter((vector) => vector.direction !== 'note' && vector.op !== 'raw')
  .map((vector) => Buffer.from(vector.hex, 'hex'));

function framesOf(chunks: readonly Buffer[]): Buffer[] {
  const decoder = new FrameDecoder(0xfffff);
  const found: Buffer[] = [];
  for (const chunk of chunks) {
    decoder.push(chunk);
    while (decoder.next()) {
      found.push(Buffer.from(decoder.buffer.subarray(decoder.start, decoder.end)));
    }
  }
  return found;
}

const payloads = (list: readonly Buffer[]): Buffer[] => list.map((frame) => frame.subarray(4));

function chunksOf(bytes: Buffer, size: number): Buffer[] {
  const chunks: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += size) chunks.push(bytes.subarray(at, at + size));
  return chunks;
}

test('two frames come out whole whichever place the stream is cut at', () => {
  const two = frames.slice(0, 2);
  const stream = Buffer.concat(two);
  for (let cut = 0; cut <= stream.length; cut += 1) {
    assert.deepEqual(
      framesOf([stream.subarray(0, cut), stream.subarray(cut)]),
      payloads(two),
      `cut at ${cut}`,
    );
  }
});

test('all recorded frames come out whole for every chunk size', () => {
  const stream = Buffer.concat(frames);
  for (const size of [1, 2, 3, 5, 7, 16, 61, 256, 4096, stream.length]) {
    assert.deepEqual(framesOf(chunksOf(stream, size)), payloads(frames), `chunks of ${size}`);
  }
});

test('chunks pushed before any is taken come out as well', () => {
  const stream = Buffer.concat(frames);
  const decoder = new FrameDecoder(0xfffff);
  for (const chunk of chunksOf(stream, 100)) decoder.push(chunk);
  let count = 0;
  while (decoder.next()) count += 1;
  assert.equal(count, frames.length);
  assert.equal(decoder.pendingBytes, 0);
});

test('a frame inside one chunk is a view into it', () => {
  const decoder = new FrameDecoder(100);
  const chunk = Buffer.from([0, 0, 0, 2, 7, 8, 0, 0, 0, 0]);
  decoder.push(chunk);
  assert.equal(decoder.next(), true);
  assert.equal(decoder.buffer, chunk);
  assert.deepEqual([decoder.start, decoder.end], [4, 6]);
  assert.equal(decoder.next(), true, 'an empty frame is a frame');
  assert.deepEqual([decoder.start, decoder.end], [10, 10]);
  assert.equal(decoder.next(), false);
});

test('a connection that is idle holds on to none of its chunks', () => {
  const decoder = new FrameDecoder(100);
  decoder.push(Buffer.from([0, 0, 0, 1, 7]));
  assert.equal(decoder.next(), true);
  assert.equal(decoder.next(), false);
  assert.equal(decoder.buffer.length, 0);
});

test('the largest frame passes, one byte more is refused as soon as its length is read', () => {
  const largest = new FrameDecoder(5);
  largest.push(Buffer.from([0, 0, 0, 5, 1, 2, 3, 4, 5]));
  assert.equal(largest.next(), true);

  const larger = new FrameDecoder(5);
  larger.push(Buffer.from([0, 0, 0, 6]));
  assert.throws(
    () => larger.next(),
    (error) => {
      assert.ok(error instanceof JuteError);
      assert.match(error.message, /frame of 6 bytes is outside 0\.\.5/);
      return true;
    },
  );
});

test('a negative length is refused', () => {
  const decoder = new FrameDecoder(0xfffff);
  decoder.push(Buffer.from([0xff, 0xff, 0xff, 0xff]));
  assert.throws(() => decoder.next(), /frame of -1 bytes/);
});

test('an announced frame takes no more memory than the bytes received', () => {
  const decoder = new FrameDecoder(0xfffff);
  decoder.push(Buffer.from([0, 0x0f, 0xff, 0xff]));
  for (let count = 0; count < 10; count += 1) {
    decoder.push(Buffer.alloc(10));
    assert.equal(decoder.next(), false);
  }
  assert.equal(decoder.pendingBytes, 104);
});

test('a frame is measured where it was begun, also behind others', () => {
  const writer = new JuteWriter(16);
  for (const value of [1, 2]) {
    const at = beginFrame(writer);
    for (let count = 0; count < value; count += 1) writer.int32(value);
    endFrame(writer, at);
  }
  assert.equal(writer.take().toString('hex'), '0000000400000001000000080000000200000002');
});
