import assert from 'node:assert/strict';
import { execFile, execFileSync } from 'node:child_process';
import { join, resolve } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { promisify } from 'node:util';
import type { LocalControlPlane } from '../../operator/local/control-plane.ts';
import { startLocalControlPlane } from '../../operator/local/control-plane.ts';

// Goal: kubectl does with the local control plane what it does with a cluster.
// Method: the kubectl of this machine as it is, against pods that run as processes.

const root = resolve(import.meta.dirname, '../..');

function kubectlVersion(): string | null {
  try {
    return execFileSync('kubectl', ['version', '--client'], { encoding: 'utf8' });
  } catch {
    return null;
  }
}

const skip = kubectlVersion() === null ? 'kubectl is not on the PATH of this machine' : false;

interface Ran {
  readonly code: number;
  readonly text: string;
}

type Kubectl = (line: string, input?: string) => Promise<Ran>;

async function stage(t: TestContext): Promise<{ plane: LocalControlPlane; kubectl: Kubectl }> {
  const plane = await startLocalControlPlane({ stateDir: null });
  t.after(() => plane.stop(2000));
  const run = promisify(execFile);
  return {
    plane,
    async kubectl(line, input = '') {
      const words =
        line.match(/'[^']*'|\S+/g)?.map((word) => word.replace(/^'(.*)'$/s, '$1')) ?? [];
      const ran = run('kubectl', words, {
        cwd: root,
        env: {
          ...process.env,
          KUBECONFIG: plane.kubeconfigPath,
          HOME: join(plane.kubeconfigPath, '..'),
        },
        timeout: 60_000,
      });
      ran.child.stdin?.end(input);
      try {
        const { stdout, stderr } = await ran;
        return { code: 0, text: stdout + stderr };
      } catch (error) {
        const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string };
        return { code, text: stdout + stderr };
      }
    },
  };
}

const web = `
apiVersion: v1
kind: ConfigMap
metadata: {name: web}
data: {greeting: hello}
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: web}
spec:
  replicas: 2
  serviceName: web
  podManagementPolicy: Parallel
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      terminationGracePeriodSeconds: 2
      containers:
      - name: server
        image: none
        command: [node, -e, "console.log('up'); setInterval(() => {}, 1000)"]
        resources: {limits: {cpu: '1', memory: 64Mi}}
`;

test('apply, get, describe, logs, scale, rollout and delete work', { skip }, async (t) => {
  const { kubectl } = await stage(t);
  assert.match((await kubectl('apply -f -', web)).text, /statefulset\.apps\/web created/);
  assert.match((await kubectl('apply -f -', web)).text, /statefulset\.apps\/web unchanged/);
  assert.equal((await kubectl('rollout status statefulset/web --timeout=30s')).code, 0);
  assert.match((await kubectl('get pods')).text, /web-1\s+1\/1\s+Running\s+0/);
  assert.match((await kubectl('logs web-0')).text, /^up/);
  assert.match((await kubectl('describe pod web-0')).text, /Started container server/);
  assert.match((await kubectl('scale statefulset web --replicas 1')).text, /scaled/);
  assert.equal((await kubectl('wait --for=delete pod/web-1 --timeout=30s')).code, 0);
  assert.match((await kubectl('rollout restart statefulset/web')).text, /restarted/);
  assert.equal((await kubectl('rollout status statefulset/web --timeout=30s')).code, 0);
  assert.match((await kubectl('rollout history statefulset/web')).text, /2 /);
  const changed = web.replace('greeting: hello', 'greeting: changed');
  assert.match((await kubectl('diff -f -', changed)).text, /\+\s+greeting: changed/);
  assert.match((await kubectl('apply --server-side -f -', changed)).text, /conflict/);
  const forced = await kubectl('apply --server-side --force-conflicts -f -', changed);
  assert.match(forced.text, /configmap\/web serverside-applied/);
  assert.equal((await kubectl('delete statefulset web --timeout=30s')).code, 0);
  assert.equal((await kubectl('wait --for=delete pod/web-0 --timeout=30s')).code, 0);
});

test('a custom resource is installed, explained, judged and shown', { skip }, async (t) => {
  const { kubectl } = await stage(t);
  assert.match((await kubectl('apply -f crds/zkensembles.yaml')).text, /created/);
  assert.match((await kubectl('apply -f ensemble.yaml')).text, /zookeeper created/);
  assert.match((await kubectl('get zke')).text, /NAME\s+REPLICAS\s+READY\s+LEADER/);
  assert.match((await kubectl('explain zke.spec.replicas')).text, /FIELD: replicas <integer>/);
  const patch = `patch zke zookeeper --type merge -p '{"spec":{"replicas":4}}'`;
  assert.match((await kubectl(patch)).text, /replicas must be 1, 3, 5 or 7/);
  const typo =
    'apiVersion: zkensemble.io/v1\nkind: ZkEnsemble\nmetadata: {name: e}\nspec: {relicas: 3}\n';
  assert.match((await kubectl('apply -f -', typo)).text, /unknown field "spec\.relicas"/);
  assert.match((await kubectl('delete crd zkensembles.zkensemble.io')).text, /deleted/);
  assert.match((await kubectl('get zke')).text, /doesn't have a resource type|could not find/);
});

test('what kubectl sends as protobuf is understood', { skip }, async (t) => {
  const { kubectl } = await stage(t);
  assert.match((await kubectl('create namespace n')).text, /created/);
  for (const line of [
    'create configmap c -n n --from-literal=a=b',
    'create secret generic s -n n --from-literal=p=q',
    'create serviceaccount a -n n',
    'create service clusterip x -n n --tcp=80:8080',
    'create poddisruptionbudget b -n n --selector=app=x --max-unavailable=1',
  ]) {
    assert.match((await kubectl(line)).text, /created/, line);
  }
  const secret = await kubectl(`get secret s -n n -o jsonpath='{.data.p}'`);
  assert.match(secret.text, /cQ==/);
  assert.equal((await kubectl('delete namespace n --timeout=30s')).code, 0);
});

test('what is not supported is said', { skip }, async (t) => {
  const { kubectl } = await stage(t);
  await kubectl('apply -f -', web);
  await kubectl('rollout status statefulset/web --timeout=30s');
  assert.match((await kubectl('exec web-0 -- ls')).text, /does not support exec/);
  assert.match((await kubectl('logs web-0 --timestamps')).text, /timestamps is not supported/);
  const deployment = 'create deployment d --image=none';
  assert.match((await kubectl(deployment)).text, /could not find the requested resource/);
});
