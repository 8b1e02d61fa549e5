import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { after, before, describe, test } from 'node:test';
import { ZooKeeper } from '../../client/index.ts';
import { apacheClasspath, apacheMissing } from '../support/apache.ts';
import { RealEnsemble } from '../support/real-ensemble.ts';

// Goal: the shell of the reference works against these servers as against its own.
// Method: its commands, one by one, each a process of its own as a person would type it.

const ours = { kind: 'ours' } as const;

describe('the shell of the reference', { skip: apacheMissing() ?? false }, () => {
  let ensemble: RealEnsemble;
  let classpath: string;

  before(async () => {
    classpath = apacheClasspath();
    ensemble = await RealEnsemble.started({
      members: [ours, ours, ours],
      properties: { 'zookeeper.extendedTypesEnabled': 'true' },
    });
  });

  after(() => ensemble[Symbol.asyncDispose]());

  /** What it prints, without what every run prints. */
  function shell(...command: readonly string[]): Promise<string> {
    const main = 'org.apache.zookeeper.ZooKeeperMain';
    const flags = [
      '-Xshare:auto',
      '-XX:TieredStopAtLevel=1',
      '-Dzookeeper.extendedTypesEnabled=true',
    ];
    const args = [...flags, '-cp', classpath, main, '-server', ensemble.connectString, ...command];
    return new Promise((done) => {
      execFile('java', args, (_, stdout, stderr) => {
        const lines = `${stdout}${stderr}`.split('\n').filter((line) => {
          return !/^SLF4J|^Connecting to|^WATCHER::|^WatchedEvent|^Waiting|^$/.test(line);
        });
        done(lines.join('\n'));
      });
    });
  }

  test('create, get, stat, set, ls, delete', async () => {
    assert.equal(await shell('create', '/a', 'one'), 'Created /a');
    assert.equal(await shell('create', '-s', '/a/s-', 'x'), 'Created /a/s-0000000000');
    assert.equal(await shell('create', '-e', '/a/gone'), 'Created /a/gone');
    assert.equal(await shell('create', '-c', '/c'), 'Created /c');
    assert.equal(await shell('create', '-t', '60000', '/t'), 'Created /t');
    assert.match(await shell('create', '/a', ''), /Node already exists: \/a/);
    assert.match(await shell('get', '-s', '/a'), /^one\ncZxid = 0x1[0-9a-f]+\nctime = .*\n/);
    assert.match(await shell('set', '-s', '/a', 'two'), /dataVersion = 1\n/);
    assert.match(await shell('set', '-v', '0', '/a', 'three'), /version No is not valid : \/a/);
    assert.match(await shell('stat', '/a'), /cversion = 2\ndataVersion = 1\naclVersion = 0\n/);
    assert.equal(await shell('get', '/a'), 'two');
    // A command leaves without closing its session: the ephemeral node stays until that expires.
    assert.equal(await shell('ls', '/a'), '[gone, s-0000000000]');
    assert.match(await shell('get', '/none'), /Node does not exist: \/none/);
  });

  test('ls -R, getAllChildrenNumber, delete, deleteall', async () => {
    await using zk = await ZooKeeper.connect(ensemble.connectString);
    for (const path of ['/r', '/r/a', '/r/a/b', '/r/c']) await zk.create(path);
    assert.equal(await shell('ls', '-R', '/r'), '/r\n/r/a\n/r/c\n/r/a/b');
    assert.equal(await shell('getAllChildrenNumber', '/r'), '3');
    assert.match(await shell('delete', '/r'), /Node not empty: \/r/);
    assert.equal(await shell('delete', '/r/c'), '');
    assert.equal(await shell('deleteall', '/r'), '');
    assert.equal(await zk.exists('/r'), null);
  });

  test('getAcl, setAcl and addauth', async () => {
    await using zk = await ZooKeeper.connect(ensemble.connectString);
    await zk.create('/acl');
    assert.equal(await shell('getAcl', '/acl'), "'world,'anyone\n: cdrwa");
    assert.equal(await shell('setAcl', '/acl', 'world:anyone:ra'), '');
    assert.equal(await shell('getAcl', '/acl'), "'world,'anyone\n: ra");
    assert.match(await shell('set', '/acl', 'x'), /Insufficient permission : \/acl/);
    assert.equal(await shell('addauth', 'digest', 'ann:pw'), '');
    assert.match(await shell('whoami'), /ip: 127\.0\.0\.1/);
  });

  test('quotas are set, listed and lifted', async () => {
    await using zk = await ZooKeeper.connect(ensemble.connectString);
    await zk.create('/q', '12345');
    await zk.create('/q/child', '1');
    assert.equal(await shell('setquota', '-n', '3', '/q'), '');
    assert.equal(await shell('setquota', '-B', '100', '/q'), '');
    const listed = await shell('listquota', '/q');
    assert.match(listed, /Output quota for \/q count=3,bytes=-1=;byteHardLimit=100/);
    assert.match(listed, /Output stat for \/q count=2,bytes=6/);
    await zk.create('/q/second', '22');
    assert.match(await shell('listquota', '/q'), /Output stat for \/q count=3,bytes=8/);
    assert.equal(await shell('delquota', '/q'), '');
    assert.match(await shell('listquota', '/q'), /quota for \/q does not exist/);
  });

  test('sync, version, config, getEphemerals and history', async () => {
    assert.equal(await shell('sync', '/'), 'Sync is OK');
    assert.match(await shell('version'), /ZooKeeper CLI version: 3\.9\.5/);
    assert.match(await shell('config'), /^server\.1=127\.0\.0\.1:\d+:\d+:participant/);
    await using zk = await ZooKeeper.connect(ensemble.connectString);
    await zk.create('/e', null, { ephemeral: true });
    assert.equal(await shell('getEphemerals'), '[]', 'of its own session');
    assert.equal(await shell('history'), '0 - null');
    assert.match(await shell('reconfig', '-remove', '3'), /Reconfig is disabled/);
    assert.match(await shell('removewatches', '/'), /No such watcher for \//);
  });
});
