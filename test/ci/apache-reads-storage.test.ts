import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import type { LogEntry } from '../../server/storage/door.ts';
import { scanLog } from '../../server/storage/log-scan.ts';
import { createNodeDisk } from '../../server/storage/node-disk.ts';
import { openStorage } from '../../server/storage/storage.ts';
import { decodeTxn } from '../../server/protocol/txn-codec.ts';
import { TreeRecovery } from '../../server/shell/history.ts';
import type { Host } from '../../server/shell/host.ts';
import { createTree } from '../../server/tree/data-tree.ts';
import { golden } from '../storage/fixtures.ts';
import { apacheClasspath } from '../support/apache.ts';

// Goal: the reference reads what our storage writes: every log with its seals and padding, every
// snapshot, without a complaint.
// Method: the transactions of one of its own logs are written by ours, one batch each, with a
// snapshot in between; its log and snapshot tools read the directory as a crash would leave it.

const directory = mkdtempSync(join(tmpdir(), 'apache-reads-'));
after(() => rmSync(directory, { recursive: true }));

const host = {
  nowMs: () => performance.now(),
  random: Math.random,
  defer: (run: () => void) => void setImmediate(run),
  log: () => {},
} as unknown as Host;

function recordedEntries(): LogEntry[] {
  const bytes = golden('standalone-default-log.1');
  const entries: LogEntry[] = [];
  const reader = {
    bytes: bytes.length,
    read: (into: Uint8Array, at: number) => bytes.copy(into, 0, at, at + into.length),
    close: () => {},
  };
  scanLog(reader, 16, bytes.length, (zxid, window, start, end) => {
    entries.push({ zxid, bytes: window.subarray(start, end) });
    return true;
  });
  return entries;
}

/** Writes the entries with a snapshot after the ninth, and does not close. */
async function write(dataDir: string, preallocateBytes: number): Promise<void> {
  const tree = createTree({ extendedTypesEnabled: true, hashSeed: 1 });
  const options = {
    dataDir,
    dataLogDir: dataDir,
    isStandalone: true,
    snapCount: 1000,
    snapBytesMax: 0,
    preallocateBytes,
    forceSync: true,
    snapshotTrustEmpty: false,
    snapshotSizeFactor: 1,
    host,
  };
  const storage = openStorage(options, createNodeDisk());
  storage.recover(new TreeRecovery(tree, host), 0);
  for (const [index, entry] of recordedEntries().entries()) {
    await new Promise<void>((resolve) => {
      storage.onDurable = () => resolve();
      storage.append(entry);
      storage.flush();
    });
    tree.apply(decodeTxn(Buffer.from(entry.bytes)));
    if (index !== 8) continue;
    await new Promise<void>((done) => {
      storage.writeSnapshot(tree.snapshotSource(), { replaceHistory: false }, done);
    });
  }
}

function apache(tool: string, file: string): string {
  return execFileSync('java', ['-cp', apacheClasspath(), tool, file], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

for (const preallocateBytes of [0, 65_536]) {
  test(`logs and snapshots, preallocated by ${preallocateBytes} bytes`, async () => {
    const dataDir = mkdtempSync(join(directory, 'data-'));
    await write(dataDir, preallocateBytes);
    const dir = join(dataDir, 'version-2');
    const names = readdirSync(dir).filter((name) => /^(log|snapshot)\./.test(name));
    assert.deepEqual(names.sort(), ['log.1', 'log.a', 'snapshot.0', 'snapshot.9']);

    const logTool = 'org.apache.zookeeper.server.persistence.TxnLogToolkit';
    for (const [name, count] of [
      ['log.1', 9],
      ['log.a', 8],
    ] as const) {
      const dump = apache(logTool, join(dir, name));
      assert.match(dump, new RegExp(`EOF reached after ${count} txns`));
      assert.doesNotMatch(dump, /CRC ERROR/);
    }
    for (const name of ['snapshot.0', 'snapshot.9']) {
      const dump = apache('org.apache.zookeeper.server.SnapshotFormatter', join(dir, name));
      assert.match(dump, /ZNode Details/);
    }
  });
}
