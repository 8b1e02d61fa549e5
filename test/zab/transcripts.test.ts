import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { replay } from './transcript.ts';

// Goal: one peer does exactly what the protocol says, effect by effect, in order.
// Method: each file of scenarios/ is a transcript of events and expected effects; the peer is
// stepped by hand. With ZAB_REWRITE=1 the files take the effects as they are: review the diff.

const folder = join(import.meta.dirname, 'scenarios');

for (const name of readdirSync(folder)) {
  test(name.replace('.txt', '').replaceAll('-', ' '), () => {
    const path = join(folder, name);
    const text = readFileSync(path, 'utf8');
    const now = replay(text);
    if (process.env['ZAB_REWRITE'] === '1') writeFileSync(path, now);
    else assert.equal(now, text);
  });
}
