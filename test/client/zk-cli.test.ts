import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { test } from 'node:test';

import { parseInvocation, runCommand } from '../../client/bin/cli.ts';
import { Arguments, UsageError, wordsOf } from '../../client/bin/command-line.ts';
import { aclText, parseAcl, statText } from '../../client/bin/format.ts';
import { ZooKeeper } from '../../client/index.ts';
import type { Stat } from '../../client/index.ts';
import { FakeServer } from './fake-server.ts';

// Goal: the command does what is typed, prints what the reference's prints, and says by its exit
// code whether it worked.
// Method: words and formats by table; commands against a small server, in this process and as one.

test('lines are cut into words, quotes hold them together', () => {
  assert.deepEqual(wordsOf('  set /a  b '), ['set', '/a', 'b']);
  assert.deepEqual(wordsOf(`set "/a b" 'c "d"' ""`), ['set', '/a b', 'c "d"', '']);
  assert.deepEqual(wordsOf(String.raw`a\ b "c\"d" 'e\'`), ['a b', 'c"d', String.raw`e\ `.trim()]);
  assert.deepEqual(wordsOf(''), []);
  assert.throws(() => wordsOf('get "/a'), UsageError);
});

test('options may stand anywhere, unknown ones are refused, numbers are none', () => {
  const args = new Arguments(['/a', '-s', '-v', '3', '-5'], ['s'], ['v']);
  assert.deepEqual(args.positional, ['/a', '-5']);
  assert.equal(args.has('s'), true);
  assert.equal(args.integer('v', -1), 3);
  assert.deepEqual(new Arguments(['--', '-s'], []).positional, ['-s']);
  assert.throws(() => new Arguments(['-x'], ['s']), UsageError);
  assert.throws(() => new Arguments(['-v', 'x'], [], ['v']).integer('v', 0), UsageError);
  assert.throws(() => new Arguments([], []).at(0, 'path'), /path is missing/);
});

test('access lists read as they print', () => {
  const acl = parseAcl('world:anyone:r,digest:u:x=:cdrwa');
  assert.deepEqual(acl, [
    { perms: 1, id: { scheme: 'world', id: 'anyone' } },
    { perms: 31, id: { scheme: 'digest', id: 'u:x=' } },
  ]);
  assert.equal(aclText(acl), "'world,'anyone\n: r\n'digest,'u:x=\n: cdrwa");
  for (const text of ['', 'world', 'world:anyone', 'world:anyone:x']) {
    assert.throws(() => parseAcl(text), UsageError, text);
  }
});

test('a stat prints as eleven lines', () => {
  const stat = {
    czxid: 0x100000002,
    mzxid: 3,
    ctimeMs: 0,
    mtimeMs: 1_000,
    version: 4,
    cversion: -1,
    aversion: 5,
    ephemeralOwner: -1n,
    dataLength: 6,
    numChildren: 7,
    pzxid: 8,
  } as unknown as Stat;
  assert.deepEqual(statText(stat).split('\n'), [
    'cZxid = 0x100000002',
    'ctime = Thu Jan 01 00:00:00 UTC 1970',
    'mZxid = 0x3',
    'mtime = Thu Jan 01 00:00:01 UTC 1970',
    'pZxid = 0x8',
    'cversion = -1',
    'dataVersion = 4',
    'aclVersion = 5',
    'ephemeralOwner = 0xffffffffffffffff',
    'dataLength = 6',
    'numChildren = 7',
  ]);
});

test('the call says where to connect and what to run', () => {
  const all = parseInvocation(['-server', 'h:1/c', '-timeout', '5', '-r', 'ls', '-s', '/']);
  assert.equal(all.server, 'h:1/c');
  assert.deepEqual(all.options, { sessionTimeoutMs: 5, readOnly: true });
  assert.deepEqual(all.command, ['ls', '-s', '/']);
  assert.equal(parseInvocation([]).server, '127.0.0.1:2181');
  for (const args of [['-server'], ['-nonsense', 'x'], ['-timeout', 'x']]) {
    assert.throws(() => parseInvocation(args), UsageError);
  }
});

/** Runs lines one by one; what they print, and `!` before what failed. */
async function session(lines: readonly string[]): Promise<string[]> {
  await using server = new FakeServer();
  await using zk = await ZooKeeper.connect(`127.0.0.1:${await server.listen()}`);
  const printed: string[] = [];
  const print = (text: string): void => void printed.push(text);
  for (const line of lines) {
    const code = await runCommand({ zk, print, complain: print }, wordsOf(line));
    if (code !== 0) printed.push(`! ${line}`);
  }
  return printed;
}

test('nodes are made, shown, changed and removed', async () => {
  assert.deepEqual(
    await session([
      'create /a "one two"',
      'create -s -e /a/n- x',
      'get /a',
      'set -v 0 /a two',
      'get /a',
      'create /b',
      'get /b',
      'ls /',
      'ls -R /',
      'getEphemerals',
      'getAllChildrenNumber /a',
      'deleteall /a',
      'ls /',
    ]),
    [
      'Created /a',
      'Created /a/n-0000000000',
      'one two',
      'two',
      'Created /b',
      'null',
      '[a, b]',
      '/\n/a\n/a/n-0000000000\n/b'.split('\n'),
      '[/a/n-0000000000]',
      '1',
      '[b]',
    ].flat(),
  );
});

test('what is refused is said in words, and counts as failed', async () => {
  assert.deepEqual(
    await session([
      'get /none',
      'stat /none',
      'create /a',
      'create /a',
      'create /a/b',
      'delete /a',
      'delete -v 7 /a/b',
      'removewatches /a',
    ]),
    [
      'Node does not exist: /none',
      '! get /none',
      'Node does not exist: /none',
      '! stat /none',
      'Created /a',
      'Node already exists: /a',
      '! create /a',
      'Created /a/b',
      'Node not empty: /a',
      '! delete /a',
      'version No is not valid : /a/b',
      '! delete -v 7 /a/b',
      'No watch found : /a',
      '! removewatches /a',
    ],
  );
});

test('a wrong call shows how it is called', async () => {
  const printed = await session(['ls', 'ls -x /', 'addWatch -m SOMETIMES /a', 'toString']);
  assert.deepEqual(printed.slice(0, 6), [
    'the path is missing\nls [-s] [-w] [-R] path',
    '! ls',
    'unknown option -x\nls [-s] [-w] [-R] path',
    '! ls -x /',
    'unknown mode SOMETIMES\naddWatch [-m PERSISTENT|PERSISTENT_RECURSIVE] path',
    '! addWatch -m SOMETIMES /a',
  ]);
  assert.match(printed[6] ?? '', /^Command not found: toString\nCommands:/);
});

test('watches print what they hear', async () => {
  const event = (type: string, zxid: number): string =>
    `\nWATCHER::\n\nWatchedEvent state:SyncConnected type:${type} path:/a zxid: ${zxid}`;
  assert.deepEqual(
    await session([
      'create /a',
      'get -w /a',
      'set /a x',
      'ls -w /a',
      'create /a/b',
      'addWatch -m PERSISTENT /a',
      'set /a y',
      'delete /a/b',
    ]),
    [
      'Created /a',
      'null',
      event('NodeDataChanged', 2),
      '[]',
      event('NodeChildrenChanged', 3),
      'Created /a/b',
      event('NodeDataChanged', 4),
      event('NodeChildrenChanged', 5),
    ],
  );
});

test('quotas are set, listed, changed and lifted, one inside another is refused', async () => {
  const printed = await session([
    'create /zookeeper',
    'create /zookeeper/quota',
    'create /q one',
    'create /q/sub',
    'listquota /q',
    'setquota -n 5 /q',
    'setquota -B 200 /q',
    'listquota /q',
    'setquota -n 3 /q/sub',
    'setquota -n 3 /none',
    'delquota -n /q',
    'listquota /q',
    'delquota /q',
    'ls -R /zookeeper/quota',
    'delquota /q',
    'setquota -n x /q',
    'setquota -n 3 /q/sub',
    'setquota -n 3 /q',
  ]);
  const limits = (count: number): string[] => [
    'absolute path is /zookeeper/quota/q/zookeeper_limits',
    `Output quota for /q count=${count},bytes=-1=;byteHardLimit=200;countHardLimit=-1`,
    'Output stat for /q count=0,bytes=0',
  ];
  const [setUsage, deleteUsage] = [
    'setquota -n|-b|-N|-B value path',
    'delquota [-n|-b|-N|-B] path',
  ];
  assert.deepEqual(printed.slice(4), [
    'absolute path is /zookeeper/quota/q/zookeeper_limits',
    'quota for /q does not exist.',
    ...limits(5),
    `/q/sub has a parent /q which has a quota\n${setUsage}`,
    '! setquota -n 3 /q/sub',
    `/none does not exist.\n${setUsage}`,
    '! setquota -n 3 /none',
    ...limits(-1),
    '/zookeeper/quota',
    `Quota does not exist for /q\n${deleteUsage}`,
    '! delquota /q',
    `-n x is no integer\n${setUsage}`,
    '! setquota -n x /q',
    `/q has child /q/sub which has a quota\n${setUsage}`,
    '! setquota -n 3 /q',
  ]);
});

test('the rest answers', async () => {
  const printed = await session([
    'sync /',
    'whoami',
    'getAcl /',
    'setAcl / world:anyone:r',
    'addauth digest u:p',
    'config',
  ]);
  assert.deepEqual(printed, [
    'Sync is OK',
    'Auth scheme: User\nip: 127.0.0.1',
    "'world,'anyone\n: cdrwa",
    'version=0',
  ]);
});

/** Runs the command as a process, with lines on its standard input. */
async function run(
  args: readonly string[],
  input: string = '',
): Promise<{ readonly code: number | null; readonly out: string; readonly err: string }> {
  const script = join(import.meta.dirname, '../../client/bin/zk-cli.js');
  const child = spawn(process.execPath, [script, ...args]);
  let out = '';
  let err = '';
  child.stdout.on('data', (chunk) => (out += String(chunk)));
  child.stderr.on('data', (chunk) => (err += String(chunk)));
  child.stdin.end(input);
  await once(child, 'close');
  return { code: child.exitCode, out, err };
}

test('as a process: one command, its output and its exit code', async () => {
  await using server = new FakeServer();
  const at = `127.0.0.1:${await server.listen()}`;
  assert.deepEqual(await run(['-server', at, 'create', '/a', 'x']), {
    code: 0,
    out: '',
    err: 'Created /a\n',
  });
  assert.deepEqual(await run(['-server', at, 'get', '/a']), { code: 0, out: 'x\n', err: '' });
  assert.equal((await run(['-server', at, 'bogus'])).code, 127);
  const failed = await run(['-server', at, 'get', '/none']);
  assert.deepEqual([failed.code, failed.err], [1, 'Node does not exist: /none\n']);
});

test('as a process: commands line by line until quit', async () => {
  await using server = new FakeServer();
  const at = `127.0.0.1:${await server.listen()}`;
  const { code, out, err } = await run(
    ['-server', at],
    'create /a x\n\nget "/a\nget /a\nquit\nls /\n',
  );
  assert.equal(code, 0);
  assert.equal(err, 'Created /a\nthe quote " is not closed\n');
  assert.equal(out, 'x\n', 'nothing is run behind quit');
});

test('as a process: without a server it says so and fails', async () => {
  const server = new FakeServer();
  const port = await server.listen();
  await server[Symbol.asyncDispose]();
  const { code, err } = await run(['-server', `127.0.0.1:${port}`, '-timeout', '200', 'ls', '/']);
  assert.equal(code, 1);
  assert.match(err, /CONNECTION_LOSS.*ECONNREFUSED/);
});
