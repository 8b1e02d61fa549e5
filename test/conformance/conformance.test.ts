import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { test } from 'node:test';
import { apacheClasspath, apacheMissing, apacheVersion } from '../support/apache.ts';
import { kazooMissing, kazooPython } from '../support/kazoo.ts';
import { RealEnsemble } from '../support/real-ensemble.ts';
import { allBehaviours, clientNames } from './behaviours.ts';
import type { ClientName, ServerName } from './behaviours.ts';
import { carryOutAll } from './carry-out.ts';
import type { Outcome } from './carry-out.ts';
import { cClientMissing, cDriver, javaDriver } from './driver.ts';
import type { Command } from './driver.ts';
import { settings, superUser } from './servers.ts';

// Goal: three independent clients see no difference between these servers and the reference's.
// Method: one table of behaviours, carried out through kazoo, Apache's Java client and Apache's C
// client against three members of each kind, one kind after the other; each answer is held against
// the table, which names every difference with its reason. What was answered is kept as JSON lines
// in .local/conformance.

const behaviours = allBehaviours();
const results = resolve(import.meta.dirname, '../../.local/conformance');

type Commands = ReadonlyMap<ClientName, Command>;

async function outcomesOf(server: ServerName, commands: Commands): Promise<Outcome[]> {
  await using ensemble = await RealEnsemble.started({
    members: [{ kind: server }, { kind: server }, { kind: server }],
    ...settings,
  });
  const members = ensemble.members.map((member) => member.address);
  const all = clientNames.map(async (client) => {
    const command = commands.get(client);
    if (command === undefined) throw new Error(`no driver for ${client}`);
    const outcomes = await carryOutAll(behaviours, { client, server, command, members, superUser });
    const lines = outcomes.map((outcome) => `${JSON.stringify(outcome)}\n`);
    writeFileSync(join(results, `${server}-${client}.jsonl`), lines.join(''));
    return outcomes;
  });
  return (await Promise.all(all)).flat();
}

test(
  'every behaviour is the same through every client, here and at the reference',
  { skip: apacheMissing() ?? kazooMissing() ?? cClientMissing() ?? false },
  async (t) => {
    const directory = mkdtempSync(join(tmpdir(), 'zkensemble-conformance-'));
    t.after(() => rmSync(directory, { recursive: true, force: true }));
    mkdirSync(results, { recursive: true });
    const commands: Commands = new Map([
      ['kazoo', [kazooPython(), join(import.meta.dirname, 'drivers/driver.py')]],
      ['java', javaDriver(directory, apacheVersion, apacheClasspath())],
      ['c', cDriver(directory)],
    ]);
    const outcomes = [
      ...(await outcomesOf('apache', commands)),
      ...(await outcomesOf('ours', commands)),
    ];
    for (const { id, what } of behaviours) {
      await t.test(`${id}: ${what}`, () => {
        const mine = outcomes.filter((outcome) => outcome.id === id);
        assert.equal(mine.length, clientNames.length * 2);
        const otherwise = mine.filter((outcome) => outcome.result === 'otherwise');
        assert.deepEqual(
          otherwise.map(({ server, client, why }) => `${client} at ${server}: ${why}`),
          [],
        );
        const shown = mine.filter((outcome) => outcome.result === 'as expected');
        assert.ok(shown.length >= 2, 'at least one client shows it, at both');
      });
    }
    const skipped = outcomes.filter((outcome) => outcome.result === 'skipped');
    t.diagnostic(`${outcomes.length - skipped.length} tried, ${skipped.length} no client's word`);
  },
);
