import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { apacheClasspath, apacheMissing } from '../support/apache.ts';
import { kazooMissing, kazooPython } from '../support/kazoo.ts';
import { RealEnsemble } from '../support/real-ensemble.ts';
import { runSteered } from '../support/steered-suite.ts';

// Goal: clients of others that are content with reads go on while there is no quorum, and return
// with their sessions when there is one again.
// Method: the reference's own client and kazoo against three real processes; this side kills all but
// one of them and starts them again when the suite says so.

const ours = { kind: 'ours' } as const;

for (const localSessionsEnabled of ['false', 'true']) {
  const start = (): Promise<RealEnsemble> =>
    RealEnsemble.started({
      members: [ours, ours, ours],
      tickMs: 1000,
      settings: { localSessionsEnabled, localSessionsUpgradingEnabled: 'true' },
      properties: { 'readonlymode.enabled': 'true' },
    });
  const suffix = localSessionsEnabled === 'true' ? ', local sessions' : '';

  test(
    `the Java client with canBeReadOnly${suffix}`,
    { skip: apacheMissing() ?? false },
    async () => {
      const classpath = apacheClasspath();
      await using ensemble = await start();
      const source = join(import.meta.dirname, 'java/ReadOnlySuite.java');
      const args = ['-cp', classpath, source, ensemble.connectString];
      const { code, report } = await runSteered('java', args, ensemble);
      assert.equal(code, 0, report);
      assert.match(report, /^passed$/m);
    },
  );

  test(`kazoo with read_only=True${suffix}`, { skip: kazooMissing() ?? false }, async () => {
    const python = kazooPython();
    await using ensemble = await start();
    const args = [join(import.meta.dirname, 'kazoo_read_only.py'), ensemble.connectString];
    const { code, report } = await runSteered(python, args, ensemble);
    assert.equal(code, 0, report);
    assert.match(report, /^passed$/m);
  });
}
