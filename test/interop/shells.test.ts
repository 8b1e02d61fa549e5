import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { apacheClasspath, apacheMissing } from '../support/apache.ts';
import { RealEnsemble, until } from '../support/real-ensemble.ts';

// Goal: `zk-cli` prints what the reference's shell prints, to the same output, and ends with the
// same code, line by line and command by command.
// Method: the same lines to both, each at a fresh server of ours; then the same single commands at
// one server. Times are left out; so is what docs/protocol/shell.md says is otherwise on purpose.

const node = join(import.meta.dirname, '../../node_modules/.bin/node');
const cli = join(import.meta.dirname, '../../client/bin/zk-cli.js');

interface Ran {
  readonly code: number | null;
  readonly out: string[];
  readonly err: string[];
}

async function run(command: string, args: readonly string[], input: string): Promise<Ran> {
  const child = spawn(command, args);
  const texts = { out: '', err: '' };
  child.stdout.on('data', (chunk) => (texts.out += String(chunk)));
  child.stderr.on('data', (chunk) => (texts.err += String(chunk)));
  child.stdin.end(input);
  await once(child, 'close');
  return { code: child.exitCode, out: linesOf(texts.out), err: linesOf(texts.err) };
}

/** Without what differs from run to run. */
function linesOf(text: string): string[] {
  return text
    .replaceAll(/127\.0\.0\.1(:\d+)+/g, 'HOST')
    .replaceAll(/^(version=)?[0-9a-f]{9,}/gm, '$1VERSION')
    .replaceAll(/0x[0-9a-f]{9,}/g, 'ZXID')
    .replaceAll(/^([cm]time = ).*$/gm, '$1TIME')
    .replaceAll(/^(ZooKeeper CLI version: 3\.9\.5).*$/gm, '$1')
    .split('\n')
    .filter((line) => !line.startsWith('SLF4J'));
}

function reference(server: string, args: readonly string[], input: string = ''): Promise<Ran> {
  const flags = ['-Xshare:auto', '-XX:TieredStopAtLevel=1', '-cp', apacheClasspath()];
  const main = 'org.apache.zookeeper.ZooKeeperMain';
  return run('java', [...flags, main, '-server', server, ...args], input);
}

function ours(server: string, args: readonly string[], input: string = ''): Promise<Ran> {
  return run(node, [cli, '-server', server, ...args], input);
}

const member = { kind: 'ours' } as const;

function started(): Promise<RealEnsemble> {
  return RealEnsemble.started({
    members: [member],
    properties: { 'zookeeper.extendedTypesEnabled': 'true' },
  });
}

/** Events come from a thread of their own there: they are in order among themselves alone. */
function split(lines: readonly string[]): { readonly events: string[]; readonly rest: string[] } {
  // The last one may come when nobody prints any more.
  const isEnd = (line: string): boolean => line.includes('state:Closed');
  const isEvent = (line: string): boolean => /^WATCHER::|^WatchedEvent|^$/.test(line);
  return {
    events: lines.filter((line) => line.startsWith('WatchedEvent') && !isEnd(line)),
    rest: lines.filter((line) => !isEvent(line)),
  };
}

const scripts: Readonly<Record<string, string>> = {
  'nodes are made': `create /a one
create /a two
create
create -s /a/s- x
create -e /a/e y
create -e /a/e/sub
create -c /c
create -t 60000 /t
create -t 60000 -e /t2
create -t x /t2
create -t 0 /t2
create -c -t 100 /t2
create -c -s /c2
create /deep/none
create /acl x bogus
create /d "a b" world:anyone:r,ip:127.0.0.1:cdrwa
getAcl /d
ls -R /
quit`,
  'data is shown and set': `create /a one
get
get /a
get -s /a
get -b /a
get -x /a
create /long "the quick brown fox jumps over the lazy dog"
get -x /long
create /null
get /null
get -x /null
get -b /null
set /a two
set -s /a three
set /a
set /a four -v 0
set -v 1 /none x
set -b /a dHdv
get /a
get /a watch
get /none
stat
stat /a
stat /none
stat -w /a
ls -sw /a
ls /a watch
create /j {"x":1}
get /j
set /j {"x": 1}
get /j
set /j "a b"c
get /j
set /j C:\\temp
get /j
set /j "it's"
get /j
set /j ''
get /j
quit`,
  'paths are refused': `ls
ls nopath
ls /a/
ls //
ls ""
create /x/..
create /x/.
create /x//y
create /x/../..//y
create /.x
get /x1/a..b
quit`,
  'nodes are removed': `create /a
create /a/b
create /a/b/c
delete
delete /a
delete -v 7 /a/b/c
delete /none
delete /a/b/c 0
deleteall
deleteall /none
deleteall /a -b 1
ls /
quit`,
  'access and identities': `create /a
getAcl
getAcl /a
getAcl -s /a
getAcl /none
setAcl
setAcl /a bogus
setAcl /a world:anyone:cdrwa
setAcl -s /a world:anyone:cdrwa
setAcl -v 9 /a world:anyone:cdrwa
setAcl -R /a world:anyone:ra
set /a x
create /a/b
whoami
addauth
addauth digest u:p
whoami
quit`,
  questions: `create /a
sync
sync /a
sync /none
getAllChildrenNumber
getAllChildrenNumber /
getAllChildrenNumber /none
create -e /a-e
getEphemerals
getEphemerals /a
getEphemerals /none
version
quit`,
  quotas: `create /a one
create /a/s x
setquota -n 5 /a
setquota -n 1 /a
setquota -B 100 /a
setquota -b 1 /a
setquota -b 50 /a
setquota -B 2 /a
setquota -N 1 /a
setquota -N 100 /a
setquota -n 5 /a/s
setquota -n -3 /a
setquota -n x /a
setquota -n 0 /a
setquota -n 5 /none
setquota -n 3 /
setquota -n 3 /zookeeper/quota
listquota
listquota /a
listquota /c
delquota
delquota -n /a
listquota /a
delquota -n /a
delquota /a
delquota /a
delquota /none
quit`,
  watches: `create /a
get -w /a
set /a 1
ls -w /a
create /a/b
stat -w /none
addWatch
addWatch -m SOMETIMES /a
addWatch /a
set /a 2
create /a/c
removewatches
removewatches /a
removewatches /a
removewatches /none
get -w /a
removewatches /a -c
removewatches /a -d
ls -w /a
removewatches /a -c
ls -R /
ls -R /
ls -R /
ls -R /
printwatches
printwatches off
printwatches
get -w /a
set /a 3
ls -R /
ls -R /
ls -R /
ls -R /
printwatches on
quit`,
  'the shell itself': `ls /
history
redo 0
redo 99
history
bogus
"quoted thing"
version
close
ls /
whoami
connect
ls /
get /none
quit`,
  members: `config -s
reconfig
reconfig -members a -add b
reconfig -remove 9
ls /none`,
};

describe('both shells', { skip: apacheMissing() ?? false }, () => {
  for (const [name, script] of Object.entries(scripts)) {
    test(`line by line: ${name}`, async () => {
      await using there = await started();
      await using here = await started();
      const [expected, ran] = await Promise.all([
        reference(there.connectString, [], script),
        ours(here.connectString, [], script),
      ]);
      assert.deepEqual(split(ran.err), split(expected.err));
      assert.deepEqual(split(ran.out), split(expected.out));
      assert.equal(ran.code, expected.code);
    });
  }

  test('line by line: an ensemble changes its members', async () => {
    const options = {
      members: [member, member, member],
      settings: { reconfigEnabled: 'true', skipACL: 'yes' },
      properties: { 'zookeeper.skipACL': 'yes' },
    };
    await using there = await RealEnsemble.started(options);
    await using here = await RealEnsemble.started(options);
    const observer = 'server.3=127.0.0.1:11:12:observer;127.0.0.1:13';
    const script = `config
config -c
config -s
reconfig -remove 3
config -c
reconfig -s -add ${observer}
config -c -s
reconfig -v 1 -remove 3
reconfig -add ${observer} -members ${observer}
reconfig -remove 9 -add nonsense
reconfig -members nonsense
quit`;
    const [expected, ran] = await Promise.all([
      reference(there.member(1).address, [], script),
      ours(here.member(1).address, [], script),
    ]);
    assert.deepEqual(split(ran.err), split(expected.err));
    assert.deepEqual(split(ran.out), split(expected.out));
    assert.equal(ran.code, expected.code);
    assert.ok(ran.out.includes('server.3=HOST:observer;HOST'), ran.out.join('\n'));
  });

  test('line by line: a server without a quorum', async () => {
    await using ensemble = await RealEnsemble.create({
      members: [member, member, member],
      settings: { '4lw.commands.whitelist': '*' },
      properties: { 'readonlymode.enabled': 'true' },
    });
    const [alone] = ensemble.members;
    assert(alone !== undefined);
    alone.start();
    await until('read-only mode', 20_000, async () => (await alone.ask('isro')) === 'ro');
    const script = 'ls /\ncreate /a\nget -s /zookeeper\nquit';
    const args = ['-r'];
    const [expected, ran] = await Promise.all([
      reference(alone.address, args, script),
      ours(alone.address, args, script),
    ]);
    assert.deepEqual(split(ran.err), split(expected.err));
    assert.deepEqual(split(ran.out), split(expected.out));
    assert.equal(ran.code, expected.code);
    assert.match(ran.out.join('\n'), /state:ConnectedReadOnly/);
    const failed = await ours(alone.address, ['-r', 'sync', '/']);
    assert.deepEqual([failed.code, failed.err], [1, ['Sync has failed. rc=-119', '']]);
  });

  test('one command: output without a greeting, and the code', async () => {
    await using ensemble = await started();
    const server = ensemble.connectString;
    assert.equal((await ours(server, ['create', '/a', 'one'])).code, 0);
    const cases = [
      'ls /|get /a|get -s /a|ls /none|ls|bogus|version|sync /|config',
      'delete -v 9 /a|removewatches /a|delquota /a|setquota -n x /a|listquota /a|redo 1|stat /a',
      'reconfig -remove 9|getAcl /a|printwatches|create /a x',
    ].flatMap((line) => line.split('|').map((one) => one.split(' ')));
    for (const words of cases) {
      const [expected, ran] = await Promise.all([reference(server, words), ours(server, words)]);
      const greeting = /^Connecting to|^WATCHER::|^WatchedEvent|^$/;
      const without = (lines: readonly string[]): string[] =>
        lines.filter((line) => !greeting.test(line));
      assert.deepEqual(without(ran.err), without(expected.err), words.join(' '));
      assert.deepEqual(without(ran.out), without(expected.out), words.join(' '));
      assert.equal(ran.code, expected.code, words.join(' '));
      assert.doesNotMatch(ran.out.join('\n'), /Connecting|WATCHER/);
    }
  });
});
