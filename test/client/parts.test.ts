import assert from 'node:assert/strict';
import { test } from 'node:test';

import { intoChroot, outOfChroot } from '../../client/chroot.ts';
import { HostRing, parseConnectString } from '../../client/hosts.ts';
import { createRequestOf } from '../../client/requests.ts';
import { WatchTable } from '../../client/watches.ts';
import type { WatchKind, WatchListener } from '../../client/watches.ts';
import { errorName, ZkError } from '../../client/zk-error.ts';
import { ErrorCode } from '../../server/protocol/error-code.ts';
import { EventType } from '../../server/protocol/event-type.ts';
import { WatcherType } from '../../server/protocol/requests/watch.ts';

// Goal: the parts of the client do what their words say: connect strings, chroots, watches.
// Method: tables of cases, without a session.

test('connect strings: hosts, ports, brackets and a chroot', () => {
  assert.deepEqual(parseConnectString('a:1,b,[::1]:3/app/x'), {
    hosts: [
      { host: 'a', port: 1 },
      { host: 'b', port: 2181 },
      { host: '::1', port: 3 },
    ],
    chroot: '/app/x',
  });
  assert.equal(parseConnectString('a').chroot, '');
  assert.equal(parseConnectString('a/').chroot, '');
});

test('connect strings that name no host are refused', () => {
  for (const text of ['', '/', ',', 'a:b', 'a:0', 'a:65536', 'a:1:2', '::1']) {
    assert.throws(
      () => parseConnectString(text),
      (error) => error instanceof ZkError && error.code === 'BAD_ARGUMENTS',
      text,
    );
  }
});

test('hosts come in a shuffled order, all of them in every round', () => {
  const hosts = 'abcd'.split('').map((host) => ({ host, port: 1 }));
  const orders = new Set<string>();
  for (let step = 0; step < 50; step += 1) {
    let seed = step;
    const ring = new HostRing(hosts, () => {
      seed = (seed * 31 + 7) % 101;
      return seed / 101;
    });
    const round = Array.from({ length: 4 }, () => ring.next().host).join('');
    assert.equal(round.split('').sort().join(''), 'abcd');
    assert.equal(Array.from({ length: 4 }, () => ring.next().host).join(''), round);
    orders.add(round);
  }
  assert.ok(orders.size > 5, `${orders.size} orders`);
});

test('a chroot goes in front and comes off again, but never off another name', () => {
  for (const [path, inside] of [
    ['/', '/app'],
    ['/a', '/app/a'],
    ['/a/b', '/app/a/b'],
  ] as const) {
    assert.equal(intoChroot('/app', path), inside);
    assert.equal(outOfChroot('/app', inside), path);
    assert.equal(intoChroot('', path), path);
    assert.equal(outOfChroot('', path), path);
  }
  assert.equal(outOfChroot('/app', '/apple'), '/apple');
  assert.equal(outOfChroot('/app', '/zookeeper/config'), '/zookeeper/config');
});

test('every error of the wire has the name that programs look at', () => {
  for (const [name, code] of Object.entries(ErrorCode)) assert.equal(errorName(code), name);
  assert.equal(errorName(-9999), 'SYSTEM_ERROR');
});

test('creates: the options choose operation and flags', () => {
  const kind = (options: Parameters<typeof createRequestOf>[3]): (number | string)[] => {
    const { opCode, flags, ttlMs, path } = createRequestOf('/c', '/a', null, options);
    return [opCode, flags, ttlMs, path];
  };
  assert.deepEqual(kind({}), [1, 0, -1, '/c/a']);
  assert.deepEqual(kind({ ephemeral: true }), [1, 1, -1, '/c/a']);
  assert.deepEqual(kind({ sequential: true }), [1, 2, -1, '/c/a']);
  assert.deepEqual(kind({ ephemeral: true, sequential: true }), [1, 3, -1, '/c/a']);
  assert.deepEqual(kind({ container: true }), [19, 4, -1, '/c/a']);
  assert.deepEqual(kind({ ttlMs: 5 }), [21, 5, 5, '/c/a']);
  assert.deepEqual(kind({ ttlMs: 5, sequential: true }), [21, 6, 5, '/c/a']);
  assert.equal(createRequestOf('/c', '/', null, { sequential: true }).path, '/c/');
  assert.throws(() => kind({ ephemeral: true, container: true }), /exclude each other/);
  assert.throws(() => kind({ container: true, sequential: true }), /not sequential/);
  for (const ttlMs of [0, -1, 1.5, 2 ** 40]) assert.throws(() => kind({ ttlMs }), /ttlMs/);
});

const kinds: readonly WatchKind[] = ['data', 'exist', 'child', 'persistent', 'recursive'];

test('which event reaches which kind of watch, and which of them it uses up', () => {
  const expected: readonly (readonly [EventType, string, string])[] = [
    [EventType.NODE_CREATED, 'data exist persistent recursive', 'data exist'],
    [EventType.NODE_DATA_CHANGED, 'data exist persistent recursive', 'data exist'],
    [EventType.NODE_CHILDREN_CHANGED, 'child persistent', 'child'],
    [EventType.NODE_DELETED, 'data exist child persistent recursive', 'data exist child'],
  ];
  for (const [type, heard, used] of expected) {
    const table = new WatchTable();
    const names = new Map<WatchListener, string>();
    for (const kind of kinds) {
      const listener = (): void => undefined;
      names.set(listener, kind);
      table.add(kind, '/a', listener);
    }
    const first = [...table.take(type, '/a')].map((listener) => names.get(listener));
    assert.deepEqual(new Set(first), new Set(heard.split(' ')));
    const second = [...table.take(type, '/a')].map((listener) => names.get(listener));
    const gone = first.filter((kind) => !second.includes(kind));
    assert.deepEqual(new Set(gone), new Set(used.split(' ')));
  }
});

test('a recursive watch hears of everything below, the others of their own path only', () => {
  const table = new WatchTable();
  const listener = (): void => undefined;
  for (const kind of ['data', 'persistent'] as const) table.add(kind, '/a', listener);
  table.add('recursive', '/', listener);
  assert.equal(table.take(EventType.NODE_CREATED, '/a/b/c').size, 1);
  table.remove('/', WatcherType.ANY, null);
  assert.equal(table.take(EventType.NODE_CREATED, '/a/b/c').size, 0);
});

test('a listener on several kinds hears an event once', () => {
  const table = new WatchTable();
  const listener = (): void => undefined;
  for (const kind of kinds) table.add(kind, '/a', listener);
  assert.equal(table.take(EventType.NODE_DELETED, '/a').size, 1);
});

test('removing one listener leaves the others, removing all leaves none', () => {
  const table = new WatchTable();
  const [one, other] = [(): void => undefined, (): void => void 0];
  table.add('data', '/a', one);
  table.add('data', '/a', other);
  table.remove('/a', WatcherType.DATA, one);
  assert.equal(table.has('/a', WatcherType.DATA, one), false);
  assert.equal(table.has('/a', WatcherType.DATA, other), true);
  assert.equal(table.has('/a', WatcherType.CHILDREN, null), false);
  table.remove('/a', WatcherType.ANY, null);
  assert.deepEqual(table.registrations(0 as never), []);
});
