import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { digestIdOf } from '../../server/auth/auth.ts';
import { apacheClasspath, apacheMissing } from '../support/apache.ts';
import { RealEnsemble } from '../support/real-ensemble.ts';
import { runSteered } from '../support/steered-suite.ts';

// Goal: the reference's own client cannot tell these servers from its own.
// Method: its jar from Maven Central and a suite in Java against three real processes; this side
// kills and starts servers when the suite says so.

const superUser = 'super:secret';
const ours = { kind: 'ours' } as const;
const source = join(import.meta.dirname, 'java/JavaSuite.java');

test(
  'the Java client: every operation, and a leader that is killed',
  {
    skip: apacheMissing() ?? false,
  },
  async (t) => {
    const classpath = apacheClasspath();
    await using ensemble = await RealEnsemble.started({
      members: [ours, ours, ours],
      tickMs: 1000,
      properties: {
        'zookeeper.extendedTypesEnabled': 'true',
        'zookeeper.DigestAuthenticationProvider.superDigest': digestIdOf(Buffer.from(superUser)),
        'znode.container.checkIntervalMs': '500',
      },
    });
    const properties = ['-Dzookeeper.extendedTypesEnabled=true', '-Djute.maxbuffer=2000000'];
    const args = [...properties, '-cp', classpath, source, ensemble.connectString, superUser];
    const { code, report } = await runSteered('java', args, ensemble);
    assert.equal(code, 0, report);
    t.diagnostic(/passed \d+ failed 0/.exec(report)?.[0] ?? 'no count');
  },
);
