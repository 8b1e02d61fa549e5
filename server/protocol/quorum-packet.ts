import type { Id } from './acl.ts';
import { readId, writeId } from './acl.ts';
import { fieldBytesMax, JuteError, JuteReader, JuteWriter } from './jute.ts';
import { PacketType } from './packet-type.ts';
import type { Zxid } from './zxid.ts';

/** Everything between a leader and its learners is one of these, back to back, without framing. */
export interface QuorumPacket {
  readonly type: PacketType;
  readonly zxid: Zxid;
  /** `null` and empty differ: a learner answers PING with empty, never with null. */
  readonly data: Uint8Array | null;
  /** Identities of the client, in a REQUEST only. */
  readonly authIds: readonly Id[] | null;
}

/** Bytes of a packet without data and identities. */
export const quorumPacketBytesMin = 20;

/** Identities in one packet; a connection that proves more is none of ours. */
const authIdsMax = 4096;

const empty: Buffer = Buffer.alloc(0);

/**
 * ```
 * type int32 · zxid int64 · data buffer · authinfo vector of {scheme string, id string}
 * ```
 * Source: quorum protocol, section 2.
 */
export function writeQuorumPacket(writer: JuteWriter, packet: QuorumPacket): void {
  writer.int32(packet.type);
  writer.int64(packet.zxid);
  writer.bytes(packet.data);
  writer.vector(packet.authIds, writeId);
}

export function encodeQuorumPacket(packet: QuorumPacket): Buffer {
  const writer = new JuteWriter(quorumPacketBytesMin + (packet.data?.length ?? 0) + 64);
  writeQuorumPacket(writer, packet);
  return writer.take();
}

/** The packet at the cursor. Data is a view. @throws JuteError */
export function readQuorumPacket(reader: JuteReader): QuorumPacket {
  const type = reader.int32();
  if (type < PacketType.REQUEST || type > PacketType.INFORMANDACTIVATE) {
    throw new JuteError(`packet of unknown type ${type}`);
  }
  const zxid = reader.zxid();
  const data = reader.bytes();
  const authIds = reader.vectorOrNull(readId);
  return { type: type as PacketType, zxid, data, authIds };
}

/**
 * Chunks of a quorum connection in, packets out. The port has no frames, so a packet's end shows
 * only in its own lengths. Data of a packet is a view into its chunk, or into the joined bytes
 * when it came in pieces; it stays valid, but keeps those bytes alive.
 *
 * Behind a SNAP packet come bytes that are no packets: the decoder stops there until
 * {@link rest} has taken them. What follows the snapshot is given back with {@link push}.
 *
 * Source: quorum protocol, sections 2, 3 and 7.
 */
export class QuorumPacketDecoder {
  readonly #reader: JuteReader = new JuteReader(empty);
  #buffer: Buffer = empty;
  #at = 0;
  #waiting: Buffer[] = [];
  #waitingBytes = 0;
  #isStopped = false;

  /** Takes a chunk over. */
  push(chunk: Buffer): void {
    if (this.#waiting.length === 0 && this.#at === this.#buffer.length) {
      this.#buffer = chunk;
      this.#at = 0;
      return;
    }
    this.#waiting.push(chunk);
    this.#waitingBytes += chunk.length;
  }

  /**
   * The next packet; `null` when its bytes are not all there, or behind a SNAP packet.
   *
   * @throws JuteError when the bytes are no packet: the link is to be closed.
   */
  next(): QuorumPacket | null {
    while (!this.#isStopped) {
      const available = this.#buffer.length - this.#at;
      const needed = this.#bytesNeeded();
      if (available >= needed) return this.#take(needed);
      if (this.#waitingBytes === 0 || available + this.#waitingBytes < needed) {
        if (available === 0) this.#buffer = empty;
        if (available === 0) this.#at = 0;
        return null;
      }
      this.#join();
    }
    return null;
  }

  /** True between a SNAP packet and {@link rest}. */
  get isStopped(): boolean {
    return this.#isStopped;
  }

  /** Hands over every byte behind the last packet and starts afresh. */
  rest(): Buffer {
    this.#join();
    const bytes = this.#buffer;
    this.#buffer = empty;
    this.#isStopped = false;
    return bytes;
  }

  #take(needed: number): QuorumPacket {
    this.#reader.reset(this.#buffer, this.#at, this.#at + needed);
    const packet = readQuorumPacket(this.#reader);
    this.#at += needed;
    this.#isStopped = packet.type === PacketType.SNAP;
    return packet;
  }

  /** How many bytes the packet at the cursor takes at least; exact once that many are there. */
  #bytesNeeded(): number {
    const start = this.#at;
    const end = this.#buffer.length;
    if (end - start < 16) return quorumPacketBytesMin;
    this.#reader.reset(this.#buffer, start, end);
    this.#reader.skip(12);
    let at = 16 + checkedLength(this.#reader.int32());
    if (end - start < at + 4) return at + 4;
    this.#reader.offset = start + at;
    const count = this.#reader.int32();
    if (count < -1 || count > authIdsMax) throw new JuteError(`${count} identities in a packet`);
    at += 4;
    for (let index = 0; index < count * 2; index += 1) {
      if (end - start < at + 4) return at + 4 + (count * 2 - index - 1) * 4;
      this.#reader.offset = start + at;
      at += 4 + checkedLength(this.#reader.int32());
      if (end - start < at) return at + (count * 2 - index - 1) * 4;
    }
    return at;
  }

  #join(): void {
    const tail = this.#buffer.subarray(this.#at);
    this.#buffer =
      tail.length === 0 && this.#waiting.length === 1
        ? (this.#waiting[0] ?? empty)
        : this.#waiting.length === 0
          ? tail
          : Buffer.concat([tail, ...this.#waiting]);
    this.#at = 0;
    this.#waiting = [];
    this.#waitingBytes = 0;
  }
}

function checkedLength(length: number): number {
  if (length < -1 || length > fieldBytesMax) {
    throw new JuteError(`length ${length} is outside -1..${fieldBytesMax}`);
  }
  return Math.max(length, 0);
}
