// Goal: a seed is a proof, on every machine and in every process: a hundred seeds give the same runs
// twice, to the last event.
// Method: the command itself, two processes at a time, one of them with a heap that is collected
// far more often; their lines are compared, hashes and counts, without the real time.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { resolve } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';

const script = resolve(import.meta.dirname, '../sim/run.ts');

async function lines(...nodeArgs: readonly string[]): Promise<string[]> {
  const args = [...nodeArgs, script, '--seeds', '1..100', '--minutes', '0.05'];
  const { stdout } = await promisify(execFile)(process.execPath, args);
  return stdout
    .trim()
    .split('\n')
    .map((line) => line.replace(/ real .*/, ''));
}

test('two runs of a hundred seeds are the same', async () => {
  const [first, second] = await Promise.all([lines(), lines('--max-semi-space-size=1')]);
  assert.equal(first.length, 100);
  assert.deepEqual(second, first);
  assert.equal(new Set(first.map((line) => /hash (\w+)/.exec(line)?.[1])).size, 100);
});
