import assert from 'node:assert/strict';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { decodeTxn } from '../../server/protocol/txn-codec.ts';
import type { LogEntry, RecoveryTarget } from '../../server/storage/door.ts';
import { createNodeDisk } from '../../server/storage/node-disk.ts';
import { listSnapshots } from '../../server/storage/snapshot-store.ts';
import { openStorage } from '../../server/storage/storage.ts';
import { TreeRecovery } from '../../server/shell/history.ts';
import type { Host } from '../../server/shell/host.ts';
import { createTree } from '../../server/tree/data-tree.ts';
import type { StoredTree } from '../../server/tree/door.ts';
import { BusyWriter, EveryKind, everyKindIdentity } from '../support/every-kind.ts';
import { OneServer, type Build } from '../support/one-server.ts';
import { freePorts } from '../support/ports.ts';
import { differencesOf, dumpOf, type TreeDump } from '../support/tree-dump.ts';

// Goal: a directory goes from any version of the reference to our server and back, whatever stopped
// the one that had it, and nothing in it changes on the way.
// Method: a real server of each version makes nodes of every kind, takes some snapshots and is
// killed; ours starts there, writes, and is killed in the middle of writes and in the middle of a
// snapshot; the same version starts on what is left, writes, is killed, and ours starts again. Trees
// are compared to the last number, access list and session; where the log has digests, the tree's
// after every transaction.

const directory = mkdtempSync(join(tmpdir(), 'apache-directories-'));
after(() => rmSync(directory, { recursive: true, force: true }));

interface Version {
  readonly build: Build & `${number}.${number}.${number}`;
  /** Containers and TTLs. */
  readonly hasKinds: boolean;
  readonly hasDigests: boolean;
  /** How ours writes snapshots: compressed ones are read by 3.6 and later. */
  readonly compression: '' | 'gz' | 'snappy';
}

const versions: readonly Version[] = [
  { build: '3.4.14', hasKinds: false, hasDigests: false, compression: '' },
  { build: '3.5.10', hasKinds: true, hasDigests: false, compression: '' },
  { build: '3.6.4', hasKinds: true, hasDigests: true, compression: 'gz' },
  { build: '3.7.2', hasKinds: true, hasDigests: true, compression: 'snappy' },
  { build: '3.8.4', hasKinds: true, hasDigests: true, compression: '' },
  { build: '3.9.5', hasKinds: true, hasDigests: true, compression: 'gz' },
];

const settings = {
  tickTime: 1000,
  maxSessionTimeout: 60_000,
  snapCount: 40,
  preAllocSize: 64,
  extendedTypesEnabled: 'true',
};

/** The directory as our recovery reads it, from a copy; checks every digest in the log on the way. */
class OnDisk {
  readonly tree: StoredTree = createTree({ extendedTypesEnabled: true, hashSeed: 1 });
  readonly complaints: string[] = [];
  digestCount = 0;
  #wholeFrom = 0;

  constructor(dataDir: string) {
    const copy = mkdtempSync(join(directory, 'copy-'));
    cpSync(join(dataDir, 'version-2'), join(copy, 'version-2'), { recursive: true });
    const host = {
      nowMs: () => performance.now(),
      random: Math.random,
      defer: (run: () => void) => void setImmediate(run),
      log: (level: string, message: string, values: object) => {
        if (level === 'error') this.complaints.push(`${message} ${JSON.stringify(values)}`);
      },
    } as unknown as Host;
    const options = {
      dataDir: copy,
      dataLogDir: copy,
      isStandalone: true,
      snapCount: 1000,
      snapBytesMax: 0,
      preallocateBytes: 0,
      forceSync: true,
      snapshotTrustEmpty: false,
      snapshotSizeFactor: 1,
      host,
    };
    const storage = openStorage(options, createNodeDisk());
    storage.recover(this.#checking(new TreeRecovery(this.tree, host)), 0);
    storage.close(() => rmSync(copy, { recursive: true }));
  }

  /** As a client would see it. */
  dump(): TreeDump {
    const found = new Map<string, string>();
    const { tree } = this;
    const visit = (path: string): void => {
      const node = tree.find(path);
      const bytes = tree.data(node);
      const data = bytes === null ? 'null' : `"${Buffer.from(bytes).toString('base64')}"`;
      const numbers = Object.entries(tree.stat(node))
        .filter(([key]) => path !== '/zookeeper/config' || key !== 'mtimeMs')
        .map(([key, value]) => `${key}=${value.toString()}`);
      const acl = tree.acl(node) ?? [{ perms: 31, id: { scheme: 'world', id: 'anyone' } }];
      const access = acl.map(({ id, perms }) => `${id.scheme}:${id.id}:${perms}`);
      found.set(path, `${data} ${numbers.join(' ')} ${access.join(',')}`);
      for (const name of tree.children(node)) visit(`${path === '/' ? '' : path}/${name}`);
    };
    visit('/');
    return found;
  }

  sessions(): string[] {
    return [...this.tree.sessions.keys()].map((id) => BigInt.asUintN(64, id).toString(16)).sort();
  }

  #checking(inner: TreeRecovery): RecoveryTarget {
    const replay = (entry: LogEntry): void => {
      inner.replay(entry);
      const { digest } = decodeTxn(entry.bytes);
      // Up to here the snapshot was taken while its tree went on.
      if (digest === null || entry.zxid < this.#wholeFrom) return;
      this.digestCount += 1;
      assert.equal(this.tree.digest, digest, `digest after zxid 0x${entry.zxid.toString(16)}`);
    };
    return {
      beginSnapshot: () => inner.beginSnapshot(),
      endSnapshot: (zxid, digest) => {
        this.#wholeFrom = digest?.zxid ?? zxid;
        inner.endSnapshot(zxid, digest);
      },
      reset: () => inner.reset(),
      replay,
      snapshotSource: () => inner.snapshotSource(),
    };
  }
}

/** Sessions that a server lists, but for the one that asks for something at this moment. */
async function sessionsOf(server: OneServer): Promise<string[]> {
  const text = await server.ask('dump');
  const ids = [...text.matchAll(/^\s*0x([0-9a-f]+)$/gm)].map((match) => match[1] ?? '');
  return [...new Set(ids)].sort();
}

/** The built-in nodes: 3.4 has no `config`, which later versions and ours add at their start. */
const ownOfServer = /^\/zookeeper(\/config)?$/;

function comparable(dump: TreeDump): TreeDump {
  return new Map([...dump].filter(([path]) => !ownOfServer.test(path)));
}

function assertSame(actual: TreeDump, expected: TreeDump, what: string): void {
  assert.deepEqual(differencesOf(comparable(actual), comparable(expected)), [], what);
}

/** The reference starts on the newest snapshot or not at all. */
function removeOlderSnapshots(server: OneServer): void {
  const [, ...older] = listSnapshots(createNodeDisk(), server.versionDir);
  for (const file of older) rmSync(file.path);
}

function hasUnfinished(server: OneServer): boolean {
  return readdirSync(server.versionDir).some((name) => name.startsWith('unfinished.'));
}

/** Kills our server while a snapshot is half written. */
async function killInSnapshot(server: OneServer): Promise<Map<string, string>> {
  for (let attempt = 0; attempt < 20; attempt += 1) {
    const writer = await BusyWriter.start(server.address, `busy-${attempt}`, 2000);
    while (!hasUnfinished(server)) await turn();
    await server.kill();
    await writer.stop();
    if (hasUnfinished(server)) return writer.answered;
    await server.start('ours');
  }
  throw new Error('no snapshot was ever caught half written');
}

async function killInWrites(server: OneServer): Promise<Map<string, string>> {
  const writer = await BusyWriter.start(server.address, 'writes', 100);
  while (writer.answered.size < 300) await turn();
  await server.kill();
  await writer.stop();
  return writer.answered;
}

function assertHolds(dump: TreeDump, answered: Map<string, string>): void {
  const missing = [...answered].filter(
    ([path, data]) => !dump.get(path)?.startsWith(`"${Buffer.from(data).toString('base64')}" `),
  );
  assert.deepEqual(missing, [], 'every answered write is there');
  assert(answered.size > 0);
}

for (const { build, hasKinds, hasDigests, compression } of versions) {
  test(`a directory of ${build}, to ours and back`, { timeout: 120_000 }, async () => {
    const home = join(directory, build);
    mkdirSync(join(home, 'data'), { recursive: true });
    const [port = 0] = await freePorts(1);
    await using server = new OneServer({ directory: home, port, settings });
    const ours = compression === '' ? {} : { 'snapshot.compression.method': compression };

    await server.start(build);
    await using kinds = await EveryKind.make(server.address, hasKinds);
    const theirs = await dumpOf(server, everyKindIdentity);
    const theirSessions = await sessionsOf(server);
    assert(theirs.size > 80 && theirSessions.length > 0);
    await server.kill();
    assert(listSnapshots(createNodeDisk(), server.versionDir).length > 2, 'several snapshots');

    const taken = new OnDisk(server.dataDir);
    assertSame(taken.dump(), theirs, 'what our recovery reads');
    assert.deepEqual(taken.sessions(), theirSessions);
    assert.deepEqual(taken.complaints, []);
    assert.equal(taken.digestCount > 0, hasDigests);

    await server.start('ours', ours);
    assertSame(await dumpOf(server, everyKindIdentity), theirs, 'what our server shows');
    assert(await kinds.isAlive(), 'the session went over');
    const answered = await killInWrites(server);
    await server.start('ours', ours);
    assert(await kinds.isAlive());
    for (const [path, data] of await killInSnapshot(server)) answered.set(path, data);

    const left = new OnDisk(server.dataDir);
    assertHolds(left.dump(), answered);
    removeOlderSnapshots(server);
    const [newest] = listSnapshots(createNodeDisk(), server.versionDir);
    assert.equal(newest?.compression, compression === '' ? 'none' : compression);

    await server.start(build);
    assertSame(await dumpOf(server, everyKindIdentity), left.dump(), `what ${build} shows`);
    assert(await kinds.isAlive(), 'the session came back');
    const mismatches = /digest_mismatches_count\t(\d+)/.exec(await server.ask('mntr'))?.[1];
    assert.equal(mismatches, hasDigests ? '0' : undefined);

    const more = await BusyWriter.start(server.address, 'theirs', 100);
    while (more.answered.size < 100) await turn();
    await server.kill();
    await more.stop();
    await server.start('ours', ours);
    const back = await dumpOf(server, everyKindIdentity);
    assertHolds(back, more.answered);
    assertHolds(back, answered);
    assert(await kinds.isAlive(), 'the session came to ours again');
  });
}

const switches: readonly Readonly<Record<string, string>>[] = [
  { 'digest.enabled': 'false' },
  { 'serializeLastProcessedZxid.enabled': 'false' },
  { 'digest.enabled': 'false', 'serializeLastProcessedZxid.enabled': 'false' },
];

for (const [index, lines] of switches.entries()) {
  const what = Object.keys(lines).join(', ');
  test(`a directory of ours, without ${what}, to 3.9.5 with the same`, async () => {
    const home = join(directory, `switches-${index}`);
    mkdirSync(join(home, 'data'), { recursive: true });
    const [port = 0] = await freePorts(1);
    await using server = new OneServer({ directory: home, port, settings });
    await server.start('ours', lines);
    await using kinds = await EveryKind.make(server.address, true);
    const mine = await dumpOf(server, everyKindIdentity);
    await server.kill();
    removeOlderSnapshots(server);
    const [newest] = listSnapshots(createNodeDisk(), server.versionDir);
    assert((newest?.zxid ?? 0) > 0, 'not the snapshot of an empty tree');
    await server.start('3.9.5', lines);
    assertSame(await dumpOf(server, everyKindIdentity), mine, 'what 3.9.5 shows');
    assert(await kinds.isAlive());
  });
}
