import { JuteError, JuteReader, JuteWriter } from './jute.ts';

/** Bytes of one token; what DIGEST-MD5 says fits many times. */
export const saslTokenBytesMax = 4096;

/** Source: quorum protocol, section 19. */
export const QuorumAuthStatus = { IN_PROGRESS: 0, SUCCESS: 1, ERROR: -1 } as const;
export type QuorumAuthStatus = (typeof QuorumAuthStatus)[keyof typeof QuorumAuthStatus];

/** One step of an authentication between servers, at either port. */
export interface QuorumAuthPacket {
  readonly status: QuorumAuthStatus;
  readonly token: Uint8Array;
}

/** More than a double holds, so in two halves. */
const magicHigh = 0x5f243501;
const magicLow = 0x3501edcc;
const headBytes = 16;

/** Bytes by which a stream shows whether it begins with such a packet. */
export const quorumAuthMagicBytes = 8;

/**
 * ```
 * magic int64 0x5f2435013501edcc · status int32 · token buffer
 * ```
 * Source: quorum protocol, section 19.
 */
export function encodeQuorumAuthPacket(packet: QuorumAuthPacket): Buffer {
  const writer = new JuteWriter(headBytes + packet.token.length);
  writer.int32(magicHigh | 0);
  writer.int32(magicLow | 0);
  writer.int32(packet.status);
  writer.bytes(packet.token);
  return writer.take();
}

/** Whether what was received, at least {@link quorumAuthMagicBytes}, begins with such a packet. */
export function isQuorumAuthPacket(received: Buffer): boolean {
  return received.readUInt32BE(0) === magicHigh && received.readUInt32BE(4) === magicLow;
}

/**
 * The packet at the start of what was received so far, and how many bytes it takes; `null`: not
 * all there yet. A missing token reads as an empty one.
 *
 * @throws JuteError when it is no such packet: the connection is to be closed.
 */
export function readQuorumAuthPacket(
  received: Buffer,
): { readonly packet: QuorumAuthPacket; readonly bytes: number } | null {
  if (received.length < quorumAuthMagicBytes) return null;
  if (!isQuorumAuthPacket(received)) throw new JuteError('no authentication packet');
  if (received.length < headBytes) return null;
  const reader = new JuteReader(received);
  reader.int32();
  reader.int32();
  const status = reader.int32();
  const length = reader.int32();
  if (status !== 0 && status !== 1 && status !== -1) {
    throw new JuteError(`authentication status ${status} is unknown`);
  }
  if (length < -1 || length > saslTokenBytesMax) {
    throw new JuteError(`a token of ${length} bytes is outside 0..${saslTokenBytesMax}`);
  }
  const bytes = headBytes + Math.max(length, 0);
  if (received.length < bytes) return null;
  return { packet: { status, token: received.subarray(headBytes, bytes) }, bytes };
}
