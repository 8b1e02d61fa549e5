import assert from 'node:assert/strict';
import type { Connection } from '../../server/net/transport.ts';
import { connectRequest, connectResponse } from '../../server/protocol/connect.ts';
import { beginFrame, endFrame, FrameDecoder } from '../../server/protocol/framing.ts';
import { readReplyHeader, writeRequestHeader, Xid } from '../../server/protocol/headers.ts';
import { JuteReader, JuteWriter } from '../../server/protocol/jute.ts';
import { watcherEvent } from '../../server/protocol/requests/watch.ts';
import { isWrite } from '../../server/protocol/requests/write-request.ts';
import { sessionIdNone } from '../../server/protocol/session-id.ts';
import type { SessionId } from '../../server/protocol/session-id.ts';
import type { Zxid } from '../../server/protocol/zxid.ts';
import { clientPort } from '../sim/sim-client.ts';
import { SimProcess } from '../sim/sim-host.ts';
import type { SimEnsemble } from '../sim/sim-ensemble.ts';

export interface RawSession {
  readonly sessionId: SessionId;
  readonly password: Uint8Array;
  /** 0: refused. */
  readonly timeoutMs: number;
}

export interface RawReply {
  readonly xid: number;
  readonly zxid: number;
  readonly error: number;
  readonly body: JuteReader;
}

export interface RawEvent {
  readonly type: number;
  readonly path: string | null;
  readonly zxid: number;
}

let hostCount = 0;

/**
 * One connection to one simulated server that sends what it is told to, byte by byte, and never
 * pings, reconnects or sets anything again by itself.
 */
export class RawClient {
  readonly replies: RawReply[] = [];
  readonly events: RawEvent[] = [];
  session: RawSession | null = null;
  isClosed = false;
  readonly #stage: SimEnsemble;
  readonly #connection: Connection;
  readonly #decoder = new FrameDecoder(1 << 24);
  readonly #writer = new JuteWriter();
  /** No number is used twice, also when its session comes back on another connection. */
  #xid: number;

  constructor(
    stage: SimEnsemble,
    sid: number,
    asks: Partial<RawSession> & { readonly lastZxid?: number } = {},
  ) {
    this.#stage = stage;
    hostCount += 1;
    this.#xid = hostCount * 10_000;
    const process = new SimProcess(stage.world, `raw${hostCount}`, `10.1.0.${hostCount}`);
    const address = { host: stage.hostOf(sid), port: clientPort };
    const connection = stage.network.transport(process).connect(address, 1_000);
    this.#connection = connection;
    connection.onConnect = () => {
      this.#frame((writer) =>
        connectRequest.write(writer, {
          protocolVersion: 0,
          lastZxidSeen: (asks.lastZxid ?? 0) as Zxid,
          timeoutMs: asks.timeoutMs ?? 4_000,
          sessionId: asks.sessionId ?? sessionIdNone,
          password: asks.password ?? new Uint8Array(16),
          readOnly: false,
        }),
      );
    };
    connection.onData = (chunk) => this.#read(chunk);
    connection.onClose = () => (this.isClosed = true);
  }

  /** With its session; fails when there is none soon. */
  static open(
    stage: SimEnsemble,
    sid: number,
    asks: ConstructorParameters<typeof RawClient>[2] = {},
  ): RawClient {
    const client = new RawClient(stage, sid, asks);
    assert(
      stage.world.runUntil(() => client.session !== null, 5_000, 1),
      `a session at s${sid}`,
    );
    return client;
  }

  get lastZxid(): number {
    return Math.max(0, ...this.replies.map(({ zxid }) => zxid));
  }

  /** Returns its xid. `isBroken`: nothing may come of it. */
  request(
    opCode: number,
    write: (writer: JuteWriter) => void,
    options: { readonly xid?: number; readonly isBroken?: boolean } = {},
  ): number {
    this.#xid += 1;
    const own = options.xid ?? this.#xid;
    const { session } = this;
    // What the history has of it was really asked for.
    if (session !== null && isWrite(opCode) && options.isBroken !== true) {
      this.#stage.model.sent(session.sessionId, own, 1);
    }
    this.#frame((writer) => {
      writeRequestHeader(writer, own, opCode);
      write(writer);
    });
    return own;
  }

  /** Asks, and runs until the answer is there; `null`: the connection was closed first. */
  ask(...request: Parameters<RawClient['request']>): RawReply | null {
    const own = this.request(...request);
    const found = (): RawReply | undefined => this.replies.find((reply) => reply.xid === own);
    this.#stage.world.runUntil(() => this.isClosed || found() !== undefined, 5_000, 1);
    return found() ?? null;
  }

  destroy(): void {
    this.#connection.destroy();
  }

  #frame(write: (writer: JuteWriter) => void): void {
    const writer = this.#writer;
    writer.clear();
    const at = beginFrame(writer);
    write(writer);
    endFrame(writer, at);
    this.#connection.write(writer.take());
  }

  #read(chunk: Buffer): void {
    this.#decoder.push(chunk);
    while (this.#decoder.next()) {
      const { buffer, start, end } = this.#decoder;
      const frame = Buffer.from(buffer.subarray(start, end));
      const reader = new JuteReader(frame, 0, frame.length);
      if (this.session === null) {
        const { sessionId, password, timeoutMs } = connectResponse.read(reader);
        this.session = { sessionId, timeoutMs, password: Uint8Array.from(password ?? []) };
        continue;
      }
      const header = readReplyHeader(reader);
      if (header.xid === Xid.NOTIFICATION) {
        const { type, path } = watcherEvent.read(reader);
        this.events.push({ type, path, zxid: header.zxid });
      } else {
        const { xid, zxid, error } = header;
        this.replies.push({ xid, zxid, error, body: reader });
      }
    }
  }
}
