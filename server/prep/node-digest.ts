import { crcWords } from '../util/crc32.ts';
import type { PendingNode } from './pending-node.ts';

/** Nodes below this path have no share in the digest. */
const exemptPrefix = '/zookeeper/';

/** The 60 bytes that a digest ends with, as words: what differs between two states of a node. */
const difference = new Int32Array(15);
const pzxidAt = 4;
const createsAt = 11;
const aversionAt = 12;

/**
 * A node's digest when nothing but pzxid, creates and aversion changed: 44 bytes of CRC, whatever
 * the size of path and data. CRC is linear: two digests of equally long bytes differ by the CRC
 * of the difference, and leading zeros do not count.
 *
 * Source: storage, section 7.
 */
export function digestAfterCounters(before: PendingNode, after: PendingNode): number {
  if (after.path.startsWith(exemptPrefix)) return 0;
  difference[pzxidAt] = Math.floor(before.pzxid / 2 ** 32) ^ Math.floor(after.pzxid / 2 ** 32);
  difference[pzxidAt + 1] = before.pzxid ^ after.pzxid;
  difference[createsAt] = before.createsCount ^ after.createsCount;
  difference[aversionAt] = before.aversion ^ after.aversion;
  return (before.digest ^ crcWords(0, difference, pzxidAt, difference.length - pzxidAt)) >>> 0;
}
