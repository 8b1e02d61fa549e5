import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { test } from 'node:test';
import { apacheClasspath, apacheMissing } from '../support/apache.ts';

// Goal: the recipes rely on nothing that only our servers do.
// Method: their own tests, each file against a server of the reference instead of ours.

const directory = resolve(import.meta.dirname, '../client/recipes');
const skip = apacheMissing() ?? false;

for (const name of readdirSync(directory).filter((file) => file.endsWith('.test.ts'))) {
  test(`recipes on the reference: ${name}`, { skip }, () => {
    apacheClasspath();
    const { NODE_TEST_CONTEXT: _, ...env } = process.env;
    const { status, stdout } = spawnSync(
      process.execPath,
      ['--test', '--test-timeout=120000', join(directory, name)],
      { env: { ...env, RECIPE_SERVER: 'apache' }, encoding: 'utf8' },
    );
    assert.equal(status, 0, stdout);
    assert.match(stdout, /pass [1-9]/);
  });
}
