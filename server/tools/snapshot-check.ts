import type { Disk } from '../storage/disk.ts';
import { listSnapshots } from '../storage/snapshot-store.ts';
import { shortHex } from './java-text.ts';
import { snapshotChunks } from './snapshot-input.ts';
import { SnapshotDamage, SnapshotRecords, type SnapshotTrailer } from './snapshot-records.ts';
import { damaged, refuseMissing } from './snapshot-tool.ts';
import { isDirectory } from './places.ts';
import type { AsyncWork } from './saying.ts';

export interface SnapshotReport {
  readonly nodeCount: number;
  readonly sessionCount: number;
  readonly dataBytes: number;
  readonly trailer: SnapshotTrailer;
}

/**
 * Reads a whole snapshot as a server would: every record and every seal.
 * Holds one record at a time.
 *
 * @throws SnapshotDamage; or as the file system does.
 */
export async function checkSnapshotFile(path: string): Promise<SnapshotReport> {
  const records = new SnapshotRecords();
  let nodeCount = 0;
  let sessionCount = 0;
  let dataBytes = 0;
  for await (const chunk of snapshotChunks(path)) {
    for (const record of records.push(chunk)) {
      if (record.type === 'session') sessionCount += 1;
      if (record.type !== 'node') continue;
      if (nodeCount === 0 && record.path !== '') throw new SnapshotDamage('its root is missing');
      nodeCount += 1;
      dataBytes += record.data?.length ?? 0;
    }
  }
  return { nodeCount, sessionCount, dataBytes, trailer: records.end() };
}

/** Snapshots of files and directories, newest first within each directory. */
export function snapshotsOf(disk: Disk, paths: readonly string[]): string[] {
  return paths.flatMap((path) => {
    if (!isDirectory(path)) return [path];
    const dir = [`${path}/version-2`, path].find((at) => listSnapshots(disk, at).length > 0);
    return dir === undefined ? [] : listSnapshots(disk, dir).map((file) => file.path);
  });
}

/** One line for each snapshot; fails when one is damaged. */
export async function* checkSnapshots(disk: Disk, paths: readonly string[]): AsyncWork {
  let exitCode = 0;
  for (const path of snapshotsOf(disk, paths)) {
    refuseMissing(path);
    try {
      yield `${path}: OK, ${reportText(await checkSnapshotFile(path))}\n`;
    } catch (error) {
      const { message } = error as Error;
      yield `${path}: DAMAGED: ${message}\n`;
      if (error instanceof SnapshotDamage) yield { problem: damaged(path, error) };
      exitCode = 1;
    }
  }
  return exitCode;
}

function reportText({ nodeCount, sessionCount, dataBytes, trailer }: SnapshotReport): string {
  const { digest, lastZxid } = trailer;
  const sections = [
    digest === null
      ? 'no digest'
      : `digest ${shortHex(digest.value)} at zxid ${shortHex(digest.zxid)}`,
    lastZxid === null ? 'no last zxid' : `last zxid ${shortHex(lastZxid)}`,
  ];
  return `${nodeCount} nodes, ${dataBytes} bytes of data, ${sessionCount} sessions, ${sections.join(', ')}`;
}
