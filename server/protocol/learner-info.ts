import { JuteReader, JuteWriter } from './jute.ts';

/** The only handshake there is since 3.4. */
export const learnerProtocolVersion = 0x10000;

/** What a learner says of itself in FOLLOWERINFO and OBSERVERINFO. */
export interface LearnerInfo {
  /** Server id; -1 when the packet had none. */
  readonly sid: number;
  readonly protocolVersion: number;
  /** Zxid of the learner's active configuration; 0 when it did not say. */
  readonly configVersion: number;
}

/** `int64 sid · int32 protocolVersion · int64 configVersion`: 20 bytes. Source: quorum protocol, section 3. */
export function encodeLearnerInfo(info: LearnerInfo): Buffer {
  const writer = new JuteWriter(20);
  writer.int64(info.sid);
  writer.int32(info.protocolVersion);
  writer.int64(info.configVersion);
  return writer.take();
}

/**
 * Shorter data is accepted: 8 bytes give the sid, 12 the version, 20 all.
 *
 * @throws JuteError when a number is out of range.
 */
export function decodeLearnerInfo(data: Uint8Array | null): LearnerInfo {
  const reader = new JuteReader(data ?? new Uint8Array(0));
  const sid = reader.remaining >= 8 ? reader.int64() : -1;
  const protocolVersion = reader.remaining >= 4 ? reader.int32() : 0;
  const configVersion = reader.remaining >= 8 ? reader.int64() : 0;
  return { sid, protocolVersion, configVersion };
}
