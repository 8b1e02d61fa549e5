import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { writeLog, writeSnapshots, wrongChecksum } from './fixtures.ts';

// Goal: the commands take their arguments as written and as the reference's tools take them, and end
// with codes that scripts can rely on.
// Method: processes, as a shell would start them.

const directory = mkdtempSync(join(tmpdir(), 'commands-'));
after(() => rmSync(directory, { recursive: true }));
const log = join(directory, 'log.100000001');
const snapshot = join(directory, 'snapshot.100000fff');
writeLog(log, { spoil: wrongChecksum(2) });
writeSnapshots(snapshot, join(directory, 'snapshot.200000000'));

const bin = join(import.meta.dirname, '../../server/bin');

function run(
  command: string,
  args: readonly string[],
  input: string = '',
): { readonly output: string; readonly problems: string; readonly code: number | null } {
  const script = join(bin, `${command}.js`);
  const { stdout, stderr, status } = spawnSync(process.execPath, [script, ...args], { input });
  return { output: stdout.toString(), problems: stderr.toString(), code: status };
}

const rows: readonly (readonly [string, readonly string[], number, RegExp])[] = [
  ['zk-log', [log], 0, /EOF reached after \d+ txns/],
  ['zk-log', ['dump', log, '--from', '0x200000001', '--to', '8589934593'], 0, /zxid 0x200000001/],
  ['zk-log', ['check', log], 1, /DAMAGED, 2 txns/],
  ['zk-log', ['range', log], 0, /2 txns, 0x100000001\.\.0x100000002/],
  ['zk-log', ['chop', '-z', '0x100000002', log], 0, /new log has 2 records/],
  ['zk-log', ['truncate', log, '-z', '0x100000009'], 1, /CRC doesn't match/],
  ['zk-snapshot', [snapshot], 0, /^ZNode Details/],
  ['zk-snapshot', ['-json', snapshot], 0, /^\[1,0,\{"progname"/],
  ['zk-snapshot', ['check', directory], 0, /snapshot\.200000000: OK/],
  ['zk-snapshot', ['-h'], 0, /usage: zk-snapshot/],
];

for (const [command, args, code, pattern] of rows) {
  test(`${command} ${args.map((arg) => arg.replace(directory, '')).join(' ')}`, () => {
    const done = run(command, args);
    assert.equal(done.code, code, done.problems);
    assert.match(done.output, pattern);
  });
}

const refusals: readonly (readonly [string, readonly string[], number, RegExp])[] = [
  ['zk-log', [], 1, /dump needs a file\.\n\nusage: zk-log/],
  ['zk-log', ['chop', log, '-z', '12x'], 1, /-z 12x is no zxid: write it in decimal, or in hex/],
  ['zk-log', ['dump', log, '--from', '0x20000000000001'], 1, /--from .* is no zxid/],
  ['zk-log', ['dump', join(directory, 'nothing')], 1, /doesn't exist or not readable/],
  ['zk-log', ['purge', directory, '-n', 'x'], 1, /'x' can not be parsed to integer/],
  ['zk-snapshot', [], 2, /needs a snapshot file[^]*usage: zk-snapshot/],
  ['zk-snapshot', ['summary', snapshot, '/', 'x'], 2, /DEPTH x is no number/],
  ['zk-snapshot', ['compare', '-l', snapshot], 2, /Missing required options: r, b, n/],
  ['zk-snapshot', [log], 1, /is damaged: it does not begin with ZKSN/],
];

for (const [command, args, code, pattern] of refusals) {
  test(`refused: ${command} ${args.map((arg) => arg.replace(directory, '')).join(' ')}`, () => {
    const done = run(command, args);
    assert.equal(done.code, code, done.problems);
    assert.match(done.problems, pattern);
  });
}

test('a recovery asks, and without anybody to answer says what to do', () => {
  const nobody = run('zk-log', ['-r', log]);
  assert.equal(nobody.code, 1);
  assert.match(nobody.problems, /nobody to answer\. Say -y/);
  assert(!existsSync(`${log}.fixed`));
  const asked = run('zk-log', ['recover', log], 'y\n');
  assert.equal(asked.code, 0);
  assert.match(asked.output, /with 1 fixed CRC error/);
});

test('a reader that goes away ends the command quietly', () => {
  const script = join(bin, 'zk-snapshot.js');
  const command = `"${process.execPath}" "${script}" -d "${snapshot}" | head -1; exit \${PIPESTATUS[0]}`;
  const { stdout, stderr, status } = spawnSync('bash', ['-c', command]);
  assert.equal(stdout.toString().split('\n').length, 2);
  assert.deepEqual([stderr.toString(), status], ['', 0]);
});
