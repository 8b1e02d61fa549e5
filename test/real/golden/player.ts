import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Acl } from '../../../server/protocol/acl.ts';
import { aclOpen } from '../../../server/protocol/acl.ts';
import { beginFrame, endFrame } from '../../../server/protocol/framing.ts';
import { writeRequestHeader } from '../../../server/protocol/headers.ts';
import { JuteWriter } from '../../../server/protocol/jute.ts';
import { OpCode } from '../../../server/protocol/op-code.ts';
import { writeCreateRequest } from '../../../server/protocol/requests/create.ts';
import { writeMulti } from '../../../server/protocol/requests/multi.ts';
import { FrameSocket } from './frame-socket.ts';
import type { RecordValue, Value } from './records.ts';
import { decodeReply, textOf } from './records.ts';
import type { Translation } from './translation.ts';

interface Vector {
  readonly name: string;
  readonly direction: 'request' | 'response' | 'notification' | 'note';
  readonly op: string;
  readonly hex: string;
  readonly decoded: RecordValue | null;
}

/** What a server gave where the recording has something else. */
export interface Difference {
  readonly recorded: Value;
  readonly given: Value;
}

/** xids of requests that the recording made without keeping them. */
const unrecordedXid = 100_000;

/** Default handshake of the recording: a new session of 10 s. */
const handshake = Buffer.from(
  `0000002d${'00'.repeat(12)}00002710${'00'.repeat(8)}00000010${'00'.repeat(17)}`,
  'hex',
);

/**
 * Plays one file of recorded vectors to a server and holds its answers against the recorded ones.
 * Steps name a connection and the vectors; what the recording did without keeping it, the steps
 * say in full.
 */
export class Player implements Disposable {
  /** Vectors whose answers differ, by name. */
  readonly differences: Map<string, Difference> = new Map<string, Difference>();
  readonly #vectors: readonly Vector[];
  readonly #played = new Set<Vector>();
  readonly #sockets = new Map<string, FrameSocket>();
  readonly #translation: Translation;

  constructor(file: string, translation: Translation) {
    const path = join(import.meta.dirname, '../../golden/client', `${file}.json`);
    this.#vectors = JSON.parse(readFileSync(path, 'utf8')) as Vector[];
    this.#translation = translation;
  }

  get vectorCount(): number {
    return this.#vectors.length;
  }

  /** Names of vectors that no step has named. */
  get unplayed(): string[] {
    return this.#vectors.filter((vector) => !this.#played.has(vector)).map(({ name }) => name);
  }

  dial(on: string, port: number): void {
    this.#sockets.get(on)?.destroy();
    this.#sockets.set(on, new FrameSocket(port));
  }

  /** The recorded vectors of these names, in the order given. */
  async play(on: string, ...names: readonly string[]): Promise<void> {
    for (const name of names) await this.#playOne(on, name);
  }

  /** The frames alone of the vectors of that name: its note is about another connection. */
  playFrames(on: string, name: string): Promise<void> {
    return this.#playOne(on, name, false);
  }

  /** The recorded vectors from one name to another. */
  async through(on: string, first: string, last: string): Promise<void> {
    const names = [...new Set(this.#vectors.map(({ name }) => name))];
    await this.play(on, ...names.slice(names.indexOf(first), names.indexOf(last) + 1));
  }

  /** A session that the recording did not keep. */
  async hello(on: string, port: number): Promise<void> {
    this.dial(on, port);
    this.#socket(on).send(handshake);
    const frame = await this.#socket(on).frame();
    if (frame === null) throw new Error(`${on}: no session`);
  }

  /** A request that the recording did not keep; its reply is passed over, events are not. */
  async ask(on: string, opCode: number, write: (writer: JuteWriter) => void): Promise<void> {
    this.#request(on, opCode, write);
    const frame = await this.#socket(on).frame();
    if (frame?.readInt32BE(4) !== unrecordedXid) throw new Error(`${on}: no reply`);
  }

  create(
    on: string,
    path: string,
    node: { readonly data?: string; readonly acl?: readonly Acl[]; readonly flags?: number } = {},
    opCode: number = OpCode.CREATE,
  ): Promise<void> {
    const { data = '', acl = aclOpen, flags = 0 } = node;
    const bytes = Buffer.from(data);
    return this.ask(on, opCode, (writer) =>
      writeCreateRequest(writer, {
        op: 'create',
        opCode,
        path,
        data: bytes,
        acl,
        flags,
        ttlMs: -1,
      }),
    );
  }

  multiCreate(on: string, paths: readonly string[]): Promise<void> {
    return this.ask(on, OpCode.MULTI, (writer) => {
      const ops = paths.map((path) => ({
        op: 'create' as const,
        opCode: OpCode.CREATE,
        path,
        data: Buffer.alloc(0),
        acl: aclOpen,
        flags: 0,
        ttlMs: -1,
      }));
      writeMulti(writer, ops);
    });
  }

  /** The connection ends from this side; its session does not. */
  hangUp(on: string): void {
    this.#socket(on).destroy();
  }

  /** Ends the session of a connection that is still open, as the recording did at the end of it. */
  async close(on: string): Promise<void> {
    this.#request(on, OpCode.CLOSE_SESSION, () => undefined);
    await this.#socket(on).all();
  }

  /** The server closes the connection without another frame; the note of that name says so. */
  async closed(on: string, note: string | null): Promise<void> {
    for (const vector of this.#vectors) {
      if (vector.name === note && vector.direction === 'note') this.#played.add(vector);
    }
    const frame = await this.#socket(on).frame();
    if (frame === null) return;
    this.differences.set(note ?? on, { recorded: 'closed', given: frame.toString('hex') });
  }

  /** A four-letter word: `shape` says what of a text counts, given the recorded one. */
  async word(
    port: number,
    word: string,
    shape: (text: string, recorded: string) => Value,
  ): Promise<void> {
    const vector = this.#vectors.find(({ op }) => op === word);
    if (vector === undefined) throw new Error(`no word ${word}`);
    this.#played.add(vector);
    const socket = new FrameSocket(port);
    socket.send(Buffer.from(word));
    const given = (await socket.all()).toString('utf8');
    const recorded = textOf(vector.decoded?.['text']);
    this.#compare(vector.name, shape(recorded, recorded), shape(given, recorded));
  }

  [Symbol.dispose](): void {
    for (const socket of this.#sockets.values()) socket.destroy();
  }

  #request(on: string, opCode: number, write: (writer: JuteWriter) => void): void {
    const writer = new JuteWriter(256);
    const at = beginFrame(writer);
    writeRequestHeader(writer, unrecordedXid, opCode);
    write(writer);
    endFrame(writer, at);
    this.#socket(on).send(writer.take());
  }

  async #playOne(on: string, name: string, withNote: boolean = true): Promise<void> {
    const found = this.#vectors.filter((vector) => vector.name === name);
    if (found.length === 0) throw new Error(`nothing is recorded as ${name}`);
    for (const vector of found) {
      if (vector.direction === 'note' && !withNote) continue;
      this.#played.add(vector);
      if (vector.direction === 'request') this.#send(on, vector);
      else if (vector.direction === 'note') await this.closed(on, name);
      else await this.#expect(on, vector);
    }
  }

  #send(on: string, vector: Vector): void {
    const bytes = Buffer.from(vector.hex, 'hex');
    this.#translation.patchRequest(vector.op, bytes);
    this.#socket(on).send(bytes);
  }

  async #expect(on: string, vector: Vector): Promise<void> {
    const frame = await this.#socket(on).frame();
    const recorded = vector.decoded ?? {};
    if (frame === null) return this.#compare(vector.name, recorded, 'closed');
    let given: Value;
    try {
      given = decodeReply(vector.op, frame);
    } catch (error) {
      return this.#compare(vector.name, recorded, String(error));
    }
    if (vector.op === 'connect' && 'body' in recorded) {
      this.#translation.learnSession(recorded, given);
    }
    const expected = this.#translation.ofRecorded(recorded);
    this.#compare(vector.name, expected, this.#translation.ofGiven(given));
  }

  #compare(name: string, recorded: Value, given: Value): void {
    if (JSON.stringify(recorded) === JSON.stringify(given)) return;
    if (!this.differences.has(name)) this.differences.set(name, { recorded, given });
  }

  #socket(on: string): FrameSocket {
    const socket = this.#sockets.get(on);
    if (socket === undefined) throw new Error(`no connection ${on}`);
    return socket;
  }
}
