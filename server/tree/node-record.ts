/**
 * A node is 28 int32 words of a chunk; 64-bit numbers take two, high first. The first 15 are the
 * digest's, in its order.
 */
export const word = {
  czxid: 0,
  mzxid: 2,
  pzxid: 4,
  ctime: 6,
  mtime: 8,
  version: 10,
  creates: 11,
  aversion: 12,
  owner: 13,
  acl: 15,
  firstChild: 16,
  /** Next sibling; none after the last. */
  next: 17,
  /** Previous sibling; the first one's is the last. */
  previous: 18,
  numChildren: 19,
  digest: 20,
  /** CRC register after path and data. */
  prefix: 21,
  /** Next of the hash chain, or of the free nodes. */
  chain: 22,
  hash: 23,
  parent: 24,
  /** Name, then data. */
  block: 25,
  /** Bytes of the name, and {@link flag}s. */
  name: 26,
  /** Bytes of data; -1 for null. */
  data: 27,
} as const;

/** Bits of the word `name`. */
export const flag = {
  nameBytesMax: 0xffffff,
  outsideDigest: 0x1000000,
  ephemeral: 0x2000000,
  container: 0x4000000,
  ttl: 0x8000000,
} as const;

export const recordWords = 28;
