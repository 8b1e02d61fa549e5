import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NameIndex } from '../../server/tree/name-index.ts';
import { extra, word } from '../../server/tree/node-record.ts';
import { NodeStore } from '../../server/tree/node-store.ts';
import { AssertionFailure } from '../../server/util/assert.ts';

// Goal: names are found among many, links hold through any removal, a walk survives deletions.
// Method: the store alone, with enough names to grow its index through several rounds.

function add(store: NodeStore, parent: number, name: string): number {
  const bytes = Buffer.from(name);
  return store.add(parent, bytes, 0, bytes.length, null, 'last');
}

function find(store: NodeStore, path: string): number {
  const bytes = Buffer.from(path);
  return store.find(bytes, 0, bytes.length);
}

test('forty thousand names are found, and after half of them is gone the other half', () => {
  const store = new NodeStore(1);
  const nodes = Array.from({ length: 40_000 }, (_, index) => add(store, index % 7, `n${index}`));
  const parents = nodes.map((node) => store.int(node, word.parent));
  for (const [index, node] of nodes.entries()) {
    const name = Buffer.from(`n${index}`);
    assert.equal(store.child(parents[index]!, name, 0, name.length), node);
  }
  for (const [index, node] of nodes.entries()) if (index % 2 === 1 && index > 7) store.remove(node);
  for (const [index, node] of nodes.entries()) {
    const name = Buffer.from(`n${index}`);
    const expected = index % 2 === 1 && index > 7 ? -1 : node;
    assert.equal(store.child(parents[index]!, name, 0, name.length), expected);
  }
});

test('the index holds what was added and not removed, also where all hashes are alike', () => {
  for (const spread of [0, 3, 0x9e3779b1]) {
    const index = new NameIndex({ isNamed: (node, parent) => node === parent });
    const find = (node: number): number => {
      return index.find(Math.imul(node, spread), node, new Uint8Array(0), 0, 0);
    };
    const count = spread === 0 ? 300 : 3000;
    for (let node = 0; node < count; node += 1) index.add(Math.imul(node, spread), node);
    for (let node = 0; node < count; node += 3) index.remove(Math.imul(node, spread), node);
    for (let node = 0; node < count; node += 1) {
      assert.equal(find(node), node % 3 === 0 ? -1 : node);
    }
    for (let node = 0; node < count; node += 3) index.add(Math.imul(node, spread), node);
    for (let node = 0; node < count; node += 1) assert.equal(find(node), node);
    assert.equal(index.count, count);
    assert.throws(() => index.remove(5, count), AssertionFailure);
  }
});

test('siblings stay linked whichever is removed', () => {
  for (const gone of [0, 1, 2]) {
    const store = new NodeStore(0);
    const nodes = ['a', 'b', 'c'].map((name) => add(store, 0, name));
    store.remove(nodes[gone]!);
    const d = add(store, 0, 'd');
    const bytes = Buffer.from('first');
    const first = store.add(0, bytes, 0, bytes.length, null, 'first');
    const expected = [first, ...nodes.filter((_, index) => index !== gone), d];
    const walked: number[] = [];
    for (let node = store.firstChild(0); node !== -1; node = store.int(node, word.next)) {
      walked.push(node);
    }
    assert.deepEqual(walked, expected);
    assert.equal(store.more(0, extra.numChildren), 4);
  }
});

test('the only child goes and another comes', () => {
  const store = new NodeStore(0);
  store.remove(add(store, 0, 'a'));
  assert.equal(store.firstChild(0), -1);
  const b = add(store, 0, 'b');
  assert.deepEqual([store.firstChild(0), store.int(b, word.previous)], [b, b]);
});

test('a walk goes on behind what was removed under it', () => {
  const store = new NodeStore(0);
  const a = add(store, 0, 'a');
  const inside = add(store, a, 'inside');
  const b = add(store, 0, 'b');
  const cursor = store.addCursor();
  cursor.node = inside;
  store.remove(inside);
  assert.equal(cursor.node, b);
  store.remove(b);
  assert.equal(cursor.node, -1);
  store.dropCursor(cursor);
  store.reset();
  assert.equal(find(store, '/a'), -1);
});

test('data moves between sizes and the name stays', () => {
  const store = new NodeStore(0);
  const node = add(store, 0, 'name');
  for (const bytes of [0, 10, 12, 13, 300, 40_000, 39_999, 5]) {
    store.setData(node, Buffer.alloc(bytes, bytes % 256));
    const start = store.blockOffset(node);
    const block = store.blockBuffer(node).subarray(start, start + 4 + bytes);
    assert.equal(block.toString('latin1', 0, 4), 'name');
    assert.ok(block.subarray(4).every((byte) => byte === bytes % 256));
    assert.equal(store.int(node, word.data), bytes);
    assert.equal(find(store, '/name'), node);
  }
});
