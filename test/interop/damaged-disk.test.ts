import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { ZooKeeper } from '../../client/index.ts';
import { apacheClasspath, apacheMissing } from '../support/apache.ts';
import type { Kind, Member } from '../support/real-ensemble.ts';
import { RealEnsemble, until } from '../support/real-ensemble.ts';
import { differencesOf, dumpsOf } from '../support/tree-dump.ts';

// Goal: a member of ours whose disk is damaged or lost is repaired by leaders of either kind, and
// members of either kind elect nobody with its help before that.
// Method: real processes; one of three is killed, its files are damaged, and it starts again.

const skip = apacheMissing() ?? false;
const nodeCount = 200;

function versionDir(member: Member): string {
  return join(member.directory, 'data/version-2');
}

function logsOf(member: Member): string[] {
  const names = readdirSync(versionDir(member)).filter((name) => /^log\.[0-9a-f]+$/.test(name));
  return names.map((name) => join(versionDir(member), name));
}

/** In a record with many intact ones behind it. */
function flipInLog(member: Member): void {
  const [path] = logsOf(member);
  assert(path !== undefined, 'there is a log');
  const bytes = readFileSync(path);
  bytes.writeUInt8(bytes.readUInt8(70) ^ 0x10, 70);
  writeFileSync(path, bytes);
}

const damages: Readonly<Record<string, (member: Member) => void>> = {
  'a flipped bit': flipInLog,
  'lost logs': (member) => {
    for (const path of logsOf(member)) rmSync(path);
  },
  'a lost acceptedEpoch': (member) => rmSync(join(versionDir(member), 'acceptedEpoch')),
  'a lost disk': (member) => member.wipe(),
};

describe('a damaged disk of ours', { skip, concurrency: 1 }, () => {
  for (const other of ['apache', 'ours'] as const satisfies readonly Kind[]) {
    test(`is repaired by leaders of kind ${other}`, async () => {
      if (other === 'apache') apacheClasspath();
      await using ensemble = await RealEnsemble.create({
        members: [{ kind: 'ours' }, { kind: other }, { kind: other }],
        tickMs: 200,
        properties: { 'zookeeper.db.autocreate': 'false', 'zookeeper.preAllocSize': '64' },
      });
      for (const { directory } of ensemble.members) {
        writeFileSync(join(directory, 'data/initialize'), '');
      }
      ensemble.startAll();
      await ensemble.ready();
      const damaged = ensemble.member(1);
      assert.notEqual((await ensemble.leader()).sid, 1, 'one of the others leads');
      await using zk = await ZooKeeper.connect(
        [ensemble.member(2).address, ensemble.member(3).address].join(','),
      );
      let repairs = 0;
      for (const [name, damage] of Object.entries(damages)) {
        const at = `/${name.replaceAll(' ', '-')}`;
        await zk.create(at);
        for (let number = 0; number < nodeCount; number += 1) await zk.create(`${at}/${number}`);
        await damaged.kill();
        damage(damaged);
        damaged.start();
        await ensemble.ready();
        repairs += 1;
        const said = damaged.log().split('taken over from the others, and counts again').length - 1;
        assert.equal(said, repairs, `${name}: repaired`);
        const isKept = existsSync(join(versionDir(damaged), 'damaged'));
        assert.equal(isKept, name !== 'a lost disk', `${name}: what is left of it is kept`);
        assert(!existsSync(join(versionDir(damaged), 'unsynced')), `${name}: it counts again`);
        const [first, ...rest] = await dumpsOf(ensemble);
        assert(first !== undefined);
        for (const one of rest) assert.deepEqual(differencesOf(first, one), [], name);
      }
    });
  }

  test('elects nobody together with one intact member of the reference', async () => {
    apacheClasspath();
    await using ensemble = await RealEnsemble.started({
      members: [{ kind: 'ours' }, { kind: 'apache' }, { kind: 'apache' }],
      tickMs: 200,
      properties: { 'zookeeper.preAllocSize': '64' },
    });
    await using zk = await ZooKeeper.connect(ensemble.member(2).address);
    await zk.create('/kept', 'yes');
    for (const member of ensemble.members) await member.kill();
    const damaged = ensemble.member(1);
    flipInLog(damaged);
    damaged.start();
    ensemble.member(2).start();
    // Ten times initLimit: then it ends and says what to do.
    await until('the damaged member to give up', 60_000, () => !damaged.isRunning);
    assert.equal(await ensemble.member(2).mode(), null, 'the other one serves nobody');
    assert.match(damaged.log(), /damaged.*|Restore .*unsynced/);
    ensemble.member(3).start();
    damaged.start();
    await ensemble.ready();
    await using again = await ZooKeeper.connect(damaged.address);
    assert.equal(Buffer.from((await again.get('/kept')).data ?? []).toString(), 'yes');
  });
});
