import { JuteError, JuteWriter } from '../protocol/jute.ts';
import type { QuorumPacket } from '../protocol/quorum-packet.ts';
import { QuorumPacketDecoder, writeQuorumPacket } from '../protocol/quorum-packet.ts';
import { Outbox } from './outbox.ts';
import type { Connection, SocketAddress } from './transport.ts';

/**
 * One connection of the quorum port, at either end. Packets gather and leave in one write a turn.
 * While a snapshot streams through it, packets are held back and follow behind.
 */
export class QuorumLink {
  readonly id: number;
  readonly remote: SocketAddress;
  /** There may be a packet. */
  onInput: () => void = ignore;
  onConnect: () => void = ignore;
  onDrain: () => void = ignore;
  /** The peer or the network ended it; not called after {@link close}. */
  onClose: (reason: string) => void = ignore;
  isClosed = false;
  /** Takes the bytes behind a SNAP packet; returns how many, fewer than given once it has all. */
  #sink: ((chunk: Buffer) => number) | null = null;
  readonly #connection: Connection;
  readonly #outbox: Outbox;
  readonly #decoder = new QuorumPacketDecoder();
  #held: JuteWriter | null = null;

  constructor(id: number, connection: Connection) {
    this.id = id;
    this.#connection = connection;
    this.remote = connection.remote;
    this.#outbox = new Outbox(connection);
    connection.onConnect = () => this.onConnect();
    connection.onData = (chunk) => this.#take(chunk);
    connection.onDrain = () => {
      this.#outbox.isBlocked = false;
      this.onDrain();
    };
    connection.onClose = (reason) => {
      this.isClosed = true;
      this.onClose(reason);
    };
  }

  /** The socket takes no more for now. */
  get isBlocked(): boolean {
    return this.#outbox.isBlocked;
  }

  /** Bytes that the socket has not taken yet. */
  get bytesWaiting(): number {
    return this.#outbox.bytesWaiting + (this.#held?.offset ?? 0);
  }

  send(packet: QuorumPacket): void {
    writeQuorumPacket(this.#held ?? this.#outbox.writer, packet);
  }

  /** Bytes that were encoded before: one PROPOSAL for many links. */
  sendEncoded(bytes: Uint8Array): void {
    (this.#held ?? this.#outbox.writer).raw(bytes);
  }

  /** From here on packets wait behind the bytes of {@link stream}, until {@link release}. */
  hold(): void {
    this.#held ??= new JuteWriter(4096);
  }

  stream(bytes: Uint8Array): void {
    this.#outbox.writer.raw(bytes);
  }

  release(): void {
    if (this.#held === null) return;
    this.#outbox.writer.raw(this.#held.view());
    this.#held = null;
  }

  /** One write for what gathered. A full socket keeps gathering: its learner is dropped by time. */
  flush(): void {
    if (this.isClosed || this.#outbox.isBlocked) return;
    this.#outbox.flush();
  }

  /**
   * The next packet, or `null`; behind a SNAP packet nothing comes before {@link receiveStream}.
   *
   * @throws JuteError when the peer sends no packets.
   */
  next(): QuorumPacket | null {
    return this.isClosed ? null : this.#decoder.next();
  }

  /** Sends what follows a SNAP packet to `sink` instead of decoding it. */
  receiveStream(sink: (chunk: Buffer) => number): void {
    this.#sink = sink;
    this.#feed(this.#decoder.rest());
  }

  close(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.#outbox.flush();
    this.#connection.destroy();
  }

  /** As {@link close}, after what was sent has left. */
  end(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.#outbox.flush();
    this.#connection.end();
  }

  #take(chunk: Buffer): void {
    if (this.isClosed) return;
    if (this.#sink === null) {
      this.#decoder.push(chunk);
      return this.onInput();
    }
    this.#feed(chunk);
  }

  #feed(chunk: Buffer): void {
    const sink = this.#sink;
    if (sink === null || chunk.length === 0) return;
    try {
      const taken = sink(chunk);
      if (taken === chunk.length) return;
      this.#sink = null;
      this.#decoder.push(chunk.subarray(taken));
      this.onInput();
    } catch (error) {
      if (!(error instanceof JuteError)) throw error;
      this.close();
      this.onClose(`bad snapshot: ${error.message}`);
    }
  }
}

function ignore(): void {
  return undefined;
}
