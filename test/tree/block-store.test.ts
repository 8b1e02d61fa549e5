import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { BlockStore } from '../../server/tree/block-store.ts';

// Goal: no two blocks share a byte, and memory follows the sizes in use.
// Method: random allocations and frees, each block filled with its own mark and checked at the end.

function fill(store: BlockStore, block: number, bytes: number, mark: number): void {
  const start = store.offset(block);
  store.buffer(block).fill(mark, start, start + bytes);
}

function isFilled(store: BlockStore, block: number, bytes: number, mark: number): boolean {
  const start = store.offset(block);
  const view = store.buffer(block).subarray(start, start + bytes);
  return view.length === bytes && view.every((byte) => byte === mark);
}

const sizes = fc.oneof(
  fc.integer({ min: 0, max: 300 }),
  fc.constantFrom(255, 256, 257, 288, 289, 16_384, 32_767, 32_768, 32_769, 100_000),
);
const steps = fc.array(fc.record({ bytes: sizes, frees: fc.boolean(), which: fc.nat(1000) }), {
  maxLength: 200,
});

test('blocks never overlap', () => {
  fc.assert(
    fc.property(steps, (sequence) => {
      const store = new BlockStore();
      const live: { block: number; bytes: number; mark: number }[] = [];
      for (const [index, { bytes, frees, which }] of sequence.entries()) {
        if (frees && live.length > 0) {
          const [gone] = live.splice(which % live.length, 1);
          assert.ok(isFilled(store, gone!.block, gone!.bytes, gone!.mark));
          store.free(gone!.block);
        } else {
          const block = store.allocate(bytes);
          fill(store, block, bytes, index % 251);
          live.push({ block, bytes, mark: index % 251 });
        }
      }
      for (const { block, bytes, mark } of live) assert.ok(isFilled(store, block, bytes, mark));
    }),
    { numRuns: 200 },
  );
});

test('every size fits its class, and a class wastes at most an eighth beyond 256 bytes', () => {
  for (let bytes = 1; bytes <= 32_768; bytes += 1) {
    // The next size of the same class may be larger by the class's step at most.
    if (bytes <= 256) continue;
    const wasted = Math.ceil(bytes * 1.13) + 1;
    assert.equal(BlockStore.sameSize(bytes, wasted), false, `${bytes}`);
  }
  assert.equal(BlockStore.sameSize(97, 112), true);
  assert.equal(BlockStore.sameSize(112, 113), false);
  assert.equal(BlockStore.sameSize(40_000, 40_000), true);
  assert.equal(BlockStore.sameSize(40_000, 40_001), false);
  assert.equal(BlockStore.sameSize(32_768, 40_000), false);
});

test('pages of a size that is no longer used serve other sizes', () => {
  const store = new BlockStore();
  let blocks = Array.from({ length: 10_000 }, () => store.allocate(100));
  const before = store.reservedBytes;
  for (const block of blocks) store.free(block);
  assert.equal(store.reservedBytes, 256 * 1024);
  blocks = Array.from({ length: 5000 }, () => store.allocate(200));
  assert.ok(store.reservedBytes <= before + 256 * 1024);
  assert.equal(new Set(blocks).size, 5000);
});

test('a large block is its own buffer and goes back when freed', () => {
  const store = new BlockStore();
  const block = store.allocate(1_000_000);
  assert.equal(store.reservedBytes, 1_000_000);
  store.free(block);
  assert.equal(store.reservedBytes, 0);
});

test('a cleared store uses its pages again and gives the rest back', () => {
  const store = new BlockStore();
  for (let count = 0; count < 10_000; count += 1) store.allocate(100);
  const before = store.reservedBytes;
  store.clear();
  for (let count = 0; count < 5000; count += 1) store.allocate(300);
  assert.ok(store.reservedBytes <= before + 512 * 1024);
  store.clear();
  store.releaseSpares();
  assert.equal(store.reservedBytes, 0);
});
