import assert from 'node:assert/strict';
import { request } from 'node:https';
import { test } from 'node:test';
import {
  ApiException,
  AppsV1Api,
  CoreV1Api,
  PatchStrategy,
  setHeaderOptions,
  Watch,
} from '@kubernetes/client-node';
import type { JsonObject } from '../../../operator/local/api/json.ts';
import type { LocalControlPlane } from '../../../operator/local/control-plane.ts';
import { configMap, controlPlane, kubeConfigOf, statefulSet, target } from './world.ts';

// Goal: the API answers as a cluster's does, over HTTPS, to the ordinary client library and to
// requests that no library would send.
// Method: a control plane whose pods are pretended; the client library, and raw requests.

interface Answer {
  readonly code: number;
  readonly type: string;
  readonly headers: NodeJS.Dict<string | string[]>;
  readonly body: JsonObject;
}

function ask(
  plane: LocalControlPlane,
  method: string,
  path: string,
  options: { body?: unknown; headers?: Record<string, string>; token?: string } = {},
): Promise<Answer> {
  const user = kubeConfigOf(plane).getCurrentUser();
  const token = options.token ?? user?.token ?? '';
  const text = options.body === undefined ? '' : JSON.stringify(options.body);
  return new Promise((resolve, reject) => {
    const outgoing = request(
      `${plane.url}${path}`,
      {
        method,
        rejectUnauthorized: false,
        headers: {
          authorization: `Bearer ${token}`,
          'content-type': 'application/json',
          'content-length': Buffer.byteLength(text),
          ...options.headers,
        },
      },
      (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('end', () => {
          const whole = Buffer.concat(chunks).toString();
          const isOneObject = whole.startsWith('{') && whole.trimEnd().split('\n').length === 1;
          resolve({
            code: response.statusCode ?? 0,
            type: response.headers['content-type'] ?? '',
            headers: response.headers,
            body: isOneObject ? (JSON.parse(whole) as JsonObject) : { text: whole },
          });
        });
      },
    );
    outgoing.once('error', reject);
    outgoing.end(text);
  });
}

const maps = '/api/v1/namespaces/default/configmaps';

async function failure(call: Promise<unknown>): Promise<{ code: number; reason: string }> {
  try {
    await call;
  } catch (error) {
    assert(error instanceof ApiException, String(error));
    const status = JSON.parse(error.body as string) as { code: number; reason: string };
    return { code: status.code, reason: status.reason };
  }
  throw new Error('the call was not refused');
}

test('an object is created, read, changed and deleted', async (t) => {
  const plane = await controlPlane(t);
  const core = kubeConfigOf(plane).makeApiClient(CoreV1Api);
  const namespace = 'default';
  const body = { metadata: { name: 'c' }, data: { a: '1' } };
  const created = await core.createNamespacedConfigMap({ namespace, body });
  assert.match(created.metadata?.uid ?? '', /^[0-9a-f-]{36}$/);
  assert.equal(created.metadata?.namespace, 'default');
  const twice = failure(core.createNamespacedConfigMap({ namespace, body }));
  assert.deepEqual(await twice, { code: 409, reason: 'AlreadyExists' });

  created.data = { a: '2' };
  const changed = await core.replaceNamespacedConfigMap({ name: 'c', namespace, body: created });
  assert.deepEqual(changed.data, { a: '2' });
  const stale = failure(core.replaceNamespacedConfigMap({ name: 'c', namespace, body: created }));
  assert.deepEqual(await stale, { code: 409, reason: 'Conflict' });

  const listed = await core.listNamespacedConfigMap({ namespace });
  assert.deepEqual(
    listed.items.map((item) => item.metadata?.name),
    ['c'],
  );
  await core.deleteNamespacedConfigMap({ name: 'c', namespace });
  const gone = failure(core.readNamespacedConfigMap({ name: 'c', namespace }));
  assert.deepEqual(await gone, { code: 404, reason: 'NotFound' });
});

test('a name may be generated, and a bad one is refused', async (t) => {
  const plane = await controlPlane(t);
  const made = await ask(plane, 'POST', maps, { body: { metadata: { generateName: 'c-' } } });
  const { name } = made.body['metadata'] as { name: string };
  assert.match(name, /^c-[a-z0-9]{5}$/);
  const bad = await ask(plane, 'POST', maps, { body: { metadata: { name: 'Big_Name' } } });
  assert.equal(bad.code, 422);
  const none = await ask(plane, 'POST', maps, { body: { metadata: {} } });
  assert.match(none.body['message'] as string, /name or generateName is required/);
});

test('a deletion with preconditions that do not hold is refused', async (t) => {
  const plane = await controlPlane(t);
  await ask(plane, 'POST', maps, { body: configMap('c') });
  const body = { preconditions: { uid: 'another' } };
  const refused = await ask(plane, 'DELETE', `${maps}/c`, { body });
  assert.equal(refused.code, 409);
  assert.equal((await ask(plane, 'GET', `${maps}/c`)).code, 200);
});

test('each language of patches is understood, others are refused', async (t) => {
  const plane = await controlPlane(t);
  await ask(plane, 'POST', maps, { body: configMap('c', { a: '1' }) });
  const patch = async (type: string, body: unknown, query = ''): Promise<Answer> =>
    ask(plane, 'PATCH', `${maps}/c${query}`, { body, headers: { 'content-type': type } });
  const merge = await patch('application/merge-patch+json', { data: { b: '2' } });
  assert.deepEqual(merge.body['data'], { a: '1', b: '2' });
  const json = await patch('application/json-patch+json', [{ op: 'remove', path: '/data/a' }]);
  assert.deepEqual(json.body['data'], { b: '2' });
  const strategic = await patch('application/strategic-merge-patch+json', { data: { b: null } });
  assert.deepEqual(strategic.body['data'] ?? {}, {});
  const applied = configMap('c', { z: '1' });
  const apply = await patch('application/apply-patch+yaml', applied, '?fieldManager=me');
  assert.deepEqual(apply.body['data'], { z: '1' });
  const nameless = await patch('application/apply-patch+yaml', applied);
  assert.equal(nameless.code, 400);
  assert.equal((await patch('text/plain', {})).code, 415);
});

test('a dry run judges and stores nothing', async (t) => {
  const plane = await controlPlane(t);
  const made = await ask(plane, 'POST', `${maps}?dryRun=All`, { body: configMap('c') });
  assert.equal(made.code, 201);
  assert.equal((await ask(plane, 'GET', `${maps}/c`)).code, 404);
  const odd = await ask(plane, 'POST', `${maps}?dryRun=Some`, { body: configMap('c') });
  assert.equal(odd.code, 400);
});

test('unknown fields are dropped with a warning, or refused when the client is strict', async (t) => {
  const plane = await controlPlane(t);
  const body = { ...configMap('c'), dta: { a: '1' } };
  const strict = await ask(plane, 'POST', `${maps}?fieldValidation=Strict`, { body });
  assert.equal(strict.code, 400);
  assert.match(strict.body['message'] as string, /strict decoding error: unknown field "dta"/);
  const warned = await ask(plane, 'POST', maps, { body });
  assert.equal(warned.code, 201);
  assert.match(String(warned.headers['warning']), /299 - "unknown field \\"dta\\""/);
  assert.equal(warned.body['dta'], undefined);
});

test('a value of the wrong type is refused with its path', async (t) => {
  const plane = await controlPlane(t);
  const body = statefulSet('s', { replicas: 'three' });
  const path = '/apis/apps/v1/namespaces/default/statefulsets';
  const refused = await ask(plane, 'POST', path, { body });
  assert.equal(refused.code, 422);
  assert.match(refused.body['message'] as string, /spec\.replicas in body must be of type integer/);
});

test('lists are selected by labels and fields, and given in pages', async (t) => {
  const plane = await controlPlane(t);
  for (const name of ['a', 'b', 'c', 'd']) {
    const metadata = { name, labels: { kind: name < 'c' ? 'early' : 'late' } };
    await ask(plane, 'POST', maps, { body: { metadata } });
  }
  const names = (answer: Answer): string[] =>
    (answer.body['items'] as { metadata: { name: string } }[]).map((item) => item.metadata.name);
  const by = async (query: string): Promise<string[]> =>
    names(await ask(plane, 'GET', `${maps}?${query}`));
  assert.deepEqual(await by('labelSelector=kind%3Dearly'), ['a', 'b']);
  assert.deepEqual(await by('labelSelector=kind+in+(early,late),kind!%3Dearly'), ['c', 'd']);
  assert.deepEqual(await by('labelSelector=!kind'), []);
  assert.deepEqual(await by('fieldSelector=metadata.name%3Dc'), ['c']);
  const odd = await ask(plane, 'GET', `${maps}?fieldSelector=spec.none%3Dx`);
  assert.equal(odd.code, 400);
  const first = await ask(plane, 'GET', `${maps}?limit=3`);
  assert.deepEqual(names(first), ['a', 'b', 'c']);
  const metadata = first.body['metadata'] as JsonObject;
  assert.equal(metadata['remainingItemCount'], 1);
  assert.deepEqual(await by(`limit=3&continue=${metadata['continue'] as string}`), ['d']);
});

test('a watch tells additions, changes and deletions from where a list ended', async (t) => {
  const plane = await controlPlane(t);
  const { api } = plane;
  const manager = { manager: 'tester' };
  api.create(target('configmaps', '').definition, 'default', configMap('before'), manager);
  const since = String(api.store.revision);
  const seen: string[] = [];
  const done = new Promise<void>((resolve, reject) => {
    new Watch(kubeConfigOf(plane))
      .watch(
        maps,
        { resourceVersion: since },
        (type: string, object: { metadata: { name: string } }) => {
          seen.push(`${type} ${object.metadata.name}`);
          if (type === 'DELETED') resolve();
        },
        (error: unknown) => reject(error as Error),
      )
      .catch(reject);
  });
  api.create(target('configmaps', '').definition, 'default', configMap('c'), manager);
  api.modify(target('configmaps', 'c'), (old) => ({ ...old, data: { a: '1' } }), manager);
  api.delete(target('configmaps', 'c'), {});
  await done;
  assert.deepEqual(seen, ['ADDED c', 'MODIFIED c', 'DELETED c']);
});

test('a watch by label sees objects come and go as their labels change', async (t) => {
  const plane = await controlPlane(t);
  const { api } = plane;
  const manager = { manager: 'tester' };
  const label = (value: string) => (old: JsonObject) => ({
    ...old,
    metadata: { ...(old['metadata'] as JsonObject), labels: { a: value } },
  });
  api.create(target('configmaps', '').definition, 'default', configMap('c'), manager);
  const since = api.store.revision;
  api.modify(target('configmaps', 'c'), label('1'), manager);
  api.modify(target('configmaps', 'c'), label('2'), manager);
  const query = `watch=1&timeoutSeconds=1&resourceVersion=${since}&labelSelector=a%3D1`;
  const answer = await ask(plane, 'GET', `${maps}?${query}`);
  const lines = (answer.body['text'] as string).trimEnd().split('\n');
  const types = lines.map((line) => (JSON.parse(line) as JsonObject)['type']);
  assert.deepEqual(types, ['ADDED', 'DELETED']);
});

test('a watch from before the history gets 410, and bookmarks say where everything ended', async (t) => {
  const plane = await controlPlane(t);
  plane.api.store.compact();
  const old = await ask(plane, 'GET', `${maps}?watch=1&resourceVersion=1`);
  const event = old.body['object'] as JsonObject;
  assert.equal(old.body['type'], 'ERROR');
  assert.equal(event['code'], 410);
  const query = 'watch=1&timeoutSeconds=1&sendInitialEvents=true&allowWatchBookmarks=true';
  const first = await ask(plane, 'GET', `${maps}?${query}`);
  assert.equal(first.body['type'], 'BOOKMARK');
  assert.match(JSON.stringify(first.body), /initial-events-end/);
});

test('kubectl gets tables with the columns of the kind', async (t) => {
  const plane = await controlPlane(t);
  await ask(plane, 'POST', maps, { body: configMap('c', { a: '1' }) });
  const accept = 'application/json;as=Table;v=v1;g=meta.k8s.io,application/json';
  const table = await ask(plane, 'GET', maps, { headers: { accept } });
  assert.equal(table.body['kind'], 'Table');
  const columns = table.body['columnDefinitions'] as { name: string }[];
  assert.deepEqual(
    columns.map((column) => column.name),
    ['Name', 'Data', 'Age'],
  );
  const [row] = table.body['rows'] as { cells: unknown[] }[];
  assert.deepEqual(row?.cells.slice(0, 2), ['c', 1]);
});

test('discovery is served in both forms, and OpenAPI names what may be patched', async (t) => {
  const plane = await controlPlane(t);
  const groups = await ask(plane, 'GET', '/apis');
  assert.match(JSON.stringify(groups.body), /"apps\/v1"/);
  const accept = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList';
  const aggregated = await ask(plane, 'GET', '/apis', { headers: { accept } });
  assert.equal(aggregated.type, accept);
  assert.equal(aggregated.body['kind'], 'APIGroupDiscoveryList');
  const index = await ask(plane, 'GET', '/openapi/v3');
  const { serverRelativeURL } =
    (index.body['paths'] as Record<string, JsonObject>)['apis/apps/v1'] ?? {};
  const document = await ask(plane, 'GET', serverRelativeURL as string);
  const path = '/apis/apps/v1/namespaces/{namespace}/statefulsets/{name}';
  const { patch } = (document.body['paths'] as Record<string, JsonObject>)[path] ?? {};
  assert.match(JSON.stringify(patch), /fieldValidation/);
});

test('nobody without the token gets in', async (t) => {
  const plane = await controlPlane(t);
  for (const token of ['', 'wrong']) {
    assert.equal((await ask(plane, 'GET', maps, { token })).code, 401);
  }
  assert.equal((await ask(plane, 'GET', '/readyz', { token: '' })).code, 200);
});

test('what is not supported is refused with a sentence', async (t) => {
  const plane = await controlPlane(t);
  const apps = kubeConfigOf(plane).makeApiClient(AppsV1Api);
  const missing = failure(apps.listNamespacedDeployment({ namespace: 'default' }));
  assert.deepEqual(await missing, { code: 404, reason: 'NotFound' });
  const exec = await ask(plane, 'POST', '/api/v1/namespaces/default/pods/p/exec');
  assert.equal(exec.code, 501);
  assert.match(exec.body['message'] as string, /does not support exec/);
  const volume = { volumes: [{ name: 'v', hostPath: { path: '/' } }] };
  const path = '/apis/apps/v1/namespaces/default/statefulsets';
  const refused = await ask(plane, 'POST', path, { body: statefulSet('s', {}, {}, volume) });
  assert.equal(refused.code, 422);
  assert.match(refused.body['message'] as string, /local control plane does not support this/);
});

test('a body beyond the limit is refused', async (t) => {
  const plane = await controlPlane(t);
  const body = configMap('c', { a: 'x'.repeat(3 * 2 ** 20) });
  assert.equal((await ask(plane, 'POST', maps, { body })).code, 413);
});

test('a typed patch reaches the scale of a set', async (t) => {
  const plane = await controlPlane(t);
  const apps = kubeConfigOf(plane).makeApiClient(AppsV1Api);
  const name = 's';
  const namespace = 'default';
  plane.api.create(target('statefulsets', '').definition, namespace, statefulSet(name), {
    manager: 'tester',
  });
  const scale = await apps.patchNamespacedStatefulSetScale(
    { name, namespace, body: { spec: { replicas: 1 } } },
    setHeaderOptions('Content-Type', PatchStrategy.MergePatch),
  );
  assert.equal(scale.spec?.replicas, 1);
  assert.equal(scale.status?.selector, 'app=s');
});
