import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { zxidOf } from '../../server/protocol/zxid.ts';
import { createNodeDisk } from '../../server/storage/node-disk.ts';
import { checkLogs, logRanges } from '../../server/tools/log-check.ts';
import { rawEntries } from '../../server/tools/log-reader.ts';
import { chopLog, dumpLog, recoverLog, type DumpOptions } from '../../server/tools/log-tool.ts';
import { ToolRefusal } from '../../server/tools/saying.ts';
import { everyBody, outcomeOf, writeLog, wrongChecksum, zxidAt } from './fixtures.ts';

// Goal: zk-log says of logs what the reference's tool says, repairs and cuts as it does, and tells
// what a server would make of a damaged one.
// Method: the reference's own logs with the output of its own tool, recorded; and a log with every
// transaction, spoiled in one place each.

process.env['TZ'] = 'UTC';
const golden = join(import.meta.dirname, '../golden/disk');
const directory = mkdtempSync(join(tmpdir(), 'zk-log-'));
after(() => rmSync(directory, { recursive: true }));
const disk = createNodeDisk();
const all: DumpOptions = { from: null, to: null, isVerbose: false, withData: false };
const fresh = (): string => join(mkdtempSync(join(directory, 'log-')), 'log.100000001');
const refusal = (pattern: RegExp, exitCode: number): ((error: unknown) => boolean) => {
  return (error) => {
    assert(error instanceof ToolRefusal);
    assert.match(error.message, pattern);
    assert.equal(error.exitCode, exitCode);
    return true;
  };
};

for (const name of readdirSync(golden).filter((file) => /log\..*\.json$/.test(file))) {
  test(`dump of ${name.slice(0, -5)} is the reference's`, async () => {
    const recorded = JSON.parse(readFileSync(join(golden, name), 'utf8')) as {
      readonly apacheTxnLogToolkit: readonly string[];
    };
    const dump = await outcomeOf(dumpLog(disk, join(golden, name.slice(0, -5)), all));
    assert.equal(dump.exitCode, 0);
    assert.equal(dump.output.trimEnd(), recorded.apacheTxnLogToolkit.join('\n'));
  });
}

test('a wrong checksum is marked and what follows is printed', async () => {
  const path = fresh();
  writeLog(path, { spoil: wrongChecksum(1) });
  const { output, exitCode } = await outcomeOf(dumpLog(disk, path, all));
  assert.equal(exitCode, 0);
  assert.equal(output.match(/^CRC ERROR - /gm)?.length, 1);
  assert.match(output, new RegExp(`EOF reached after ${everyBody.length} txns\\.\n$`));
});

test('a range of zxids, verbose, with data', async () => {
  const path = fresh();
  writeLog(path);
  const options = { from: zxidAt(8), to: zxidAt(9), isVerbose: true, withData: true };
  const { output } = await outcomeOf(dumpLog(disk, path, options));
  assert.equal(output.match(/ zxid 0x/g)?.length, 2);
  assert.match(output, /zxid 0x100000009 setData/);
  assert.match(output, /zxid 0x200000001 setData \/a,,8\n {2}offset \d+ length \d+ checksum 0x/);
  assert.match(output, /\n {2}digest 0x0\n {2}data "\/a" null\n/);
});

test('an entry without its end byte is printed and fails', async () => {
  const path = fresh();
  writeLog(path, { spoil: (log, { index, end }) => index === 3 && log.writeUInt8(0, end - 1) });
  const dump = await outcomeOf(dumpLog(disk, path, all));
  assert.deepEqual([dump.problems, dump.exitCode], [['Last transaction was partial.'], 1]);
  assert.match(dump.output, /create2 \/b.*\n$/);
});

test('a length that no entry has is refused with its place', async () => {
  const path = fresh();
  writeLog(path, { spoil: (log, { index, at }) => index === 3 && log.writeInt32BE(-5, at + 8) });
  const place = refusal(/damaged at byte \d+: Unreasonable length = -5\. chop/, 1);
  await assert.rejects(outcomeOf(dumpLog(disk, path, all)), place);
});

test('what is no log, or is not there, is refused', async () => {
  const path = fresh();
  writeFileSync(path, 'something else altogether');
  await assert.rejects(outcomeOf(dumpLog(disk, path, all)), refusal(/Invalid magic number/, 2));
  const missing = refusal(/doesn't exist or not readable.*no-such-file/, 1);
  await assert.rejects(outcomeOf(dumpLog(disk, `${path}.no-such-file`, all)), missing);
});

test('recovery mends every checksum, or those that somebody wants mended', async () => {
  const whole = fresh();
  writeLog(whole);
  const path = fresh();
  writeLog(path, { spoil: wrongChecksum(1, 5), paddingBytes: 5000 });
  const options = { isYes: true, isVerbose: false };
  const { output, exitCode } = await outcomeOf(recoverLog(disk, path, options));
  assert.equal(exitCode, 0);
  assert.match(output, /\nRecovery file .*\.fixed has been written with 2 fixed CRC error\(s\)\n$/);
  assert(readFileSync(`${path}.fixed`).equals(readFileSync(whole)));

  await assert.rejects(
    outcomeOf(recoverLog(disk, path, options)),
    refusal(/\.fixed already exists/, 1),
  );
  rmSync(`${path}.fixed`);
  const asked = recoverLog(disk, path, { isYes: false, isVerbose: true });
  const some = await outcomeOf(asked, ['perhaps', 'Yes', 'no']);
  assert.equal(some.output.match(/Would you like to fix it/g)?.length, 3);
  assert.match(some.output, /with 1 fixed CRC error/);
  const left = await outcomeOf(dumpLog(disk, `${path}.fixed`, all));
  assert.equal(left.output.match(/^CRC ERROR - .*createTTL/gm)?.length, 1);
});

test('an abandoned recovery leaves no file', async () => {
  const path = fresh();
  writeLog(path, { spoil: wrongChecksum(1) });
  await outcomeOf(recoverLog(disk, path, { isYes: false, isVerbose: false }), ['abort']);
  assert(!existsSync(`${path}.fixed`));
});

test('a chopped copy ends with the transaction asked for, also with the last', async () => {
  const path = fresh();
  const places = writeLog(path, { paddingBytes: 5000 });
  const bytes = readFileSync(path);
  for (const index of [0, 8, 9, everyBody.length - 1]) {
    const zxid = zxidAt(index);
    const { output, exitCode } = await outcomeOf(chopLog(disk, path, zxid));
    assert.equal(exitCode, 0);
    assert.match(
      output,
      new RegExp(`Chopping at ${zxid.toString(16)} new log has ${index + 1} rec`),
    );
    const copy = readFileSync(`${path}.chopped${zxid}`);
    assert(copy.equals(bytes.subarray(0, places[index]?.end)));
  }
});

test('a chop at a transaction that is not there, or behind a damage, leaves no file', async () => {
  const path = fresh();
  writeLog(path, { spoil: wrongChecksum(5) });
  for (const [zxid, pattern] of [
    [zxidOf(1, 0), /This log does not contain zxid 100000000\n/],
    [zxidAt(7), /Got exception: CRC doesn't match \d+ vs \d+\n/],
  ] as const) {
    const { output, exitCode } = await outcomeOf(chopLog(disk, path, zxid));
    assert.match(output, pattern);
    assert.equal(exitCode, 1);
    assert(!existsSync(`${path}.chopped${zxid}`));
  }
});

test('a check tells a torn end from a damage, and finds a hole between files', async () => {
  const dir = mkdtempSync(join(directory, 'check-'));
  const torn = join(dir, 'log.100000001');
  writeLog(torn, { endAt: 700 });
  const one = await outcomeOf(checkLogs(disk, [torn]));
  assert.equal(one.exitCode, 0);
  assert.match(one.output, /: OK, 7 txns, .*: its last write was cut short at byte \d+, behind/);

  writeLog(join(dir, 'log.100000002'));
  const both = await outcomeOf(checkLogs(disk, [dir]));
  assert.equal(both.exitCode, 1);
  assert.match(
    both.output,
    /DAMAGED: it begins with zxid 0x100000001, but .* ends with 0x100000007/,
  );

  const bad = fresh();
  writeLog(bad, { spoil: wrongChecksum(5) });
  const damaged = await outcomeOf(checkLogs(disk, [bad]));
  assert.equal(damaged.exitCode, 1);
  assert.match(damaged.output, /DAMAGED, 5 txns.* behind zxid 0x100000005 was changed/);
  assert.equal(damaged.problems.length, 1);
});

test('what a log covers', async () => {
  const path = fresh();
  writeLog(path);
  const { output } = await outcomeOf(logRanges(disk, [path]));
  const times = '11/25/25, 7:12:24 PM UTC - 11/25/25, 12:00:00 PM UTC';
  assert(output.includes(`: ${everyBody.length} txns, 0x100000001..0x20000000a, `), output);
  assert(output.endsWith(`, ${times}\n`), output);
});

test('a log is read a mebibyte at a time, whatever its length', () => {
  const path = fresh();
  writeLog(path);
  const once = readFileSync(path);
  // The same entries over and over: their order is of no concern to the reader.
  const bytes = Buffer.concat([once, ...Array.from({ length: 2000 }, () => once.subarray(16))]);
  const reads: number[] = [];
  const reader = {
    bytes: bytes.length,
    read(target: Uint8Array, position: number): number {
      reads.push(target.length);
      return bytes.copy(target, 0, position, Math.min(position + target.length, bytes.length));
    },
    close: () => {},
  };
  let count = 0;
  for (const { checksum, computed } of rawEntries(reader)) {
    assert.equal(checksum, BigInt(computed));
    count += 1;
  }
  assert.equal(count, 2001 * everyBody.length);
  assert(bytes.length > 3 * 2 ** 20 && reads.length >= 4);
  assert(reads.every((length) => length <= 2 ** 20));
});
