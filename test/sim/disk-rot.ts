import { readSeal, sealBytes } from '../../server/storage/txn-log-format.ts';
import type { Prng } from './prng.ts';
import type { SimDisk } from './sim-disk.ts';

const sectorBytes = 512;
const versionDir = '/data/version-2';

/** Files whose bytes the server relies on. The mark of a disk under repair is not struck a second time. */
const struck = /^(log\.[0-9a-f]+|snapshot\.[0-9a-f]+|acceptedEpoch|currentEpoch|reached)$/;

/**
 * Does to a disk what no crash does: bytes that were durable change or vanish. One thing at a
 * time, and only what one copy of a history can notice: a write that was lost or went elsewhere has
 * an intact one behind it. Returns what was done; `null`: there was nothing to do it to.
 */
export function rot(disk: SimDisk, random: Prng): string | null {
  const paths = disk.files().filter((path) => isStruck(path) && disk.size(path) > 0);
  for (let tries = 0; tries < triesMax && paths.length > 0; tries += 1) {
    const what = rotFile(disk, random.pick(paths), random);
    if (what !== null) return what;
  }
  return null;
}

/** Not every file can suffer everything. */
const triesMax = 5;

function rotFile(disk: SimDisk, path: string, random: Prng): string | null {
  switch (random.int(0, 3)) {
    case 0:
      return flip(disk, path, random);
    case 1:
      // Without the note a log that vanishes next could not be missed.
      return path.endsWith('/reached') ? null : vanish(disk, path);
    case 2:
      return lostWrite(disk, path, random);
    default:
      return misdirectedWrite(disk, path, random);
  }
}

function isStruck(path: string): boolean {
  const name = path.slice(versionDir.length + 1);
  return path.startsWith(`${versionDir}/`) && struck.test(name);
}

function flip(disk: SimDisk, path: string, random: Prng): string {
  const byte = random.int(0, Math.max(0, dataEnd(disk.inode(path).read()) - 1));
  disk.flipBit(path, byte, random.int(0, 7));
  return `a bit of byte ${byte} of ${path} flips`;
}

function vanish(disk: SimDisk, path: string): string {
  disk.remove(path);
  disk.syncDir(versionDir);
  return `${path} vanishes`;
}

/** A write that was confirmed and never reached the platter, with an intact one behind it. */
function lostWrite(disk: SimDisk, path: string, random: Prng): string | null {
  const at = sectorBefore(disk, path, random);
  if (at === null) return null;
  disk.overwrite(path, Buffer.alloc(sectorBytes), at);
  return `a write to byte ${at} of ${path} turns out lost`;
}

/** A write that went to a sector of something else. */
function misdirectedWrite(disk: SimDisk, path: string, random: Prng): string | null {
  const from = sectorBefore(disk, path, random);
  const to = sectorBefore(disk, path, random);
  if (from === null || to === null || from === to) return null;
  const bytes = disk
    .inode(path)
    .read()
    .subarray(from, from + sectorBytes);
  disk.overwrite(path, bytes, to);
  return `a write meant for byte ${from} of ${path} went to byte ${to}`;
}

/** A sector of a log in front of its last batch. */
function sectorBefore(disk: SimDisk, path: string, random: Prng): number | null {
  if (!path.includes('/log.')) return null;
  const bytes = disk.inode(path).read();
  const batchStart = readSeal(bytes, dataEnd(bytes) - sealBytes);
  const sectors = Math.floor(batchStart / sectorBytes);
  return sectors < 2 ? null : random.int(1, sectors - 1) * sectorBytes;
}

/** Behind the last byte that is not zero. */
function dataEnd(bytes: Buffer): number {
  let end = bytes.length;
  while (end > 0 && bytes[end - 1] === 0) end -= 1;
  return end;
}
