import assert from 'node:assert/strict';
import { execFile, execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { apacheVersion } from '../support/apache.ts';
import { jarsOf, javaMissing } from '../support/maven.ts';
import { RealEnsemble } from '../support/real-ensemble.ts';
import { settings } from './servers.ts';

// Goal: Curator, in whatever it does in its own way, sees no difference between these servers and
// the reference's.
// Method: a program in Java with Curator 5 from Maven Central says what came of each thing that it
// tries, at three members of each kind; all of it is held against the list here.

const run = promisify(execFile);
const expected: readonly string[] = [
  'parents: /curator-parents/a/b/c',
  'container-parents: gone',
  'protected: /curator-protected/GUID-n-0000000000',
  'or-set: b v1',
  'idempotent: v1',
  'delete-children: gone',
  'delete-quietly: quiet',
  'background: CREATE 0, CREATE -110',
  'transaction: CREATE0 SET_DATA0 CHECK0 b',
  'transaction-refused: refused BADVERSION',
  'namespace: /a/b x',
  'compressed: 100000 small',
  'ttl-node: true x',
  'persistent-node: again',
  'persistent-watcher: NodeCreated NodeCreated/a NodeDataChanged/a',
  'cache: found 2 NODE_CHANGED NODE_CREATED NODE_DELETED',
  'mutex: 15 times, 1 at once',
  'read-write-lock: reads true, writes false, then true',
  'semaphore: true true false',
  'leader-latch: false true',
  'atomic-long: 30',
  'double-barrier: true true true',
];

test(
  'what Curator does in its own way comes out the same, here and at the reference',
  { skip: javaMissing() ?? false },
  async (t) => {
    const directory = mkdtempSync(join(tmpdir(), 'zkensemble-curator-'));
    t.after(() => rmSync(directory, { recursive: true, force: true }));
    const jars = jarsOf('curator-5.7.1', [
      ['org.apache.curator', 'curator-recipes', '5.7.1'],
      ['org.apache.zookeeper', 'zookeeper', apacheVersion],
    ]);
    const source = join(import.meta.dirname, 'drivers/CuratorSuite.java');
    const javac = ['-nowarn', '-d', directory, '-cp', `${jars}/*`, source];
    execFileSync('javac', javac, { stdio: ['ignore', 'ignore', 'inherit'] });
    for (const kind of ['apache', 'ours'] as const) {
      await t.test(`at ${kind}`, async () => {
        await using ensemble = await RealEnsemble.started({
          members: [{ kind }, { kind }, { kind }],
          ...settings,
        });
        const options = ['-XX:TieredStopAtLevel=1', '-Dzookeeper.extendedTypesEnabled=true'];
        const args = [...options, '-cp', `${directory}:${jars}/*`, 'CuratorSuite'];
        const { stdout } = await run('java', [...args, ensemble.connectString]);
        assert.deepEqual(stdout.trim().split('\n'), expected);
      });
    }
  },
);
