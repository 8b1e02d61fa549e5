import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join, resolve } from 'node:path';
import { test } from 'node:test';
import { missing } from '../harness/missing.ts';

// Goal: the fault harness sees what it is there to see, and says what it cannot be asked for.
// Method: the judge's own tests, in Go; servers that lie, which it has to find out; wrong options.
// Long runs with real servers are a step of .ci/run.

const harness = resolve(import.meta.dirname, '../harness');
const skip = missing().join('; ') || false;

/** Half a minute of faults shows a lie only if somebody is behind when it is told. */
const seedsMax = 4;

function run(...args: readonly string[]): { readonly code: number | null; readonly text: string } {
  const main = join(harness, 'main.ts');
  const ran = spawnSync(process.execPath, [main, ...args], { encoding: 'utf8' });
  return { code: ran.status, text: ran.stdout + ran.stderr };
}

test('each check of the judge finds its lie, and only it', { skip }, () => {
  const ran = spawnSync('go', ['test', './...'], { cwd: join(harness, 'go'), encoding: 'utf8' });
  assert.equal(ran.status, 0, ran.stdout + ran.stderr);
});

for (const [lie, faults, sees] of [
  ['local-sync', 'kill some;pause some;slow', /(registers|synced reads|sets): /],
  ['hasty-sync', 'pause the leader, alone', /(registers|synced reads): /],
  ['lost-write', 'stop one;flapping', /trees: /],
] as const) {
  test(`servers that lie are found out: ${lie}`, { skip }, () => {
    const told: string[] = [];
    for (let seed = 1; seed <= seedsMax; seed += 1) {
      const options = ['--faults', faults, '--minutes', '0.5', '--seed', String(seed)];
      const { code, text } = run('--plant', lie, ...options);
      told.push(text);
      if (code !== 0) continue;
      assert.match(text, sees);
      return;
    }
    assert.fail(told.join('\n'));
  });
}

test('an option that it does not know what to do with is named', () => {
  for (const [args, says] of [
    [['--minutes', '0'], '--minutes is "0": give a number above 0, at most 1440'],
    [['--minutes', '1441'], '--minutes is "1441": give a number above 0, at most 1440'],
    [['--seed', '1.5'], '--seed is "1.5": give a whole number'],
    [['--setup', 'theirs'], '--setup is "theirs": give one of ours-3; ours-5; '],
    [['--plant', 'truth'], '--plant is "truth": give one of local-sync; '],
    [['--faults', 'slow;quake'], '--faults is "quake": give one of kill some; '],
  ] as const) {
    const { code, text } = run(...args);
    assert.equal(code, 2);
    assert(text.startsWith(says), text);
  }
});
