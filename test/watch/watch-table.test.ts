import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { EventType } from '../../server/protocol/event-type.ts';
import { WatchMode, type WatchTable } from '../../server/watch/door.ts';
import { createWatchTable } from '../../server/watch/watch-table.ts';

// Goal: every change fires exactly the watches that the reference fires, once each and in order.
// Method: the rules by hand, then random tables and changes against maps of maps.

interface Watcher {
  readonly name: string;
}

const one: Watcher = { name: 'one' };
const two: Watcher = { name: 'two' };

function fire(table: WatchTable<Watcher>, type: EventType, path: string): string[] {
  const heard: string[] = [];
  table.fire({ type, path }, (watcher, event, at) => heard.push(`${watcher.name} ${event} ${at}`));
  return heard;
}

test('a standard watch fires once', () => {
  const table = createWatchTable<Watcher>();
  table.addData('/a', one, WatchMode.STANDARD);
  assert.deepEqual(fire(table, EventType.NODE_DATA_CHANGED, '/a'), ['one 3 /a']);
  assert.deepEqual(fire(table, EventType.NODE_DATA_CHANGED, '/a'), []);
  assert.equal(table.watchCount + table.pathCount + table.watcherCount, 0);
});

test('a deleted node tells a watcher of data and children once', () => {
  const table = createWatchTable<Watcher>();
  table.addData('/a/b', one, WatchMode.STANDARD);
  table.addChild('/a/b', one, WatchMode.STANDARD);
  table.addChild('/a/b', two, WatchMode.STANDARD);
  table.addChild('/a', two, WatchMode.STANDARD);
  assert.deepEqual(fire(table, EventType.NODE_DELETED, '/a/b'), [
    'one 2 /a/b',
    'two 2 /a/b',
    'two 4 /a',
  ]);
  assert.equal(table.watchCount, 0);
});

test('a persistent watch survives its node, hears of data and of children', () => {
  const table = createWatchTable<Watcher>();
  table.addData('/a', one, WatchMode.PERSISTENT);
  table.addChild('/a', one, WatchMode.PERSISTENT);
  assert.equal(table.watchCount, 2);
  assert.deepEqual(fire(table, EventType.NODE_CREATED, '/a/b'), ['one 4 /a']);
  assert.deepEqual(fire(table, EventType.NODE_DELETED, '/a'), ['one 2 /a']);
  assert.deepEqual(fire(table, EventType.NODE_CREATED, '/a'), ['one 1 /a']);
});

test('ZOOKEEPER-4475: a recursive watch hears of every descendant and of no children', () => {
  const table = createWatchTable<Watcher>();
  table.addData('/', one, WatchMode.RECURSIVE);
  table.addData('/a/b', two, WatchMode.RECURSIVE);
  table.addData('/a/bc', two, WatchMode.RECURSIVE);
  assert.deepEqual(fire(table, EventType.NODE_CREATED, '/a/b/c/d').sort(), [
    'one 1 /a/b/c/d',
    'two 1 /a/b/c/d',
  ]);
  assert.deepEqual(fire(table, EventType.NODE_DELETED, '/a'), ['one 2 /a']);
  assert.deepEqual(fire(table, EventType.NODE_DATA_CHANGED, '/'), ['one 3 /']);
});

test('a recursive watcher with a child watch too hears both', () => {
  const table = createWatchTable<Watcher>();
  table.addData('/a', one, WatchMode.RECURSIVE);
  table.addChild('/a', one, WatchMode.STANDARD);
  assert.deepEqual(fire(table, EventType.NODE_CREATED, '/a/b'), ['one 1 /a/b', 'one 4 /a']);
  assert.deepEqual(fire(table, EventType.NODE_CREATED, '/a/c'), ['one 1 /a/c']);
});

test('who hears may change the table', () => {
  const table = createWatchTable<Watcher>();
  table.addData('/a', one, WatchMode.STANDARD);
  table.addData('/a', two, WatchMode.STANDARD);
  const heard: string[] = [];
  table.fire({ type: EventType.NODE_DATA_CHANGED, path: '/a' }, (watcher) => {
    heard.push(watcher.name);
    table.addData('/a', watcher, WatchMode.STANDARD);
    table.removeWatcher(two);
  });
  assert.deepEqual(heard.sort(), ['one', 'two']);
  assert.equal(table.has('/a', one, 2), true);
});

test('removal by type takes the modes of that type', () => {
  const table = createWatchTable<Watcher>();
  table.addData('/a', one, WatchMode.STANDARD);
  table.addData('/a', one, WatchMode.PERSISTENT);
  table.addChild('/a', one, WatchMode.PERSISTENT);
  table.addData('/a', one, WatchMode.RECURSIVE);
  assert.equal(table.has('/a', one, 1), false);
  assert.equal(table.remove('/a', one, 1), false);
  assert.equal(table.remove('/a', one, 2), true);
  assert.equal(table.remove('/a', one, 2), false);
  assert.equal(table.has('/a', one, 4), true);
  assert.equal(table.remove('/a', one, 4), true);
  assert.equal(table.has('/a', one, 4), false);
  assert.equal(table.has('/a', one, 5), true);
  assert.equal(table.remove('/a', two, 3), false);
  assert.equal(table.remove('/a', one, 3), true);
  assert.equal(table.watchCount, 0);
});

test('a persistent child watch alone is removed but not seen by a check', () => {
  const table = createWatchTable<Watcher>();
  table.addChild('/a', one, WatchMode.PERSISTENT);
  assert.equal(table.has('/a', one, 4), false);
  assert.equal(table.remove('/a', one, 4), true);
});

test('ten thousand watchers of one path each hear once and leave nothing', () => {
  const table = createWatchTable<Watcher>();
  const watchers = Array.from({ length: 10_000 }, (_, index) => ({ name: `${index}` }));
  for (const watcher of watchers) table.addData('/a', watcher, WatchMode.STANDARD);
  for (const watcher of watchers) table.addChild('/a', watcher, WatchMode.PERSISTENT);
  const heard = fire(table, EventType.NODE_DELETED, '/a');
  assert.equal(new Set(heard).size, 10_000);
  assert.equal(heard.length, 10_000);
  assert.equal(table.watchCount, 10_000);
  for (const watcher of watchers) table.removeWatcher(watcher);
  assert.equal(table.watchCount + table.pathCount + table.watcherCount, 0);
});

// The plain second version: path → watcher → set of modes, one map for each table.
class PlainTable {
  readonly data = new Map<string, Map<Watcher, Set<WatchMode>>>();
  readonly child = new Map<string, Map<Watcher, Set<WatchMode>>>();

  add(
    table: Map<string, Map<Watcher, Set<WatchMode>>>,
    path: string,
    watcher: Watcher,
    mode: WatchMode,
  ): void {
    const watchers = table.get(path) ?? new Map<Watcher, Set<WatchMode>>();
    table.set(path, watchers);
    const modes = watchers.get(watcher) ?? new Set<WatchMode>();
    watchers.set(watcher, modes.add(mode));
  }

  removeMode(
    table: Map<string, Map<Watcher, Set<WatchMode>>>,
    path: string,
    watcher: Watcher,
    mode: WatchMode,
  ): boolean {
    const modes = table.get(path)?.get(watcher);
    if (modes === undefined || !modes.delete(mode)) return false;
    if (modes.size === 0) table.get(path)?.delete(watcher);
    if (table.get(path)?.size === 0) table.delete(path);
    return true;
  }

  remove(path: string, watcher: Watcher, type: number): boolean {
    const { data, child } = this;
    const all: [typeof data, WatchMode, number[]][] = [
      [child, WatchMode.STANDARD, [1, 3]],
      [data, WatchMode.STANDARD, [2, 3]],
      [data, WatchMode.PERSISTENT, [3, 4]],
      [child, WatchMode.PERSISTENT, [3, 4]],
      [data, WatchMode.RECURSIVE, [3, 5]],
    ];
    let removed = false;
    for (const [table, mode, types] of all) {
      if (types.includes(type) && this.removeMode(table, path, watcher, mode)) removed = true;
    }
    return removed;
  }

  trigger(table: typeof this.data, path: string, skip: Set<Watcher>): Set<Watcher> {
    const heard = new Set<Watcher>();
    for (const watcher of Array.from(table.get(path)?.keys() ?? [])) {
      heard.add(watcher);
      this.removeMode(table, path, watcher, WatchMode.STANDARD);
    }
    for (const [at, watchers] of table) {
      const isAbove = at === '/' ? path !== '/' : path.startsWith(`${at}/`);
      if (!isAbove) continue;
      for (const [watcher, modes] of watchers)
        if (modes.has(WatchMode.RECURSIVE)) heard.add(watcher);
    }
    for (const watcher of skip) heard.delete(watcher);
    return heard;
  }

  fire(type: EventType, path: string): string[] {
    const data = this.trigger(this.data, path, new Set());
    const heard = lines(data, type, path);
    if (type === EventType.NODE_DELETED) {
      heard.push(...lines(this.trigger(this.child, path, data), type, path));
    }
    if (type !== EventType.NODE_DATA_CHANGED && path !== '/') {
      const parent = path.slice(0, Math.max(path.lastIndexOf('/'), 1));
      heard.push(...lines(this.trigger(this.child, parent, new Set()), 4, parent));
    }
    return heard;
  }

  counts(): number[] {
    const tables = [this.data, this.child];
    const watchers = tables.flatMap((table) => [...table.values()].map((at) => [...at.keys()]));
    const paths = new Set(tables.flatMap((table) => [...table.keys()]));
    return [watchers.flat().length, paths.size, new Set(watchers.flat()).size];
  }
}

function lines(watchers: Set<Watcher>, type: EventType, path: string): string[] {
  return [...watchers].map((watcher) => `${watcher.name} ${type} ${path}`);
}

const paths = ['/', '/a', '/a/b', '/a/b/c', '/ab', '/ab/c'];
const watcherPool = Array.from({ length: 4 }, (_, index) => ({ name: `w${index}` }));
const step = fc.record({
  act: fc.constantFrom('data', 'child', 'remove', 'leave', 'fire', 'fire'),
  path: fc.constantFrom(...paths),
  watcher: fc.constantFrom(...watcherPool),
  mode: fc.constantFrom(WatchMode.STANDARD, WatchMode.PERSISTENT, WatchMode.RECURSIVE),
  type: fc.integer({ min: 1, max: 5 }),
  event: fc.constantFrom(1, 2, 3) as fc.Arbitrary<EventType>,
});

test('any sequence of watches and changes does what maps of maps do', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const table = createWatchTable<Watcher>();
      const plain = new PlainTable();
      for (const { act, path, watcher, mode, type, event } of steps) {
        if (act === 'data') {
          table.addData(path, watcher, mode);
          plain.add(plain.data, path, watcher, mode);
        } else if (act === 'child') {
          const childMode = mode === WatchMode.RECURSIVE ? WatchMode.STANDARD : mode;
          table.addChild(path, watcher, childMode);
          plain.add(plain.child, path, watcher, childMode);
        } else if (act === 'remove') {
          assert.equal(table.remove(path, watcher, type), plain.remove(path, watcher, type));
        } else if (act === 'leave') {
          table.removeWatcher(watcher);
          for (const at of paths) plain.remove(at, watcher, 3);
        } else {
          assert.deepEqual(fire(table, event, path).sort(), plain.fire(event, path).sort());
        }
        assert.deepEqual([table.watchCount, table.pathCount, table.watcherCount], plain.counts());
      }
    }),
    { numRuns: 500 },
  );
});
