import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { FakeApi } from './fake-api.ts';

// Goal: the operator's process says what is wrong with its settings, and ends in order.
// Method: start the process itself; the cluster is a small API server in this one.

const script = join(import.meta.dirname, '../../operator/bin/zk-operator.ts');

for (const [what, args, env, code, message] of [
  ['help', ['--help'], {}, 0, /WATCH_NAMESPACES/],
  ['an argument', ['start'], {}, 2, /usage/],
  ['a log level', [], { LOG_LEVEL: 'loud' }, 1, /LOG_LEVEL=loud: use debug, info, warn, error/],
  ['a port', [], { HTTP_PORT: '99999' }, 1, /HTTP_PORT=99999: use a port from 0 to 65535/],
] as const) {
  test(`${what} is answered with a sentence`, () => {
    const { status, stderr } = spawnSync(process.execPath, [script, ...args], {
      env: { PATH: process.env['PATH'], ...env },
      encoding: 'utf8',
    });
    assert.equal(status, code, stderr);
    assert.match(stderr, message);
  });
}

test('SIGTERM gives the lease back and ends the process well', async (t) => {
  const api = new FakeApi();
  const kubeConfig = await api.start();
  const directory = mkdtempSync(join(tmpdir(), 'zk-operator-'));
  t.after(async () => {
    rmSync(directory, { recursive: true });
    await api.stop();
  });
  const path = join(directory, 'kubeconfig');
  writeFileSync(path, kubeConfig.exportConfig());
  const child = spawn(process.execPath, [script], {
    env: { PATH: process.env['PATH'], KUBECONFIG: path, HTTP_PORT: '0', LEASE_NAMESPACE: 'system' },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = once(child, 'exit');
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => (output += chunk));
  const holder = (): string => {
    const spec = api.get('leases', 'zkensemble-operator', 'system')?.['spec'];
    return (spec as { holderIdentity?: string } | undefined)?.holderIdentity ?? '';
  };
  await api.until(() => holder() !== '');

  child.kill('SIGTERM');
  const [code] = (await ended) as [number | null];
  assert.equal(code, 0);
  assert.equal(holder(), '');
  const lines = output
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { level: string; message: string });
  assert.ok(lines.some(({ message }) => message === 'holds the lease and acts'));
  assert.equal(lines.at(-1)?.message, 'stops');
});
