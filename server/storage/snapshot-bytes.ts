import { adler32 } from '../util/adler32.ts';
import type { SnapshotSource } from './door.ts';
import {
  allSections,
  digestSection,
  snapshotHeader,
  snapshotSeal,
  zxidSection,
  type SnapshotDigest,
  type SnapshotSections,
} from './snapshot-format.ts';
import type { Zxid } from '../protocol/zxid.ts';

/** What follows the body: seal; digest, seal; zxid, seal. Source: storage, section 5.1. */
export function snapshotEnd(
  checksum: number,
  digest: SnapshotDigest,
  last: Zxid,
  sections: SnapshotSections = allSections,
): Buffer {
  const parts: Buffer[] = [];
  let running = checksum;
  const add = (part: Buffer): void => {
    parts.push(part);
    running = adler32(part, 0, part.length, running);
  };
  add(snapshotSeal(running));
  if (sections.digest) {
    add(digestSection(digest));
    add(snapshotSeal(running));
  }
  if (sections.lastZxid) {
    add(zxidSection(last));
    add(snapshotSeal(running));
  }
  return Buffer.concat(parts);
}

/** The last processed zxid: a tree that has applied nothing is still where its source says. */
export function lastZxidOf(source: SnapshotSource, digest: SnapshotDigest): Zxid {
  return digest.zxid > source.zxid ? digest.zxid : source.zxid;
}

/** A whole snapshot in memory: for the empty database and for tests. */
export function snapshotBytes(
  source: SnapshotSource,
  sections: SnapshotSections = allSections,
): Buffer {
  const parts: Buffer[] = [snapshotHeader()];
  for (let slice = source.next(65_536); slice !== null; slice = source.next(65_536)) {
    parts.push(Buffer.from(slice));
  }
  const body = Buffer.concat(parts);
  const digest = source.digest();
  const end = snapshotEnd(adler32(body), digest, lastZxidOf(source, digest), sections);
  return Buffer.concat([body, end]);
}
