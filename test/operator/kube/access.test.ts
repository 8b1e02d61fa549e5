import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { KubeConfig } from '@kubernetes/client-node';
import { accessOf, accountAccess } from '../../../operator/kube/cluster-access.ts';

// Goal: the operator proves who it is with what is valid now, also after a token was replaced.
// Method: a directory that looks like the one the kubelet mounts, and kubeconfigs in memory.

const env = { KUBERNETES_SERVICE_HOST: '10.0.0.1', KUBERNETES_SERVICE_PORT: '443' };

test('a pod uses its own account, and a new token as soon as it is there', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'zk-account-'));
  t.after(() => rmSync(directory, { recursive: true }));
  const token = join(directory, 'token');
  writeFileSync(token, 'first\n');
  writeFileSync(join(directory, 'ca.crt'), 'authority');
  const access = accountAccess(env, directory);
  assert.ok(access !== null);
  assert.equal(access.server, 'https://10.0.0.1:443');
  const before = await access.credentials();
  assert.deepEqual(before.headers, { Authorization: 'Bearer first' });

  writeFileSync(token, 'second\n');
  utimesSync(token, 1, 1);
  const after = await access.credentials();
  assert.deepEqual(after.headers, { Authorization: 'Bearer second' });
  assert.equal(after.agent, before.agent, 'connections stay');

  writeFileSync(join(directory, 'ca.crt'), 'another');
  utimesSync(join(directory, 'ca.crt'), 1, 1);
  assert.notEqual((await access.credentials()).agent, before.agent);
});

test('elsewhere there is no account', () => {
  assert.equal(accountAccess({}, '/nowhere'), null);
  assert.equal(accountAccess(env, '/nowhere'), null);
});

test('an IPv6 address is put in brackets', (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'zk-account-'));
  t.after(() => rmSync(directory, { recursive: true }));
  writeFileSync(join(directory, 'token'), 'a');
  const access = accountAccess({ ...env, KUBERNETES_SERVICE_HOST: 'fd00::1' }, directory);
  assert.equal(access?.server, 'https://[fd00::1]:443');
});

test('a kubeconfig gives its token and keeps its connections', async () => {
  const config = new KubeConfig();
  config.loadFromClusterAndUser(
    { name: 'a', server: 'https://example.test:6443', skipTLSVerify: true },
    { name: 'a', token: 'secret' },
  );
  const access = accessOf(config);
  assert.equal(access.server, 'https://example.test:6443');
  const first = await access.credentials();
  assert.equal(first.headers['Authorization'], 'Bearer secret');
  assert.equal((await access.credentials()).agent, first.agent);
});

test('a kubeconfig without a cluster is refused with a sentence', () => {
  assert.throws(() => accessOf(new KubeConfig()), /names no cluster/);
});
