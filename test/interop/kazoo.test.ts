import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { digestIdOf } from '../../server/auth/auth.ts';
import { kazooMissing, kazooPython } from '../support/kazoo.ts';
import { RealEnsemble } from '../support/real-ensemble.ts';
import { runSteered } from '../support/steered-suite.ts';

// Goal: the Python client and all of its recipes work as with the reference.
// Method: kazoo from PyPI and a suite in Python against three real processes; this side kills and
// starts servers when the suite says so.

const superUser = 'super:secret';
const ours = { kind: 'ours' } as const;
const script = join(import.meta.dirname, 'kazoo_suite.py');

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
    const args = [script, ensemble.connectString, superUser];
    const { code, report } = await runSteered(python, args, ensemble);
    assert.equal(code, 0, report);
    t.diagnostic(/Ran \d+ tests.*/.exec(report)?.[0] ?? 'no count');
  },
);
