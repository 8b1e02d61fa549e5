import type { Id } from './acl.ts';
import { readId, writeId } from './acl.ts';
import { ChunkRun } from './chunks.ts';
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
  readonly #run = new ChunkRun();
  readonly #reader: JuteReader;
  #isStopped = false;

  constructor() {
    this.#reader = new JuteReader(this.#run.buffer);
  }

  /** Takes a chunk over. */
  push(chunk: Buffer): void {
    this.#run.push(chunk);
  }

  /**
   * The next packet; `null` when its bytes are not all there, or behind a SNAP packet.
   *
   * @throws JuteError when the bytes are no packet: the link is to be closed.
   */
  next(): QuorumPacket | null {
    const run = this.#run;
    let needed = quorumPacketBytesMin;
    while (!this.#isStopped && run.gather(needed)) {
      const known = needed;
      needed = this.#bytesNeeded();
      if (needed > known && run.available < needed) continue;
      this.#reader.reset(run.buffer, run.at, run.at + needed);
      const packet = readQuorumPacket(this.#reader);
      run.at += needed;
      this.#isStopped = packet.type === PacketType.SNAP;
      return packet;
    }
    return null;
  }

  /** True between a SNAP packet and {@link rest}. */
  get isStopped(): boolean {
    return this.#isStopped;
  }

  /** Hands over every byte behind the last packet and starts afresh. */
  rest(): Buffer {
    this.#isStopped = false;
    return this.#run.takeAll();
  }

  /**
   * How many bytes the packet at the cursor takes at least; exactly that many once they are
   * readable in place.
   */
  #bytesNeeded(): number {
    const start = this.#run.at;
    const { available } = this.#run;
    const reader = this.#reader;
    reader.reset(this.#run.buffer, start, start + available);
    reader.skip(12);
    let bytes = 16 + checkedLength(reader.int32()) + 4;
    if (available < bytes) return bytes;
    reader.offset = start + bytes - 4;
    const count = reader.int32();
    if (count < -1 || count > authIdsMax) throw new JuteError(`${count} identities in a packet`);
    // Two strings each: what is not seen yet takes at least its length.
    for (let left = count * 2; left > 0; left -= 1) {
      if (available < bytes + 4) return bytes + left * 4;
      reader.offset = start + bytes;
      bytes += 4 + checkedLength(reader.int32());
    }
    return bytes;
  }
}

function checkedLength(length: number): number {
  if (length < -1 || length > fieldBytesMax) {
    throw new JuteError(`length ${length} is outside -1..${fieldBytesMax}`);
  }
  return Math.max(length, 0);
}
