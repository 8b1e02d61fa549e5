import { assert } from '../util/assert.ts';

/**
 * Bounds of what a configuration may choose, on one page. They are wide: a value outside of them
 * cannot work or is a slip of the pen.
 */
export const limits = {
  /** A tick, ms. */
  tickMs: 3_600_000,
  /** initLimit, syncLimit, connectToLearnerMasterLimit. */
  ticks: 1_000_000,
  /** A session's timeout, ms; the wire has an int32. */
  sessionTimeoutMs: 2_147_483_647,
  /** Payload of a client's frame unless configured, and at most. Source: jute.maxbuffer. */
  frameBytesStandard: 0xfffff,
  frameBytes: 1_073_741_824,
  /** Connections, requests, transactions that are counted. */
  count: 2_147_483_647,
  /** Any other duration, ms. */
  durationMs: 2_147_483_647,
  /** Sizes given in KiB. */
  kibibytes: 2_147_483_647,
  /** Server ids: one byte of every session id. */
  sid: 255,
  /** Server ids beside TTL nodes, whose marker is the last one. */
  sidWithExtendedTypes: 254,
  port: 65_535,
} as const;

assert(limits.frameBytesStandard <= limits.frameBytes, 'the standard frame is allowed');
assert(limits.sidWithExtendedTypes < limits.sid, 'TTL nodes take one server id away');
assert(limits.kibibytes * 1024 <= Number.MAX_SAFE_INTEGER, 'sizes in bytes are exact');
