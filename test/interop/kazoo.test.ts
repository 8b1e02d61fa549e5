import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { digestIdOf } from '../../server/auth/auth.ts';
import { kazooMissing, kazooPython } from '../support/kazoo.ts';
import type { Member } from '../support/real-ensemble.ts';
import { RealEnsemble } from '../support/real-ensemble.ts';

// Goal: the Python client and all of its recipes work as with the reference.
// Method: kazoo from PyPI and a suite in Python against three real processes; this side kills and
// starts servers when the suite says so.

const superUser = 'super:secret';
const ours = { kind: 'ours' } as const;

test(
  'kazoo: operations, watches, access, recipes, and a leader that is killed',
  {
    skip: kazooMissing() ?? false,
  },
  async (t) => {
    const python = kazooPython();
    await using ensemble = await RealEnsemble.started({
      members: [ours, ours, ours],
      tickMs: 1000,
      properties: {
          'zookeeper.DigestAuthenticationProvider.superDigest': digestIdOf(Buffer.from(superUser)),
      },
    });
    const suite = spawn(
      python,
      [join(import.meta.dirname, 'kazoo_suite.py'), ensemble.connectString, superUser],
      { stdio: ['pipe', 'pipe', 'pipe'] },
    );
    let killed: Member | null = null;
    createInterface({ input: suite.stdout }).on('line', (line) => {
      void steer(line).then(() => suite.stdin.write('done\n'));
    });
    async function steer(line: string): Promise<void> {
      if (line === 'kill-leader') {
        killed = await ensemble.leader();
        await killed.kill('SIGKILL');
      } else if (line === 'start-killed') {
        killed?.start();
        await ensemble.ready();
      }
    }
    let report = '';
    suite.stderr.on('data', (chunk: Buffer) => (report += chunk.toString('utf8')));
    const code = await new Promise((done) => suite.once('close', done));
    assert.equal(code, 0, report);
    t.diagnostic(/Ran \d+ tests.*/.exec(report)?.[0] ?? 'no count');
  },
);
