import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { javaMissing } from '../support/maven.ts';
import { apacheJars } from '../support/one-server.ts';
import { RealEnsemble } from '../support/real-ensemble.ts';
import { allBehaviours } from './behaviours.ts';
import type { ClientName } from './behaviours.ts';
import { carryOutAll } from './carry-out.ts';
import { javaDriver, minorNameOf } from './driver.ts';
import { settings, superUser } from './servers.ts';

// Goal: clients of the last ten years work as the newest does, as far as they have the calls.
// Method: the table of behaviours through the Java clients of 3.4 to 3.8 against three members of
// ours, two clients at a time.

/** Version of the client, and how many behaviours it has the calls for, at least. */
const versions: readonly (readonly [version: string, shownMin: number])[] = [
  ['3.4.14', 150],
  ['3.5.10', 180],
  ['3.6.4', 200],
  ['3.7.2', 200],
  ['3.8.4', 200],
];

test(
  'clients of 3.4 to 3.8 see every behaviour that they have calls for',
  { skip: javaMissing() ?? false, concurrency: 2 },
  async (t) => {
    const directory = mkdtempSync(join(tmpdir(), 'zkensemble-old-clients-'));
    t.after(() => rmSync(directory, { recursive: true, force: true }));
    await using ensemble = await RealEnsemble.started({
      members: [{ kind: 'ours' }, { kind: 'ours' }, { kind: 'ours' }],
      ...settings,
    });
    const members = ensemble.members.map((member) => member.address);
    const attempts = versions.map(([version, shownMin]) =>
      t.test(`the client of ${version}`, async (each) => {
        const command = javaDriver(directory, version, `${apacheJars(version)}/*`);
        const client: ClientName = `java-${minorNameOf(version)}`;
        const outcomes = await carryOutAll(allBehaviours(), {
          client,
          server: 'ours',
          command,
          members,
          superUser,
        });
        const otherwise = outcomes.filter(({ result }) => result === 'otherwise');
        assert.deepEqual(
          otherwise.map(({ id, why }) => `${id}: ${why}`),
          [],
        );
        const shown = outcomes.filter(({ result }) => result === 'as expected').length;
        assert.ok(shown >= shownMin, `${shown} shown`);
        each.diagnostic(`${shown} of ${outcomes.length} shown`);
      }),
    );
    await Promise.all(attempts);
  },
);
