import { FrameDecoder } from '../protocol/framing.ts';
import { Outbox } from './outbox.ts';
import type { Connection, SocketAddress } from './transport.ts';

/** Bytes of a four-letter word. */
const wordBytes = 4;

/** When so much waits to be sent, a client's requests wait too. The last reply may be any size. */
const outboxBytesMax: number = 1024 * 1024;

/**
 * The bytes of one client: frames in, and an outbox that leaves in one write a turn. Data only
 * gathers here; `onInput` says that there may be a frame, and the turn takes it.
 */
export class ClientConnection {
  readonly remote: SocketAddress;
  /** Whom its certificate is about; `null`: it has shown none. */
  readonly subject: string | null;
  readonly outbox: Outbox;
  readonly frames: FrameDecoder;
  onInput: () => void = ignore;
  onDrain: () => void = ignore;
  /** A fresh connection began with four letters instead of a length. */
  onWord: (word: string) => void = ignore;
  /** The peer or the network ended it; not called after {@link close}. */
  onClose: (reason: string) => void = ignore;
  isClosed = false;
  receivedBytes = 0;
  /** Not read from: its requests wait in the socket. */
  isPaused = false;
  readonly #connection: Connection;
  #head: Buffer | null = Buffer.alloc(0);

  constructor(connection: Connection, frameBytesMax: number) {
    this.#connection = connection;
    this.remote = connection.remote;
    this.subject = connection.subject ?? null;
    this.outbox = new Outbox(connection);
    this.frames = new FrameDecoder(frameBytesMax);
    connection.onData = (chunk) => this.#take(chunk);
    connection.onDrain = () => {
      this.outbox.isBlocked = false;
      this.onDrain();
    };
    connection.onClose = (reason) => {
      this.isClosed = true;
      this.onClose(reason);
    };
  }

  /**
   * Replies wait for the end of the turn, or for a slow reader: nothing is answered meanwhile. One
   * turn may bring thousands of small requests with large replies.
   */
  get isCongested(): boolean {
    return this.outbox.bytesWaiting > outboxBytesMax;
  }

  /** No more bytes are read from the socket until {@link resume}. */
  pause(): void {
    if (this.isPaused) return;
    this.isPaused = true;
    this.#connection.pause();
  }

  resume(): void {
    if (!this.isPaused) return;
    this.isPaused = false;
    this.#connection.resume();
  }

  /** The answer to a word: bare text, without a frame. */
  sendText(text: string): void {
    this.outbox.writer.raw(Buffer.from(text, 'utf8'));
  }

  /** Sends what waits, whatever its amount, then closes. */
  closeAfterReplies(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.outbox.flush();
    this.#connection.end();
  }

  /** Closes now; nothing that waits is sent. */
  close(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.#connection.destroy();
  }

  #take(chunk: Buffer): void {
    if (this.isClosed) return;
    this.receivedBytes += chunk.length;
    if (this.#head === null) {
      this.frames.push(chunk);
      return this.onInput();
    }
    const head = this.#head.length === 0 ? chunk : Buffer.concat([this.#head, chunk]);
    if (head.length < wordBytes) {
      this.#head = head;
      return;
    }
    this.#head = null;
    const word = wordAt(head);
    if (word !== null) return this.onWord(word);
    this.frames.push(head);
    this.onInput();
  }
}

/** Four ASCII letters would be a length far over every limit, so the two cannot be confused. */
function wordAt(bytes: Buffer): string | null {
  for (let index = 0; index < wordBytes; index += 1) {
    const byte = bytes[index] ?? 0;
    if (byte < 0x61 || byte > 0x7a) return null;
  }
  return bytes.toString('latin1', 0, wordBytes);
}

function ignore(): void {
  return undefined;
}
