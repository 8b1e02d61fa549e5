import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { JsonObject } from '../../../operator/local/api/json.ts';
import { at, asTester, bareApi, configMap, refusal, statefulSet, target } from './world.ts';

// Goal: server-side apply: who applies owns, who does not apply any more lets go, and nobody
// takes from another without force.
// Method: two managers over the rules of the API, without HTTP.

const first = { manager: 'first' } as const;
const second = { manager: 'second' } as const;

function managersOf(object: JsonObject): string[] {
  const entries = (at(object, 'metadata', 'managedFields') ?? []) as JsonObject[];
  return entries.map((entry) => `${entry['manager'] as string} ${entry['operation'] as string}`);
}

test('the second manager conflicts over a value and is told with whom', () => {
  const api = bareApi();
  api.apply(target('configmaps', 'c'), configMap('c', { a: '1' }), first);
  const refused = refusal(() =>
    api.apply(target('configmaps', 'c'), configMap('c', { a: '2' }), second),
  );
  assert.equal(refused.code, 409);
  assert.match(
    refused.message,
    /Apply failed with 1 conflict: conflicts with "first":\n- \.data\.a/,
  );
});

test('equal values are shared without a conflict', () => {
  const api = bareApi();
  api.apply(target('configmaps', 'c'), configMap('c', { a: '1' }), first);
  const object = api.apply(target('configmaps', 'c'), configMap('c', { a: '1' }), second);
  assert.deepEqual(managersOf(object), ['first Apply', 'second Apply']);
});

test('force takes the field over, and the other loses it', () => {
  const api = bareApi();
  api.apply(target('configmaps', 'c'), configMap('c', { a: '1', b: '1' }), first);
  const options = { ...second, isForced: true };
  const object = api.apply(target('configmaps', 'c'), configMap('c', { a: '2' }), options);
  assert.deepEqual(object['data'], { a: '2', b: '1' });
  const again = api.apply(target('configmaps', 'c'), configMap('c', { b: '2' }), first);
  assert.deepEqual(again['data'], { a: '2', b: '2' });
});

test('what is no longer applied goes, unless another owns it', () => {
  const api = bareApi();
  api.apply(target('configmaps', 'c'), configMap('c', { a: '1', b: '1' }), first);
  api.apply(target('configmaps', 'c'), configMap('c', { b: '1' }), second);
  const object = api.apply(target('configmaps', 'c'), configMap('c', {}), first);
  assert.deepEqual(object['data'], { b: '1' });
});

test('the same configuration again is no write', () => {
  const api = bareApi();
  const set = statefulSet('s');
  const one = api.apply(target('statefulsets', 's'), set, first);
  const two = api.apply(target('statefulsets', 's'), set, first);
  assert.equal(two.metadata.resourceVersion, one.metadata.resourceVersion);
  assert.equal(api.store.revision, Number(one.metadata.resourceVersion));
});

test('items of lists with keys merge: a container keeps what others set', () => {
  const api = bareApi();
  api.apply(target('statefulsets', 's'), statefulSet('s'), first);
  const env = {
    apiVersion: 'apps/v1',
    kind: 'StatefulSet',
    metadata: { name: 's' },
    spec: {
      template: { spec: { containers: [{ name: 'main', env: [{ name: 'A', value: '1' }] }] } },
    },
  };
  const object = api.apply(target('statefulsets', 's'), env, second);
  const containers = at(object, 'spec', 'template', 'spec', 'containers') as JsonObject[];
  assert.equal(containers.length, 1);
  assert.deepEqual(containers[0]?.['env'], [{ name: 'A', value: '1' }]);
  assert.deepEqual(containers[0]?.['command'], ['node', '-e', '']);

  const without = structuredClone(env);
  without.spec.template.spec.containers = [];
  const after = api.apply(target('statefulsets', 's'), without, second);
  const left = at(after, 'spec', 'template', 'spec', 'containers') as JsonObject[];
  assert.equal(left[0]?.['env'], undefined);
  assert.equal(left[0]?.['image'], 'none');
});

test('an ordinary update takes fields from an applier, who meets a conflict later', () => {
  const api = bareApi();
  api.apply(target('configmaps', 'c'), configMap('c', { a: '1' }), first);
  api.modify(target('configmaps', 'c'), (old) => ({ ...old, data: { a: '2' } }), asTester);
  const refused = refusal(() =>
    api.apply(target('configmaps', 'c'), configMap('c', { a: '1' }), first),
  );
  assert.match(refused.message, /conflicts with "tester"/);
});

test('an apply of the object does not touch its status, nor the other way round', () => {
  const api = bareApi();
  api.apply(target('statefulsets', 's'), { ...statefulSet('s'), status: { replicas: 9 } }, first);
  const head = { apiVersion: 'apps/v1', kind: 'StatefulSet', metadata: { name: 's' } };
  const status = { ...head, spec: { replicas: 7 }, status: { replicas: 2 } };
  const options = { ...second, subresource: 'status' } as const;
  const object = api.apply(target('statefulsets', 's'), status, options);
  assert.equal(at(object, 'spec', 'replicas'), 3);
  assert.equal(at(object, 'status', 'replicas'), 2);
});

test('an apply with a stale resourceVersion is refused', () => {
  const api = bareApi();
  const one = api.apply(target('configmaps', 'c'), configMap('c', { a: '1' }), first);
  api.apply(target('configmaps', 'c'), configMap('c', { a: '2' }), first);
  const stale = configMap('c', { a: '3' });
  stale['metadata'] = { name: 'c', resourceVersion: one.metadata.resourceVersion };
  const refused = refusal(() => api.apply(target('configmaps', 'c'), stale, first));
  assert.equal(refused.code, 409);
});
