import { dataDirs } from './data-dir.ts';
import type { Disk } from './disk.ts';
import { messageOf } from './storage-error.ts';
import type { StorageOptions } from './storage-options.ts';
import { batchBytesMax } from './txn-log.ts';

/** Written to see whether the disk takes it, and removed at once; start-up knows it as unfinished. */
const probeName = 'unfinished.room';

/** Why the disk would not take the largest batch of the log; `null`: it would. */
export function roomProblem(
  disk: Disk,
  options: Pick<StorageOptions, 'dataDir' | 'dataLogDir'>,
): string | null {
  const { snapshots, logs } = dataDirs(options);
  for (const dir of new Set([logs, snapshots])) {
    const path = `${dir}/${probeName}`;
    try {
      disk.replaceAtomically(path, Buffer.alloc(batchBytesMax));
      disk.remove(path);
    } catch (error) {
      discard(disk, `${path}.tmp`);
      return messageOf(error);
    }
  }
  return null;
}

/** Half of a probe must not take the room that is missing. */
function discard(disk: Disk, path: string): void {
  try {
    if (disk.exists(path)) disk.remove(path);
  } catch {
    // A file system that is read-only keeps it; the problem is told already.
  }
}
