import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import { RealEnsemble } from '../support/real-ensemble.ts';

// Goal: the examples run as they stand, say what they are meant to show, and can be run again.
// Method: each is a process of its own, twice, against one real server.

const directory = resolve(import.meta.dirname, '../../examples');
let ensemble: RealEnsemble;

before(async () => {
  ensemble = await RealEnsemble.started({ members: [{ kind: 'ours' }] });
});

after(() => ensemble[Symbol.asyncDispose]());

const shown: Readonly<Record<string, readonly string[]>> = {
  'naming.ts': [
    'db/primary is 10.0.0.1:5432',
    'db/primary is taken',
    'after the move it is 10.0.0.2:5432',
    'below db there are db/primary and db/replica',
    'numbers are different',
    'names left: 0',
  ],
  'configuration.ts': [
    'begins with 10 connections',
    'hears of 20 connections',
    'who has read an older version is refused',
    'hears of 30 connections',
  ],
  'cluster.ts': [
    'a leads',
    'members: a, b, c',
    'a leads no longer',
    'b leads',
    'members: b, c',
    'everyone knows that b leads',
    'b leads no longer',
    'c leads',
    'everyone knows that c leads',
    'c leads no longer',
    'members: none',
  ],
  'locks.ts': [
    'held by alice',
    'bob does not wait longer than 50 ms',
    'bob has it, with a larger fence',
    'both read',
    'nobody writes meanwhile',
    'bob writes: true',
    'there is no third licence',
    'lost: SESSION_EXPIRED',
    'alice has it: true',
  ],
  'queues.ts': [
    'took first, then second',
    'took put out the fire, then clean up',
    'received order 7',
    'received order 7 again',
    'left: 0',
    'started with 3 members',
  ],
  'registry.ts': [
    'services: greeter',
    'round robin: one,two,one',
    'greetings from 9001',
    'greetings from 9001',
    'by load: one,two,one,two',
    'left: two',
    'left: nobody',
  ],
};

/** Of several parties at once, only the lines of each are in order. */
const inAnyOrder: ReadonlySet<string> = new Set(['cluster.ts', 'configuration.ts']);

test('every example is tried', () => {
  assert.deepEqual(readdirSync(directory).sort(), Object.keys(shown).sort());
});

for (const [name, lines] of Object.entries(shown)) {
  test(`examples/${name} shows what it is meant to, twice`, async () => {
    for (let time = 0; time < 2; time += 1) {
      const args = [join(directory, name), ensemble.member(1).address];
      const { stdout } = await promisify(execFile)(process.execPath, args, { timeout: 30_000 });
      const printed = stdout.trim().split('\n');
      if (inAnyOrder.has(name)) assert.deepEqual(printed.toSorted(), lines.toSorted());
      else assert.deepEqual(printed, lines);
    }
  });
}
