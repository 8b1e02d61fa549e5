import type { Zxid } from '../protocol/zxid.ts';
import { counterOf, epochOf, zxidZero } from '../protocol/zxid.ts';
import type { Proposal } from './events.ts';

/** What a leader has, as the plan needs it. */
export interface SyncSource {
  /** Newest committed transactions kept in memory, oldest first: `at(0)` to `at(count - 1)`. */
  readonly count: number;
  at(index: number): Proposal;
  /** The committed history ends here; the start of the own epoch when nothing followed it. */
  readonly last: Zxid;
}

/** Which transactions to send as PROPOSAL and COMMIT pairs: `disk` first, then `memory`. */
export interface SyncRange {
  /** Indexes into what was read from the disk: from, and up to but not including. */
  readonly diskFrom: number;
  readonly diskEnd: number;
  /** Index into the source, which is sent to its end. */
  readonly memoryFrom: number;
}

/** How to bring one learner level. */
export type SyncPlan =
  | { readonly how: 'diff' | 'trunc'; readonly zxid: Zxid; readonly send: SyncRange }
  | { readonly how: 'snap' }
  /** The disk's log from that learner's zxid on must be read first. */
  | { readonly how: 'readLog' };

/**
 * Chooses DIFF, TRUNC, TRUNC with DIFF, or SNAP for a learner whose log ends at `peer`.
 *
 * 1. The learner is where the leader is: an empty DIFF.
 * 2. It is ahead of everything committed, in the same epoch: TRUNC. Never across epochs, and
 *    never for an epoch's own start, behind which there is no transaction to cut.
 * 3. It is inside what memory keeps: from there.
 * 4. It is behind: from the disk's log, if that reaches back far enough and has no hole.
 * 5. Otherwise the whole tree.
 *
 * `disk` is the answer to `readLog`: `undefined` before it, `null` when there is none.
 *
 * Source: quorum protocol, section 6.
 */
export function planSync(
  peer: Zxid,
  source: SyncSource,
  disk: readonly Proposal[] | null | undefined,
): SyncPlan {
  const { count, last } = source;
  const min = count === 0 ? last : source.at(0).zxid;
  const max = count === 0 ? last : source.at(count - 1).zxid;
  const isEpochStart = counterOf(peer) === 0;
  if (peer === last) return { how: 'diff', zxid: peer, send: nothing(count) };
  if (peer > max && !isEpochStart) {
    if (epochOf(peer) !== epochOf(max)) return { how: 'snap' };
    return { how: 'trunc', zxid: max, send: nothing(count) };
  }
  if (peer > max) return { how: 'snap' };
  if (peer >= min) return planFromMemory(peer, source, max);
  // A learner without a history has nothing in common with any log.
  if (peer <= zxidZero) return { how: 'snap' };
  if (disk === undefined) return { how: 'readLog' };
  return disk === null ? { how: 'snap' } : planFromDisk(peer, source, disk);
}

function nothing(count: number): SyncRange {
  return { diskFrom: 0, diskEnd: 0, memoryFrom: count };
}

function planFromMemory(peer: Zxid, source: SyncSource, max: Zxid): SyncPlan {
  const zxidAt = (index: number): Zxid => source.at(index).zxid;
  const from = countUpTo(peer, source.count, zxidAt);
  const send = { diskFrom: 0, diskEnd: 0, memoryFrom: from };
  const common = from === 0 ? null : zxidAt(from - 1);
  if (common === peer || counterOf(peer) === 0) return { how: 'diff', zxid: max, send };
  return planCut(peer, common, from === source.count ? null : zxidAt(from), send);
}

function planFromDisk(peer: Zxid, source: SyncSource, disk: readonly Proposal[]): SyncPlan {
  const zxidAt = (index: number): Zxid => disk[index]?.zxid ?? source.last;
  const { count, last } = source;
  const memoryStart = count === 0 ? last : source.at(0).zxid;
  if (disk.length === 0 || zxidAt(0) > peer) return { how: 'snap' };
  // The disk's part ends with the transaction that memory starts with.
  const diskEnd = countUpTo(memoryStart, disk.length, zxidAt);
  if (diskEnd === 0 || zxidAt(diskEnd - 1) !== memoryStart) return { how: 'snap' };
  const diskFrom = countUpTo(peer, diskEnd, zxidAt);
  const send = { diskFrom, diskEnd, memoryFrom: count === 0 ? 0 : 1 };
  const common = diskFrom === 0 ? null : zxidAt(diskFrom - 1);
  if (common === peer || counterOf(peer) === 0) {
    return { how: 'diff', zxid: count === 0 ? last : source.at(count - 1).zxid, send };
  }
  return planCut(peer, common, zxidAt(diskFrom), send);
}

/**
 * The learner has something that this leader never saw: TRUNC to the last transaction that both
 * have, if it is certain which one that is.
 */
function planCut(peer: Zxid, common: Zxid | null, next: Zxid | null, send: SyncRange): SyncPlan {
  const isCertain =
    common !== null &&
    epochOf(common) === epochOf(peer) &&
    (next === null || epochOf(next) === epochOf(peer));
  return isCertain ? { how: 'trunc', zxid: common, send } : { how: 'snap' };
}

/** How many of `count` ascending zxids are at most `zxid`; binary search. */
function countUpTo(zxid: Zxid, count: number, zxidAt: (index: number) => Zxid): number {
  let low = 0;
  let high = count;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (zxidAt(middle) <= zxid) low = middle + 1;
    else high = middle;
  }
  return low;
}
