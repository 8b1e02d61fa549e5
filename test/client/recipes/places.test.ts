import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ZkError, ZooKeeper } from '../../../client/index.ts';
import { placeOf, placesOf } from '../../../client/recipes/places.ts';
import { Limit, Listeners, Notice, raced, racedOrUndone } from '../../../client/recipes/waiting.ts';
import { withSequence } from '../../../server/protocol/path.ts';
import { SharedWatches } from '../../../client/recipes/shared-watches.ts';

// Goal: places are ordered as the servers numbered them, also when the numbers wrap; waiting ends
// once, for one reason, and leaves nothing behind.
// Method: names and signals by hand; no server takes part.

const guid = '0b3c5ae1-6d0c-4b1f-9a55-8f1a2b3c4d5e';
const nameOf = (kind: string, number: number): string => withSequence(`${guid}-${kind}-`, number);

test('a name says its kind and number, and what is no place is left out', () => {
  const place = placeOf('/line', nameOf('lock', 7));
  assert.deepEqual(place, {
    path: `/line/${guid}-lock-0000000007`,
    name: `${guid}-lock-0000000007`,
    kind: 'lock',
    number: 7,
  });
  assert.equal(placeOf('/', nameOf('p005', -5))?.number, -5);
  assert.equal(placeOf('/', nameOf('lock', -(2 ** 31)))?.number, -(2 ** 31));
  const foreign = ['ready', 'lock-0000000001', `${guid}-lock-`, `${guid}-0000000001`];
  assert.deepEqual(placesOf('/line', foreign), []);
});

test('the order is that of taking, over the end of the numbers as well', () => {
  const inOrder = [2 ** 31 - 2, 2 ** 31 - 1, -(2 ** 31), 1 - 2 ** 31, 2 - 2 ** 31];
  const names = inOrder.map((number) => nameOf('lock', number));
  const shuffled = [names[3], names[0], names[4], names[2], names[1]] as string[];
  assert.deepEqual(
    placesOf('/', shuffled).map(({ number }) => number),
    inOrder,
  );
});

test('a limit fires once, for the signal or the time, and not after it is disposed of', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const outer = new AbortController();
  const byTime = new Limit({ signal: outer.signal, timeoutMs: 50 }, '/a');
  const bySignal = new Limit({ signal: outer.signal, timeoutMs: 100 }, '/a');
  const disposed = new Limit({ signal: outer.signal, timeoutMs: 50 }, '/a');
  const endless = new Limit({ timeoutMs: Infinity }, '/a');
  disposed[Symbol.dispose]();
  t.mock.timers.tick(50);
  assert.equal((byTime.signal.reason as ZkError).code, 'OPERATION_TIMEOUT');
  outer.abort('enough');
  assert.equal(bySignal.signal.reason, 'enough');
  assert.equal(disposed.signal.aborted, false);
  t.mock.timers.tick(2 ** 31);
  assert.equal(endless.signal.aborted, false);
  assert.equal(new Limit({ signal: outer.signal }, '/a').signal.reason, 'enough');
});

test('a race is won by the first, and what comes too late is undone', async () => {
  const stop = new AbortController();
  assert.equal(await raced(Promise.resolve(1), stop.signal), 1);
  const late = Promise.withResolvers<string>();
  const undone: string[] = [];
  const race = racedOrUndone(late.promise, stop.signal, (made) => undone.push(made));
  stop.abort(new Error('stopped'));
  await assert.rejects(race, /stopped/);
  assert.deepEqual(undone, []);
  late.resolve('made');
  await late.promise;
  assert.deepEqual(undone, ['made']);
  await assert.rejects(raced(Promise.reject(new Error('late')), stop.signal), /stopped/);
});

test('a notice is given once to all, and at once to who comes after', () => {
  const notice = new Notice();
  const heard: string[] = [];
  notice.on(() => heard.push('a'));
  notice.on(() => heard.push('b'))();
  notice.give();
  notice.give();
  notice.on(() => heard.push('c'));
  assert.deepEqual(heard, ['a', 'c']);
});

test('what a listener throws keeps no other from hearing', async (t) => {
  const thrown = new Promise((resolve) => {
    t.mock.method(globalThis, 'queueMicrotask', (task: () => void) => {
      try {
        task();
      } catch (error) {
        resolve(error);
      }
    });
  });
  const listeners = new Listeners<number>();
  const heard: number[] = [];
  listeners.add(() => {
    throw new Error('a listener’s own');
  });
  listeners.add((news) => heard.push(news));
  listeners.tell(5);
  assert.deepEqual(heard, [5]);
  assert.match(String(await thrown), /own/);
});

test('one watch serves all who wait for a path, and fires before the read is done if it must', async () => {
  const watches: (() => void)[] = [];
  let firesAtOnce = false;
  const played = {
    get: (_: string, { watch }: { readonly watch?: () => void }): Promise<string> => {
      if (watch !== undefined) watches.push(watch);
      if (firesAtOnce) watch?.();
      return Promise.resolve('node');
    },
  };
  const shared = SharedWatches.of(played as unknown as ZooKeeper);
  const first = await shared.get('/a');
  const second = await shared.get('/a');
  assert.equal(watches.length, 1);
  assert.equal(first.changed, second.changed);
  await shared.get('/b');
  assert.equal(watches.length, 2);
  watches[0]?.();
  assert.equal(second.changed.isGiven, true);
  firesAtOnce = true;
  assert.equal((await shared.get('/a')).changed.isGiven, true);
  firesAtOnce = false;
  assert.equal((await shared.get('/a')).changed.isGiven, false);
  assert.equal(watches.length, 4);
});
