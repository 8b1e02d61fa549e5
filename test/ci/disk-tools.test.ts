import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { after, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { apacheClasspath } from '../support/apache.ts';
import { jarsOf } from '../support/maven.ts';
import { writeLog, writeSnapshots, wrongChecksum, type LogOptions } from '../tools/fixtures.ts';

// Goal: the disk tools print to the byte what the reference's print, and write the files it writes.
// Method: its classes run beside ours on the same files: its own, ours, and spoiled ones. The time
// zone is fixed; times that a run took are cut out.

const directory = mkdtempSync(join(tmpdir(), 'disk-tools-'));
after(() => rmSync(directory, { recursive: true }));
const root = join(import.meta.dirname, '../..');
const golden = join(root, 'test/golden/disk');
const jackson = jarsOf('jackson-core-2.18.1', [
  ['com.fasterxml.jackson.core', 'jackson-core', '2.18.1'],
]);
const classpath = `${apacheClasspath()}:${jackson}/*`;

interface Run {
  readonly output: string;
  readonly exitCode: number | null;
}

function run(command: string, args: readonly string[], input: string): Run {
  const env = { ...process.env, TZ: 'UTC' };
  const { stdout, status } = spawnSync(command, args, { env, input, maxBuffer: 2 ** 26 });
  const output = stdout
    .toString()
    .replaceAll(/ in [\d.]+ seconds/g, ' in N seconds')
    .replace(/"timestamp":\d+/, '"timestamp":0');
  return { output, exitCode: status };
}

function apache(name: string, args: readonly string[], input: string = ''): Run {
  const options = ['-XX:TieredStopAtLevel=1', '-Xshare:auto', '-Duser.timezone=UTC'];
  const main = `org.apache.zookeeper.server.${name}`;
  return run('java', [...options, '-cp', classpath, main, ...args], input);
}

function ours(name: string, args: readonly string[], input: string = ''): Run {
  return run(process.execPath, [join(root, `server/bin/${name}.js`), ...args], input);
}

/** Both alike, and not empty. */
function assertSame(mine: Run, theirs: Run, what: string): void {
  assert.equal(mine.output, theirs.output, what);
  assert.notEqual(mine.output, '', what);
  assert.equal(mine.exitCode, theirs.exitCode, `exit code of ${what}`);
}

const toolkit = 'persistence.TxnLogToolkit';
let count = 0;

function spoiledLog(options: LogOptions): string {
  count += 1;
  const path = join(directory, `log.${count}`);
  writeLog(path, options);
  return path;
}

const logs = readdirSync(golden).filter((name) =>
  /log\.[^.]*(\.(before|after)-trunc)?$/.test(name),
);

test('dumps of logs', () => {
  const paths = [
    ...logs.map((name) => join(golden, name)),
    spoiledLog({ paddingBytes: 5000 }),
    spoiledLog({ spoil: wrongChecksum(1, 5) }),
    spoiledLog({ endAt: 700 }),
    spoiledLog({ spoil: (log, { index, end }) => index === 3 && log.writeUInt8(0, end - 1) }),
  ];
  for (const path of paths) assertSame(ours('zk-log', [path]), apache(toolkit, [path]), path);
});

test('logs that cannot be read to the end', () => {
  const length: LogOptions = {
    spoil: (log, { index, at }) => index === 3 && log.writeInt32BE(-5, at + 8),
  };
  const type: LogOptions = {
    spoil: (log, { index, at }) => index === 3 && log.writeInt32BE(99, at + 12 + 28),
  };
  // The reference minds the checksum and goes on to the transaction; both stop there.
  for (const options of [length, type]) {
    const path = spoiledLog(options);
    const [mine, theirs] = [ours('zk-log', [path]), apache(toolkit, [path])];
    assert.equal(mine.output, theirs.output);
    assert.deepEqual([mine.exitCode, theirs.exitCode], [1, 1]);
  }
  const none = join(directory, 'log.none');
  writeFileSync(none, 'no log at all, but a line of text');
  assert.deepEqual(ours('zk-log', [none]), apache(toolkit, [none]));
  assert.equal(ours('zk-log', [`${none}.missing`]).exitCode, 1);
});

test('recovery of logs, with and without questions', () => {
  for (const [flags, answers] of [
    [['-r', '-y'], ''],
    [['-r', '-y', '-v'], ''],
    [['-r'], 'x\nyes\nNo\n'],
    [['-r', '-v'], 'n\nY\n'],
  ] as const) {
    const path = spoiledLog({ spoil: wrongChecksum(1, 5) });
    const fixed = `${path}.fixed`;
    const theirs = apache(toolkit, [...flags, path], answers);
    // The reference allocates ahead.
    const written = readFileSync(fixed);
    rmSync(fixed);
    assertSame(ours('zk-log', [...flags, path], answers), theirs, flags.join(' '));
    const mine = readFileSync(fixed);
    assert(mine.equals(written.subarray(0, mine.length)));
    assert(written.subarray(mine.length).every((byte) => byte === 0));
    assert.equal(apache(toolkit, ['-r', '-y', path]).exitCode, 1, 'there is one already');
    assert.equal(ours('zk-log', ['-r', '-y', path]).exitCode, 1, 'there is one already');
  }
});

test('chopped logs', () => {
  const path = spoiledLog({ paddingBytes: 5000 });
  for (const zxid of ['0x100000004', '4294967297', '0x200000002']) {
    const chopped = `${path}.chopped${Number(zxid)}`;
    const theirs = apache(toolkit, ['-c', path, '-z', zxid]);
    const written = readFileSync(chopped);
    rmSync(chopped);
    assertSame(ours('zk-log', ['-c', path, '-z', zxid]), theirs, zxid);
    assert(readFileSync(chopped).equals(written), zxid);
  }
  // The same words for one that is not there, but an exit code, and no file that says it were done.
  const [mine, theirs] = [
    ours('zk-log', ['-c', path, '-z', '1']),
    apache(toolkit, ['-c', path, '-z', '1']),
  ];
  assert.equal(mine.output, theirs.output);
  assert.deepEqual([mine.exitCode, theirs.exitCode], [1, 0]);
});

const before = join(directory, 'snapshot.100000fff');
const later = join(directory, 'snapshot.200000000');
writeSnapshots(before, later);

test('dumps of snapshots, in every form', () => {
  const packed = `${before}.gz`;
  writeFileSync(packed, gzipSync(readFileSync(before)));
  const names = readdirSync(golden).filter((name) => /snapshot\.[^.]+(\.gz|\.snappy)?$/.test(name));
  const paths = [...names.map((name) => join(golden, name)), before, later, packed];
  assert(paths.length > 10);
  const compare = (flags: readonly string[], path: string): void => {
    const mine = ours('zk-snapshot', [...flags, path]);
    const what = `${flags.join(' ')} ${basename(path)}`;
    assertSame(mine, apache('SnapshotFormatter', [...flags, path]), what);
  };
  for (const path of paths) compare(['-d'], path);
  for (const path of [before, join(golden, 'fuzzy-final-snapshot.16')]) compare(['-json'], path);
  assertSame(ours('zk-snapshot', [before]), apache('SnapshotFormatter', [before]), 'no data');
  assert.deepEqual(
    ours('zk-snapshot', ['no-such-file']),
    apache('SnapshotFormatter', ['no-such-file']),
  );
});

test('summaries of snapshots', () => {
  for (const words of [
    ['/', '0'],
    ['/', '1'],
    ['/', '2'],
    ['/deep', '0'],
    ['/n0', '1'],
  ]) {
    const mine = ours('zk-snapshot', ['summary', before, ...words]);
    assertSame(mine, apache('SnapshotRecursiveSummary', [before, ...words]), words.join(' '));
  }
  const missing = ['SnapshotRecursiveSummary', 'summary'].map((tool) =>
    tool === 'summary'
      ? ours('zk-snapshot', ['summary', before, '/nope', '0']).exitCode
      : apache(tool, [before, '/nope', '0']).exitCode,
  );
  assert.deepEqual(missing, [1, 1]);
});

test('comparisons of snapshots', () => {
  const small = join(golden, 'snapshot.0');
  for (const [left, right, flags] of [
    [before, later, ['-b', '0', '-n', '0']],
    [before, later, ['-b', '5', '-n', '0', '-d']],
    [later, before, ['-b', '1000', '-n', '1']],
    [small, before, ['-b', '2', '-n', '1', '-d']],
    [before, small, ['-b', '2', '-n', '1']],
  ] as const) {
    const args = ['-l', left, '-r', right, ...flags];
    const theirs = apache('SnapshotComparer', args);
    assertSame(ours('zk-snapshot', ['compare', ...args]), theirs, args.join(' '));
  }
  const wrong = ['-l', before, '-r', later];
  assert.equal(ours('zk-snapshot', ['compare', ...wrong]).exitCode, 2);
  assert.equal(apache('SnapshotComparer', wrong).exitCode, 2);
});

test('no file is left behind by what only reads', () => {
  const left = readdirSync(directory).filter((name) => /zk-snapshot-|plain/.test(name));
  assert.deepEqual(left, []);
  assert(existsSync(before));
});
