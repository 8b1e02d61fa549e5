/** A node is 19 int32 words of a chunk; 64-bit numbers take two, high first. */
export const word = {
  czxid: 0,
  mzxid: 2,
  ctime: 4,
  mtime: 6,
  version: 8,
  aversion: 9,
  acl: 10,
  /** CRC register after path and data. */
  prefix: 11,
  /** Next sibling, none after the last; or the next free record. */
  next: 12,
  /** Previous sibling; the first one's is the last. */
  previous: 13,
  parent: 14,
  /** Name, then data. */
  block: 15,
  /** Bytes of the name, and {@link flag}s. */
  name: 16,
  /** Bytes of data; -1 for null. */
  data: 17,
  /** Number of the node's {@link extra}; 0 for a node that needs none. */
  extra: 18,
} as const;

export const recordWords = 19;

/**
 * What only parents and owned nodes have: 7 int32 words. Any other node has no children, counts no
 * creates, belongs to nobody, and its pzxid is its czxid.
 */
export const extra = {
  pzxid: 0,
  creates: 2,
  numChildren: 3,
  /** Or the next free extra. */
  firstChild: 4,
  owner: 5,
} as const;

export const extraWords = 7;

/** Bits of the word `name`. */
export const flag = {
  nameBytesMax: 0xffffff,
  outsideDigest: 0x1000000,
  ephemeral: 0x2000000,
  container: 0x4000000,
  ttl: 0x8000000,
} as const;
