// Goal: the command says what a seed found, in a form that a person and a script can use.
// Method: the command itself, as a process; the report of a server with a planted bug.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { resolve } from 'node:path';
import { test } from 'node:test';
import { mutants } from './mutants/all.ts';
import { report, stormScenario } from './scenario.ts';

function sim(...args: readonly string[]): {
  readonly status: number | null;
  readonly text: string;
} {
  const script = resolve(import.meta.dirname, 'run.ts');
  const { status, stdout, stderr } = spawnSync(process.execPath, [script, ...args], {
    encoding: 'utf8',
  });
  return { status, text: stdout + stderr };
}

test('a seed that finds nothing ends with its hash and 0, the same every time', () => {
  const first = sim('--seed', '8', '--minutes', '0.05');
  assert.equal(first.status, 0, first.text);
  assert.match(first.text, /^seed 8 hash [0-9a-f]{16} simulated [0-9.]+ min/);
  const hash = /hash ([0-9a-f]{16})/.exec(first.text)?.[1];
  assert.match(sim('--seed', '8', '--minutes', '0.05').text, new RegExp(`hash ${hash} `));
});

test('a range prints one line a seed', () => {
  const { status, text } = sim('--seeds', '1..3', '--minutes', '0.02', '--voters', '3');
  assert.equal(status, 0, text);
  assert.deepEqual(
    text
      .trim()
      .split('\n')
      .map((line) => line.split(' ', 2).join(' ')),
    ['seed 1', 'seed 2', 'seed 3'],
  );
});

test('kinds of sessions can be asked for', () => {
  const { status, text } = sim('--seed', '3', '--minutes', '0.02', '--sessions', 'readOnlyLocal');
  assert.equal(status, 0, text);
  assert.match(text, /^seed 3 hash /);
});

test('without a seed it says how it is used, and ends with 2', () => {
  for (const args of [
    [],
    ['--seed', 'x'],
    ['--sed', '1'],
    ['--seeds', '3..1'],
    ['--seed', '1', '--sessions', 'x'],
  ]) {
    const { status, text } = sim(...args);
    assert.equal(status, 2, args.join(' '));
    assert.match(text, /npm run sim -- --seed N/);
  }
});

test('a violation is reported with its name, the way there, and how to run it again', () => {
  const [, belowQuorum] = mutants;
  assert(belowQuorum?.parts !== undefined);
  const result = stormScenario({ seed: 1, stormMs: 1_000, options: { parts: belowQuorum.parts } });
  const text = report(1, result);
  assert.match(text, /^seed 1 failed: Z8 committed is durable: s\d commits 0x[0-9a-f]+/);
  assert.match(text, /time {2}who {3}s1 {12}s2 {12}s3/);
  assert.match(text, /check VIOLATED Z8/);
  assert.match(text, /npm run sim -- --seed 1$/);
});
