import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Ensemble } from '../../server/config/ensemble.ts';
import { ensembleText } from '../../server/config/ensemble-text.ts';
import { encodeTxn } from '../../server/protocol/txn-codec.ts';
import type { SessionId } from '../../server/protocol/session-id.ts';
import type { Txn } from '../../server/protocol/txn.ts';
import type { Zxid } from '../../server/protocol/zxid.ts';
import { openMemberFiles } from '../../server/shell/member-files.ts';
import { ensembleOfTxn, nextMembers } from '../../server/shell/membership.ts';
import type { StoredTree } from '../../server/tree/door.ts';
import { createTree } from '../../server/tree/data-tree.ts';
import { simConfig } from '../sim/sim-config.ts';
import { MemoryDisk } from '../storage/memory-disk.ts';
import { ensembleOf } from '../zab/ensembles.ts';

// Goal: members are kept where the next start finds them, and a change that this server has
// acknowledged is never forgotten, nor one believed that it has not.
// Method: files on a disk in memory; trees that applied a change or not, with files that say so.

const staticPath = '/conf/zoo.cfg';
const active: Ensemble = { ...ensembleOf(3), version: 0x100000000 };
const next: Ensemble = { ...ensembleOf(5), version: 0x100000007 };

function diskWith(text: string): MemoryDisk {
  const disk = new MemoryDisk();
  disk.makeDir('/conf');
  disk.replaceAtomically(staticPath, Buffer.from(text));
  return disk;
}

const textOf = (disk: MemoryDisk, path: string): string => disk.readAll(path).toString('utf8');

test('members move from the static file into one of their own, once with a copy of the old', () => {
  const text = 'tickTime=1\nserver.1=a:1:2\n';
  const disk = diskWith(text);
  const files = openMemberFiles(disk, staticPath, 1);
  assert.equal(textOf(disk, `${staticPath}.bak`), text);
  files.activate(active);
  assert.equal(
    textOf(disk, staticPath),
    `tickTime=1\ndynamicConfigFile=${staticPath}.dynamic.100000000\n`,
  );
  assert.match(textOf(disk, `${staticPath}.dynamic.100000000`), /^server\.1=.*\nserver\.2=/);
  files.activate(next);
  assert.match(textOf(disk, staticPath), /dynamic\.100000007\n$/);
  assert(disk.exists(`${staticPath}.dynamic.100000000`), 'older ones are kept');
  openMemberFiles(disk, staticPath, 1);
  assert.equal(textOf(disk, `${staticPath}.bak`), text, 'a file without members is no backup');
});

test('proposed members have a file until they are active or forgotten', () => {
  const disk = diskWith('tickTime=1\n');
  const files = openMemberFiles(disk, staticPath, 1);
  files.storeNext(next);
  assert.match(textOf(disk, `${staticPath}.dynamic.next`), /\nversion=100000007$/);
  files.storeNext(null);
  assert(!disk.exists(`${staticPath}.dynamic.next`));
  files.storeNext(null);
});

function changeTxn(ensemble: Ensemble): Txn {
  const header = {
    sessionId: 1n as SessionId,
    cxid: 1,
    zxid: ensemble.version as Zxid,
    timeMs: 5,
  };
  const data = Buffer.from(ensembleText(ensemble));
  return { header, body: { type: 16, path: '/zookeeper/config', data, version: -1 }, digest: null };
}

function treeAt(last: number): StoredTree {
  const tree = createTree({ extendedTypesEnabled: false, hashSeed: 1 });
  tree.setConfig(ensembleText(active), active.version as Zxid, 1);
  tree.setLastZxid(last as Zxid);
  return tree;
}

const options = { ensemble: active, reconfigEnabled: true };
const config = simConfig(1, 'a', active, options);

test('a change in the log is found again, whatever the files say', () => {
  const tree = treeAt(0x100000006);
  assert.equal(nextMembers(config, tree), null);
  tree.apply(changeTxn(next));
  assert.deepEqual(nextMembers(config, tree), next);
  assert.equal(nextMembers({ ...config, ensemble: next }, tree), null, 'it is active already');
  assert.equal(nextMembers({ ...config, reconfigEnabled: false }, tree), null);
});

test('a change in the file alone counts only if the log has come that far', () => {
  const filed = { ...config, nextEnsemble: next };
  assert.equal(nextMembers(filed, treeAt(0x100000006)), null, 'it was never acknowledged');
  assert.deepEqual(nextMembers(filed, treeAt(0x100000007)), next);
});

test('what a super user writes into the node is no change of members', () => {
  const tree = treeAt(0x100000006);
  const { header, body } = changeTxn({ ...next, version: 0x100000009 });
  tree.apply({ header: { ...header, zxid: 0x100000007 as Zxid }, body, digest: null });
  assert.equal(nextMembers(config, tree), null);
});

test('only a transaction that changes members names some', () => {
  assert.deepEqual(ensembleOfTxn(encodeTxn(changeTxn(next))), next);
  const { header } = changeTxn(next);
  const other: Txn = {
    header,
    body: { type: 5, path: '/zookeeper/config', data: Buffer.from(ensembleText(next)), version: 1 },
    digest: null,
  };
  assert.equal(ensembleOfTxn(encodeTxn(other)), null);
});
