import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import * as fc from 'fast-check';
import type { JsonObject } from '../../../operator/local/api/json.ts';
import type { KubeObject } from '../../../operator/local/api/kube-object.ts';
import { Journal } from '../../../operator/local/store/journal.ts';
import { Store } from '../../../operator/local/store/store.ts';
import { bareApi, configMap, target, temporaryDirectory } from './world.ts';

// Goal: ownership, watches and the journal hold for any history, not for the written ones alone.
// Method: random histories against plainer second versions.

const key = fc.constantFrom('a', 'b', 'c');
const value = fc.constantFrom('1', '2');
const data = fc.dictionary(key, value, { maxKeys: 3 });
const applies = fc.array(
  fc.record({ manager: fc.constantFrom('x', 'y', 'z'), data, isForced: fc.boolean() }),
  { maxLength: 12 },
);

/** Who owns which key with which value: the rules of server-side apply in a few lines. */
class Ownership {
  readonly fields = new Map<string, { value: string; owners: Set<string> }>();

  apply(manager: string, given: Record<string, string>, isForced: boolean): boolean {
    const taken = Object.entries(given).filter(([name, wanted]) => {
      const field = this.fields.get(name);
      if (field === undefined || field.value === wanted) return false;
      return [...field.owners].some((owner) => owner !== manager);
    });
    if (taken.length > 0 && !isForced) return false;
    for (const [name, wanted] of Object.entries(given)) {
      const field = this.fields.get(name);
      const isSame = field?.value === wanted;
      const owners = isSame ? field.owners : new Set<string>();
      this.fields.set(name, { value: wanted, owners: owners.add(manager) });
    }
    for (const [name, field] of this.fields) {
      if (name in given) continue;
      if (field.owners.delete(manager) && field.owners.size === 0) this.fields.delete(name);
    }
    return true;
  }

  data(): Record<string, string> {
    return Object.fromEntries([...this.fields].map(([name, field]) => [name, field.value]));
  }
}

test('server-side apply leaves what the rules of ownership leave', () => {
  fc.assert(
    fc.property(applies, (history) => {
      const api = bareApi();
      const model = new Ownership();
      for (const step of history) {
        const expected = model.apply(step.manager, step.data, step.isForced);
        let isApplied = true;
        try {
          const body = configMap('c', { ...step.data });
          const options = { manager: step.manager, isForced: step.isForced };
          api.apply(target('configmaps', 'c'), body, options);
        } catch {
          isApplied = false;
        }
        assert.equal(isApplied, expected);
        const found = api.store.get('/configmaps', 'default', 'c')?.['data'] ?? {};
        assert.deepEqual({ ...(found as JsonObject) }, model.data());
      }
    }),
    { numRuns: 200 },
  );
});

function object(name: string, text: string): KubeObject {
  const metadata = { name, namespace: 'n', uid: name, resourceVersion: '', creationTimestamp: '' };
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata, data: { text } };
}

const writes = fc.array(fc.tuple(key, fc.option(value)), { minLength: 1, maxLength: 20 });

/** A null removes. */
function write(store: Store, [name, text]: readonly [string, string | null]): void {
  const present = store.get('/configmaps', 'n', name);
  if (text !== null) store.put('/configmaps', object(name, text));
  else if (present !== undefined) store.remove('/configmaps', present);
}

function shown(store: Store): string {
  return JSON.stringify(store.list('/configmaps'));
}

test('who lists once and then follows the changes has what a later list has', () => {
  fc.assert(
    fc.property(writes, fc.nat(), (history, cut) => {
      const store = new Store(null);
      const seen = new Map<string, KubeObject>();
      let since = store.revision;
      for (const [index, step] of history.entries()) {
        if (index === cut % history.length) {
          for (const one of store.list('/configmaps')) seen.set(one.metadata.name, one);
          since = store.revision;
        }
        write(store, step);
      }
      for (const change of store.changesSince('/configmaps', since)) {
        const { name } = change.object.metadata;
        if (change.type === 'DELETED') assert(seen.delete(name), 'it was there');
        else assert.equal(seen.has(name), change.type === 'MODIFIED');
        if (change.type !== 'DELETED') seen.set(name, change.object);
      }
      const expected = store.list('/configmaps').map((one) => one.metadata.resourceVersion);
      const names = [...seen.keys()].sort();
      assert.deepEqual(
        names.map((name) => seen.get(name)?.metadata.resourceVersion),
        expected,
      );
    }),
  );
});

test('a journal cut at any byte holds the state after some of its writes', (t) => {
  const path = join(temporaryDirectory(t), 'objects.jsonl');
  const store = new Store(new Journal(path));
  const states = new Set([shown(store)]);
  for (const step of [
    ['a', '1'],
    ['b', '1'],
    ['a', '2'],
    ['b', null],
    ['c', '1'],
  ] as const) {
    write(store, step);
    states.add(shown(store));
  }
  const whole = readFileSync(path);
  for (let bytes = 0; bytes <= whole.length; bytes += 1) {
    writeFileSync(path, whole.subarray(0, bytes));
    const again = new Store(new Journal(path));
    assert(states.has(shown(again)), `cut at ${bytes}: ${shown(again)}`);
    again.close();
  }
});
