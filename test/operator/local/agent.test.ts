import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { get } from 'node:http';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import type { JsonObject } from '../../../operator/local/api/json.ts';
import type { KubeObject } from '../../../operator/local/api/kube-object.ts';
import type { LocalControlPlane } from '../../../operator/local/control-plane.ts';
import { startLocalControlPlane } from '../../../operator/local/control-plane.ts';
import type { Api } from '../../../operator/local/resources/api.ts';
import {
  asTester,
  at,
  configMap,
  controlPlane,
  isReady,
  statefulSet,
  target,
  temporaryDirectory,
  until,
} from './world.ts';

// Goal: a pod's processes get what their specification says, end as they are asked to, start
// again when they fail, and find their data after everything was stopped.
// Method: pods that run small scripts in Node; what the scripts answer and write is read.

/** Serves, on the port that port 8080 of the pod stands for, what the expression gives. */
function serving(expression: string, before = ''): JsonObject {
  const script = `
    const fs = require('node:fs');
    const listen = () => JSON.parse(fs.readFileSync(process.env.ZK_ADDRESS_MAP, 'utf8')).listen;
    ${before}
    const [host, port] = listen()['8080'].split(':');
    process.on('SIGTERM', () => { console.log('asked to end'); process.exit(0); });
    require('node:http').createServer((request, response) => {
      try { response.end(String(${expression})); }
      catch (error) { response.writeHead(500); response.end(String(error)); }
    }).listen(port, host);`;
  return {
    command: ['node', '-e', script],
    ports: [{ name: 'http', containerPort: 8080 }],
    readinessProbe: { httpGet: { path: '/', port: 'http' }, periodSeconds: 1 },
  };
}

function create(api: Api, plural: string, body: JsonObject): KubeObject {
  return api.create(target(plural, '').definition, 'default', body, asTester);
}

function podOf(api: Api, name: string): KubeObject | undefined {
  return api.store.get('/pods', 'default', name);
}

function whenReady(api: Api, name: string, other = ''): Promise<KubeObject> {
  return until(api, `${name} to be ready`, () => {
    const pod = podOf(api, name);
    return isReady(pod) && pod?.metadata.uid !== other ? pod : undefined;
  });
}

function ask(plane: LocalControlPlane, pod: string): Promise<string> {
  const address = plane.addressOf('default', pod, 'http');
  assert(address !== null, `${pod} has a port`);
  return new Promise((resolve, reject) => {
    get({ ...address, path: '/', agent: false }, (response) => {
      let text = '';
      response.on('data', (chunk: Buffer) => (text += chunk.toString()));
      response.on('end', () => resolve(text));
    }).once('error', reject);
  });
}

function statusOf(api: Api, name: string): JsonObject {
  const statuses = at(podOf(api, name), 'status', 'containerStatuses') as JsonObject[] | undefined;
  return statuses?.[0] ?? {};
}

/** The same state directory, started and stopped more than once. */
function starts(t: TestContext): () => Promise<LocalControlPlane> {
  const stateDir = temporaryDirectory(t);
  const planes: LocalControlPlane[] = [];
  t.after(() => Promise.all(planes.map((plane) => plane.stop(2000))));
  return async () => {
    const plane = await startLocalControlPlane({ stateDir });
    planes.push(plane);
    return plane;
  };
}

test('a container gets its environment, its files and its directories', async (t) => {
  const plane = await controlPlane(t, { pods: 'processes' });
  const { api } = plane;
  create(api, 'configmaps', configMap('c', { greeting: 'hello' }));
  create(api, 'secrets', { metadata: { name: 's' }, stringData: { password: 'hidden' } });
  const env = [
    { name: 'NAME', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } },
    { name: 'APP', valueFrom: { fieldRef: { fieldPath: "metadata.labels['app']" } } },
    { name: 'PASSWORD', valueFrom: { secretKeyRef: { name: 's', key: 'password' } } },
    { name: 'GREETING', valueFrom: { configMapKeyRef: { name: 'c', key: 'greeting' } } },
    { name: 'BOTH', value: '$(NAME) says $(GREETING), not $$(NAME)' },
    { name: 'CONFIG', value: '/etc/config' },
    { name: 'DATA', value: '/data/deep' },
  ];
  const container = {
    ...serving(
      "[process.env.BOTH, process.env.APP, process.env.PASSWORD, fs.readFileSync(process.env.CONFIG + '/greeting'), process.cwd()].join('|')",
      "fs.mkdirSync(process.env.DATA, { recursive: true }); fs.writeFileSync(process.env.DATA + '/x', '');",
    ),
    env,
    volumeMounts: [
      { name: 'config', mountPath: '/etc/config' },
      { name: 'data', mountPath: '/data' },
    ],
  };
  const volumes = [
    { name: 'config', configMap: { name: 'c' } },
    { name: 'data', emptyDir: {} },
  ];
  create(api, 'statefulsets', statefulSet('s', { replicas: 1 }, container, { volumes }));
  await whenReady(api, 's-0');
  const root = join(import.meta.dirname, '../../..');
  assert.equal(await ask(plane, 's-0'), `s-0 says hello, not $(NAME)|s|hidden|hello|${root}`);

  const definition = target('configmaps', 'c');
  api.modify(definition, (old) => ({ ...old, data: { greeting: 'changed' } }), asTester);
  assert.match(await changed(plane), /changed/);
});

/** What the pod answers once its file has changed; each question is a round trip. */
async function changed(plane: LocalControlPlane): Promise<string> {
  for (let tries = 0; tries < 200; tries += 1) {
    const text = await ask(plane, 's-0');
    if (text.includes('changed')) return text;
  }
  return 'unchanged';
}

test('pods find each other by the names of a cluster', async (t) => {
  const plane = await controlPlane(t, { pods: 'processes' });
  const { api } = plane;
  create(api, 'services', {
    metadata: { name: 's-peers' },
    spec: { clusterIP: 'None', selector: { app: 's' }, ports: [{ name: 'http', port: 8080 }] },
  });
  const names = 'JSON.stringify(JSON.parse(fs.readFileSync(process.env.ZK_ADDRESS_MAP)).connect)';
  create(api, 'statefulsets', statefulSet('s', { replicas: 2 }, serving(names)));
  await whenReady(api, 's-0');
  await whenReady(api, 's-1');
  const connect = JSON.parse(await ask(plane, 's-0')) as Record<string, string>;
  const other = plane.addressOf('default', 's-1', 8080);
  for (const suffix of ['', '.default', '.default.svc', '.default.svc.cluster.local']) {
    assert.equal(connect[`s-1.s-peers${suffix}:8080`], `${other?.host}:${other?.port}`);
  }
});

test('a process that fails is started again, later each time, and its last log is kept', async (t) => {
  const plane = await controlPlane(t, { pods: 'processes' });
  const { api } = plane;
  const command = ['node', '-e', "console.log('failing'); process.exit(3);"];
  create(api, 'statefulsets', statefulSet('s', { replicas: 1 }, { command }));
  await until(
    api,
    'a second start',
    () => (statusOf(api, 's-0')['restartCount'] as number) >= 1 || undefined,
  );
  const status = await until(api, 'the back-off', () => {
    const found = statusOf(api, 's-0');
    const reason = at(found, 'state', 'waiting', 'reason');
    return reason === 'CrashLoopBackOff' ? found : undefined;
  });
  assert.equal(at(status, 'lastState', 'terminated', 'exitCode'), 3);
  assert.equal(status['ready'], false);
});

test('a container that is not alive by its probe is restarted', async (t) => {
  const plane = await controlPlane(t, { pods: 'processes' });
  const { api } = plane;
  const container = {
    ...serving(
      "fs.existsSync(process.env.MARK) ? 'well' : (fs.writeFileSync(process.env.MARK, ''), 'first')",
    ),
    env: [{ name: 'MARK', value: '/data/mark' }],
    volumeMounts: [{ name: 'data', mountPath: '/data' }],
    livenessProbe: {
      exec: {
        command: [
          'node',
          '-e',
          "process.exit(require('fs').existsSync(process.env.MARK + '.2') ? 0 : 1)",
        ],
      },
      periodSeconds: 1,
      failureThreshold: 1,
    },
  };
  const volumes = [{ name: 'data', emptyDir: {} }];
  create(api, 'statefulsets', statefulSet('s', { replicas: 1 }, container, { volumes }));
  await until(
    api,
    'a restart',
    () => (statusOf(api, 's-0')['restartCount'] as number) >= 1 || undefined,
  );
  const events = api.store.list('/events').map((event) => event['message'] as string);
  assert(
    events.some((message) => message.startsWith('Liveness probe failed')),
    events.join('\n'),
  );
});

test('a pod that is deleted is asked to end, and its successor has the same claim', async (t) => {
  const plane = await controlPlane(t, { pods: 'processes' });
  const { api } = plane;
  const container = {
    ...serving(
      "fs.readFileSync(process.env.DATA + '/starts')",
      "fs.appendFileSync(process.env.DATA + '/starts', 'x');",
    ),
    env: [{ name: 'DATA', value: '/data' }],
    volumeMounts: [{ name: 'data', mountPath: '/data' }],
  };
  const volumeClaimTemplates = [
    {
      metadata: { name: 'data' },
      spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } },
    },
  ];
  create(api, 'statefulsets', statefulSet('s', { replicas: 1, volumeClaimTemplates }, container));
  const before = await whenReady(api, 's-0');
  const address = plane.addressOf('default', 's-0', 'http');
  assert.equal(await ask(plane, 's-0'), 'x');
  api.delete(target('pods', 's-0'), {});
  await whenReady(api, 's-0', before.metadata.uid);
  assert.equal(await ask(plane, 's-0'), 'xx');
  assert.deepEqual(plane.addressOf('default', 's-0', 'http'), address);
});

test('a process that does not end in its grace is ended', async (t) => {
  const plane = await controlPlane(t, { pods: 'processes' });
  const { api } = plane;
  const container = serving("'up'");
  const deaf = {
    ...container,
    command: [
      'node',
      '-e',
      `${(container['command'] as string[])[2]}; process.removeAllListeners('SIGTERM'); process.on('SIGTERM', () => {});`,
    ],
  };
  create(api, 'statefulsets', statefulSet('s', { replicas: 1 }, deaf));
  const before = await whenReady(api, 's-0');
  api.delete(target('pods', 's-0'), { graceSeconds: 1 });
  await whenReady(api, 's-0', before.metadata.uid);
});

test('a port that somebody else has taken is not given to a pod', async (t) => {
  const other = createServer();
  await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
  t.after(() => other.close());
  const { port } = other.address() as AddressInfo;
  const plane = await controlPlane(t, {
    pods: 'processes',
    preferredPorts: new Map([[8080, port]]),
  });
  const { api } = plane;
  create(api, 'statefulsets', statefulSet('s', { replicas: 1 }, serving("'up'")));
  await whenReady(api, 's-0');
  assert.notEqual(plane.addressOf('default', 's-0', 'http')?.port, port);
});

test('after a stop and a start the same pods run on the same data and ports', async (t) => {
  const start = starts(t);
  const first = await start();
  const container = {
    ...serving(
      "fs.readFileSync(process.env.DATA + '/starts')",
      "fs.appendFileSync(process.env.DATA + '/starts', 'x');",
    ),
    env: [{ name: 'DATA', value: '/data' }],
    volumeMounts: [{ name: 'data', mountPath: '/data' }],
  };
  const volumes = [{ name: 'data', emptyDir: {} }];
  create(first.api, 'statefulsets', statefulSet('s', { replicas: 1 }, container, { volumes }));
  const before = await whenReady(first.api, 's-0');
  const address = first.addressOf('default', 's-0', 'http');
  await first.stop();

  const second = await start();
  assert.equal(second.url, first.url, 'a kubeconfig stays good');
  const after = await whenReady(second.api, 's-0');
  assert.equal(after.metadata.uid, before.metadata.uid);
  assert.equal(await ask(second, 's-0'), 'xx');
  assert.deepEqual(second.addressOf('default', 's-0', 'http'), address);
  assert.equal(statusOf(second.api, 's-0')['restartCount'], 1);
});

test('processes that a killed control plane left behind are ended by the next', async (t) => {
  const stateDir = temporaryDirectory(t);
  const child = join(import.meta.dirname, 'killed-plane.ts');
  const { spawn } = await import('node:child_process');
  const killed = spawn(process.execPath, [child, stateDir], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const pid = await new Promise<number>((resolve, reject) => {
    killed.stdout.on('data', (chunk: Buffer) => resolve(Number(chunk.toString())));
    killed.once('exit', () => reject(new Error('it ended early')));
  });
  killed.kill('SIGKILL');
  assert(isAlive(pid), 'the process outlived its parent');
  const plane = await startLocalControlPlane({ stateDir });
  t.after(() => plane.stop(2000));
  assert(!isAlive(pid), 'the next control plane ended it');
});

function isAlive(pid: number): boolean {
  const path = `/proc/${pid}/stat`;
  if (existsSync('/proc/self/stat')) {
    // One that has ended and that nobody has asked about is not alive.
    return existsSync(path) && !/\) Z /.test(readFileSync(path, 'utf8'));
  }
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

test('init containers run before the others, one after the other', async (t) => {
  const plane = await controlPlane(t, { pods: 'processes' });
  const { api } = plane;
  const write = (letter: string): JsonObject => ({
    name: `init-${letter}`,
    image: 'none',
    command: [
      'node',
      '-e',
      `require('fs').appendFileSync(process.env.DATA + '/order', '${letter}')`,
    ],
    env: [{ name: 'DATA', value: '/data' }],
    volumeMounts: [{ name: 'data', mountPath: '/data' }],
  });
  const container = {
    ...serving("fs.readFileSync(process.env.DATA + '/order')"),
    env: [{ name: 'DATA', value: '/data' }],
    volumeMounts: [{ name: 'data', mountPath: '/data' }],
  };
  const podSpec = {
    volumes: [{ name: 'data', emptyDir: {} }],
    initContainers: [write('a'), write('b')],
  };
  create(api, 'statefulsets', statefulSet('s', { replicas: 1 }, container, podSpec));
  await whenReady(api, 's-0');
  assert.equal(await ask(plane, 's-0'), 'ab');
});

test('a pod waits for a ConfigMap it needs and says so', async (t) => {
  const plane = await controlPlane(t, { pods: 'processes' });
  const { api } = plane;
  const container = {
    ...serving("fs.readFileSync(process.env.CONFIG + '/a')"),
    env: [{ name: 'CONFIG', value: '/config' }],
    volumeMounts: [{ name: 'config', mountPath: '/config' }],
  };
  const volumes = [{ name: 'config', configMap: { name: 'late' } }];
  create(api, 'statefulsets', statefulSet('s', { replicas: 1 }, container, { volumes }));
  const event = await until(api, 'the event', () =>
    api.store.list('/events').find((one) => one['reason'] === 'FailedMount'),
  );
  assert.match(event['message'] as string, /configmap "late" not found/);
  create(api, 'configmaps', configMap('late', { a: 'here' }));
  await whenReady(api, 's-0');
  assert.equal(await ask(plane, 's-0'), 'here');
});

test('an image that is not here is not pulled, and the pod says so', async (t) => {
  const plane = await controlPlane(t, { pods: 'processes', images: ['here:1'] });
  const { api } = plane;
  const image = 'elsewhere:2';
  create(api, 'statefulsets', statefulSet('s', { replicas: 1 }, { ...serving("'up'"), image }));
  const waiting = await until(api, 'the reason', () => {
    const found = at(statusOf(api, 's-0'), 'state', 'waiting') as JsonObject | undefined;
    return found?.['reason'] === 'ImagePullBackOff' ? found : undefined;
  });
  assert.match(waiting['message'] as string, /"elsewhere:2" is not here: .* runs here:1/);
  const there = { ...serving("'up'"), image: 'here:1' };
  create(api, 'statefulsets', statefulSet('r', { replicas: 1 }, there));
  await whenReady(api, 'r-0');
});

test('a port that was taken while its container was down is given up for another', async (t) => {
  const plane = await controlPlane(t, { pods: 'processes' });
  const { api } = plane;
  const script = `
    const fs = require('node:fs');
    const [host, port] = JSON.parse(fs.readFileSync(process.env.ZK_ADDRESS_MAP, 'utf8')).listen['8080'].split(':');
    const server = require('node:net').createServer();
    server.once('error', () => process.exit(9));
    server.listen(port, host);`;
  const container = {
    command: ['node', '-e', script],
    ports: [{ name: 'http', containerPort: 8080 }],
    readinessProbe: { tcpSocket: { port: 'http' }, periodSeconds: 1 },
  };
  create(api, 'statefulsets', statefulSet('s', { replicas: 1 }, container));
  await whenReady(api, 's-0');
  const before = plane.addressOf('default', 's-0', 'http');
  assert(before !== null, 's-0 has a port');
  const other = createServer();
  const id = statusOf(api, 's-0')['containerID'] as string;
  process.kill(Number(id.replace('process://', '')), 'SIGKILL');
  await until(api, 'its end', () => at(statusOf(api, 's-0'), 'state', 'waiting'));
  await new Promise<void>((done) => other.listen(before.port, before.host, done));
  t.after(() => other.close());
  await whenReady(api, 's-0');
  assert.notEqual(plane.addressOf('default', 's-0', 'http')?.port, before.port);
});
