import assert from 'node:assert/strict';
import { appendFileSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { KubeObject } from '../../../operator/local/api/kube-object.ts';
import { Journal } from '../../../operator/local/store/journal.ts';
import { historyEventsMax, Store } from '../../../operator/local/store/store.ts';
import { temporaryDirectory } from './world.ts';

// Goal: what was written is there after a restart, in the same numbering, and a watch learns of
// everything or is told that it cannot.
// Method: a store over a journal that is closed, cut and opened again.

function object(name: string, data: Record<string, string> = {}): KubeObject {
  const metadata = { name, namespace: 'n', uid: name, resourceVersion: '', creationTimestamp: '' };
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata, data };
}

test('objects and the numbering survive a restart', (t) => {
  const path = join(temporaryDirectory(t), 'objects.jsonl');
  const store = new Store(new Journal(path));
  store.put('/configmaps', object('a', { v: '1' }));
  store.put('/configmaps', object('b'));
  const last = store.put('/configmaps', object('a', { v: '2' }));
  const gone = store.get('/configmaps', 'n', 'b');
  assert(gone !== undefined, 'b was stored');
  store.remove('/configmaps', gone);
  store.close();

  const again = new Store(new Journal(path));
  assert.deepEqual(again.list('/configmaps'), [last]);
  assert.equal(again.revision, Number(last.metadata.resourceVersion) + 1);
});

test('a torn last line is dropped, all before it is kept', (t) => {
  const path = join(temporaryDirectory(t), 'objects.jsonl');
  const store = new Store(new Journal(path));
  store.put('/configmaps', object('a'));
  appendFileSync(path, '{"op":"put","resource":"/configmaps","obj');
  const again = new Store(new Journal(path));
  assert.deepEqual(
    again.list('/configmaps').map((one) => one.metadata.name),
    ['a'],
  );
});

test('leases end with the process that held them', (t) => {
  const path = join(temporaryDirectory(t), 'objects.jsonl');
  const store = new Store(new Journal(path));
  store.put('coordination.k8s.io/leases', object('lease'));
  store.close();
  const again = new Store(new Journal(path));
  assert.deepEqual(again.list('coordination.k8s.io/leases'), []);
  assert(again.revision >= 2, 'its revision is not given again');
});

test('the journal does not grow with history', (t) => {
  const path = join(temporaryDirectory(t), 'objects.jsonl');
  const store = new Store(new Journal(path));
  const text = 'x'.repeat(100_000);
  for (let n = 0; n < 100; n += 1) store.put('/configmaps', object('a', { text, n: String(n) }));
  assert(statSync(path).size < 5 * 2 ** 20, 'ten megabytes were written');
  assert.match(readFileSync(path, 'utf8'), /"n":"99"/);
});

test('a watch position is served from history, and refused once it is too old', () => {
  const store = new Store(null);
  const first = store.put('/configmaps', object('a'));
  const since = Number(first.metadata.resourceVersion);
  store.put('/configmaps', object('b'));
  assert.deepEqual(
    store
      .changesSince('/configmaps', since)
      .map(({ type, object: { metadata } }) => [type, metadata.name]),
    [['ADDED', 'b']],
  );
  for (let n = 0; n < historyEventsMax * 1.25 + 1; n += 1) store.put('/configmaps', object('b'));
  assert.throws(() => store.changesSince('/configmaps', since), { httpCode: 410 });
});
