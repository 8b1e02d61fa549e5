import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { auditFileName, openAuditLog } from '../../server/audit-log.ts';
import type { Host } from '../../server/shell/host.ts';
import { createNodeHost } from '../../server/shell/node-host.ts';
import { until } from '../support/real-ensemble.ts';

// Goal: lines of the audit log are in its file in order when it is closed; what cannot be written
// holds up nothing, is bounded, and is told.
// Method: the log alone on a directory of its own, which comes too late or takes too little.

class Scratch implements Disposable {
  readonly path: string = mkdtempSync(join(tmpdir(), 'zkensemble-audit-'));

  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}

/** A host whose clock is set and whose log is kept. */
class Recorded {
  nowMs = 0;
  readonly told: string[] = [];
  readonly host: Host = {
    ...createNodeHost({ addressMapPath: null, logLevel: 'error', exit: () => undefined }),
    nowMs: () => this.nowMs,
    log: (_, message, values) => void this.told.push(`${message} ${String(values['lost'])}`),
  };
}

function fileIn(directory: string): string {
  return readFileSync(join(directory, auditFileName), 'utf8');
}

test('lines stand behind those of an earlier life, in order', async () => {
  using directory = new Scratch();
  const { host, told } = new Recorded();
  for (const life of ['one', 'two']) {
    const log = openAuditLog(host, { directory: directory.path });
    log.write(`${life} begins`);
    log.write(`${life} ends`);
    await new Promise<void>((done) => log.close(done));
  }
  const lines = fileIn(directory.path).trimEnd().split('\n');
  assert.deepEqual(
    lines.map((line) =>
      line.replace(/^\d{4}-\d\d-\d\dT[\d:.]+Z INFO audit\.Slf4jAuditLogger: /, ''),
    ),
    ['one begins', 'one ends', 'two begins', 'two ends'],
  );
  assert.deepEqual(told, []);
});

test('a directory that is missing is told, and used once it is there', async () => {
  using directory = new Scratch();
  const late = join(directory.path, 'late');
  const recorded = new Recorded();
  const log = openAuditLog(recorded.host, { directory: late });
  log.write('lost');
  await until('the loss to be told', 5_000, () => recorded.told.length === 1);
  mkdirSync(late);
  recorded.nowMs += 1_000;
  log.write('kept');
  await until('the file', 5_000, () => existsSync(join(late, auditFileName)));
  await new Promise<void>((done) => log.close(done));
  assert.match(fileIn(late), /: kept\n$/);
  assert.equal(recorded.told.length, 1);
});

test('beyond waitingBytesMax lines are lost and counted', async () => {
  using directory = new Scratch();
  const recorded = new Recorded();
  const log = openAuditLog(recorded.host, { directory: directory.path, waitingBytesMax: 64 });
  log.write('a'.repeat(100));
  await new Promise<void>((done) => recorded.host.defer(done));
  // The first line is more than may wait, and the file is not open yet.
  log.write('b');
  await new Promise<void>((done) => recorded.host.defer(done));
  assert.deepEqual(recorded.told, ['the audit log cannot be written; lines are lost 1']);
  await new Promise<void>((done) => log.close(done));
  assert.match(fileIn(directory.path), /: a+\n$/);
});
