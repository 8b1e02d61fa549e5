import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { parseDockerfile } from './dockerfile.ts';

// Goal: the image is small in what it may do: pinned base, no root, no development packages, and
// everything that it copies exists.
// Method: read the Dockerfile as steps and look at them. That they work is shown in test/ci.

const root = join(import.meta.dirname, '../..');
const steps = parseDockerfile(readFileSync(join(root, 'Dockerfile'), 'utf8'));

test('both stages have the same, exact base', () => {
  const images = steps.flatMap((step) => (step.type === 'from' ? [step.image] : []));
  assert.equal(images.length, 2);
  assert.equal(new Set(images).size, 1);
  assert.match(images[0] ?? '', /^node:24\.[0-9]+\.[0-9]+-/);
});

test('it runs as nobody in particular, never as root', () => {
  const users = steps.flatMap((step) => (step.type === 'user' ? [step.user] : []));
  assert.deepEqual(users, ['1000:1000']);
});

test('what is compiled ahead is compiled by the user that runs, who alone can read it', () => {
  const at = (type: string, part: string): number =>
    steps.findIndex((step) => step.type === type && JSON.stringify(step).includes(part));
  assert.ok(at('run', 'import(') > at('user', '1000'));
  assert.ok(at('env', 'NODE_COMPILE_CACHE') < at('run', 'import('));
});

test('only what runs is installed, and no package runs a script', () => {
  const installs = steps.flatMap((step) =>
    step.type === 'run' && step.command.includes('npm') ? [step.command] : [],
  );
  assert.deepEqual(installs, ['npm ci --omit=dev --ignore-scripts']);
});

test('what is copied exists and is let in', () => {
  const allowed = readFileSync(join(root, '.dockerignore'), 'utf8').split('\n');
  assert.equal(allowed[0], '*', 'everything else stays out');
  for (const step of steps) {
    if (step.type !== 'copy' || step.from !== null) continue;
    for (const source of step.sources) {
      assert.ok(existsSync(join(root, source)), source);
      assert.ok(allowed.includes(`!${source}`), `${source} is let in`);
    }
  }
});

test('server and operator are both entries of the image', () => {
  const command = steps.find((step) => step.type === 'cmd');
  assert.deepEqual(command?.type === 'cmd' ? command.command : null, [
    'node',
    'server/pod-main.ts',
  ]);
  const values = readFileSync(
    join(root, 'charts/zkensemble-operator/templates/deployment.yaml'),
    'utf8',
  );
  assert.match(values, /command: \[node, operator\/bin\/zk-operator\.ts\]/);
  assert.ok(existsSync(join(root, 'operator/bin/zk-operator.ts')));
  assert.ok(existsSync(join(root, 'server/pod-main.ts')));
});
