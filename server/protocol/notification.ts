import { JuteError, JuteReader, JuteWriter } from './jute.ts';
import { beginFrame, endFrame } from './framing.ts';

/** The `state` of a notification. */
export const ServerState = { LOOKING: 0, FOLLOWING: 1, LEADING: 2, OBSERVING: 3 } as const;
export type ServerState = (typeof ServerState)[keyof typeof ServerState];

/**
 * A server's vote on the election port. Numbers are signed 64-bit on the wire; -2^63 stands for
 * "no vote of my own" and is exact as a double.
 */
export interface Notification {
  readonly state: ServerState;
  /** Server id that is voted for. */
  readonly leader: number;
  readonly zxid: number;
  readonly electionEpoch: number;
  readonly peerEpoch: number;
  readonly version: number;
  /** Text of the sender's active configuration; `null` before version 2. */
  readonly config: string | null;
}

/** The version this server sends: with the configuration's text. */
export const notificationVersion = 2;

const bareBytes = 28;
const versionlessBytes = 40;

/**
 * The message with its length in front:
 * ```
 * length int32 · state int32 · leader int64 · zxid int64 · electionEpoch int64 · peerEpoch int64
 * version int32 · configLength int32 · config
 * ```
 * Always of version 2, so never of the 40 bytes that lose their version.
 *
 * Source: election protocol, section 4.
 */
export function encodeNotificationFrame(notification: Notification): Buffer {
  const writer = new JuteWriter(512);
  const at = beginFrame(writer);
  writer.int32(notification.state);
  writer.int64(notification.leader);
  writer.int64(notification.zxid);
  writer.int64(notification.electionEpoch);
  writer.int64(notification.peerEpoch);
  writer.int32(notificationVersion);
  writer.string(notification.config ?? '');
  endFrame(writer, at);
  return writer.take();
}

/**
 * A message without its length, of any layout that servers have sent; `null`: not one of them, to
 * be dropped. 28 bytes: no peer epoch, no version. 40 bytes: the last four mean nothing.
 */
export function decodeNotification(
  bytes: Uint8Array,
  start: number = 0,
  end: number = bytes.length,
): Notification | null {
  try {
    return readNotification(new JuteReader(bytes, start, end));
  } catch (error) {
    if (error instanceof JuteError) return null;
    throw error;
  }
}

function readNotification(reader: JuteReader): Notification | null {
  const length = reader.remaining;
  if (length < bareBytes || (length > bareBytes && length < versionlessBytes)) return null;
  const state = reader.int32();
  if (state < ServerState.LOOKING || state > ServerState.OBSERVING) return null;
  const leader = reader.int64();
  const zxid = reader.int64();
  const electionEpoch = reader.int64();
  const peerEpoch = length === bareBytes ? Math.floor(zxid / 2 ** 32) : reader.int64();
  const version = length > versionlessBytes ? reader.int32() : 0;
  const config = version >= 2 ? reader.stringOrNull() : null;
  if (version >= 2 && config === null) return null;
  return { state: state as ServerState, leader, zxid, electionEpoch, peerEpoch, version, config };
}
