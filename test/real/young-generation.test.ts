import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { resolve } from 'node:path';
import { test } from 'node:test';
import { youngBytesMax } from '../../server/young-generation.ts';

// Goal: under load the young generation grows, and stops at its limit instead of V8's 110 MB.
// Method: a process of its own that keeps a sliding window of objects, with and without the limit.

const module = resolve(import.meta.dirname, '../../server/young-generation.ts');

/** Largest size of the young generation under a load that lets a tenth survive each collection. */
function largestBytes(grow: string): number {
  const script = `
    import { setFlagsFromString } from 'node:v8';
    import { letYoungGenerationGrow, youngBytes } from ${JSON.stringify(module)};
    setFlagsFromString('--semi-space-growth-factor=1');
    ${grow};
    const kept = new Array(10_000);
    let largest = 0;
    function load() {
      for (let k = 0; k < 50_000; k += 1) kept[k % kept.length] = { k, name: [k, k, k, k] };
      largest = Math.max(largest, youngBytes());
      if (performance.now() < 3000) setTimeout(load, 1);
      else process.stdout.write(String(largest));
    }
    load();`;
  const args = ['--semi-space-growth-factor=1', '--input-type=module-typescript', '-e', script];
  return Number(execFileSync(process.execPath, args, { encoding: 'utf8' }));
}

test('the young generation grows with the load, and stops at its limit', () => {
  const held = largestBytes('');
  const limited = largestBytes('letYoungGenerationGrow()');
  const free = largestBytes(`setFlagsFromString('--semi-space-growth-factor=2')`);
  assert.ok(limited > held, `${limited} bytes, held at ${held}`);
  assert.ok(limited <= 2 * youngBytesMax, `${limited} bytes, ${youngBytesMax} are the limit`);
  assert.ok(free > limited * 1.5, `without the limit ${free} bytes, with it ${limited}`);
});
