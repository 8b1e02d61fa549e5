import type { Connection } from '../../server/net/transport.ts';
import { connectRequest, connectResponse } from '../../server/protocol/connect.ts';
import { beginFrame, endFrame, FrameDecoder } from '../../server/protocol/framing.ts';
import { readReplyHeader, writeRequestHeader, Xid } from '../../server/protocol/headers.ts';
import type { ReplyHeader } from '../../server/protocol/headers.ts';
import { JuteReader, JuteWriter } from '../../server/protocol/jute.ts';
import { OpCode } from '../../server/protocol/op-code.ts';
import { setWatches2Request, watcherEvent } from '../../server/protocol/requests/watch.ts';
import type { WatcherEvent } from '../../server/protocol/requests/watch.ts';
import type { SessionId } from '../../server/protocol/session-id.ts';
import { sessionIdNone } from '../../server/protocol/session-id.ts';
import type { Zxid } from '../../server/protocol/zxid.ts';
import { readResult, watchAll, writeOp } from './client-ops.ts';
import type { ClientOp, OpResult } from './client-ops.ts';
import { SimProcess } from './sim-host.ts';
import type { SimNetwork } from './sim-network.ts';
import type { World } from './world.ts';

/** One request, from the moment it is sent. */
export interface Call {
  readonly client: SimClient;
  readonly sessionId: bigint;
  /** Counts the client's connections. */
  readonly connection: number;
  readonly xid: number;
  readonly op: ClientOp;
  readonly sentMs: number;
  /** For the checkers: largest zxid of any write answered before this was sent. */
  readonly knownZxid: number;
  readonly done: ((result: OpResult | null) => void) | null;
}

/** Whoever watches what clients see. */
export interface ClientObserver {
  /** Largest zxid of a write that was answered to anyone. */
  readonly answeredZxid: number;
  sent(call: Call): void;
  answered(call: Call, header: ReplyHeader, result: OpResult): void;
  event(client: SimClient, event: WatcherEvent, zxid: number): void;
  opened(client: SimClient): void;
  expired(client: SimClient): void;
  lost(client: SimClient, calls: readonly Call[]): void;
  /** The watches that a reconnect set again are in place. */
  watchesSet(client: SimClient, zxid: number): void;
  /** A reply of whatever kind showed this zxid. */
  seen(client: SimClient, zxid: number): void;
}

/** A watch that the client believes to be set. */
export interface ClientWatch {
  readonly path: string;
  readonly kind: 'data' | 'exists' | 'children';
  /** State that the client saw when it was set. */
  zxid: number;
}

/** A persistent, recursive watch on everything: what it has to hear of, and what it heard. */
export interface WholeWatch {
  /** The state in which it was set on the present connection; `null`: it is not known to be set. */
  sinceZxid: number | null;
  /** Position in the history's list of changes of the next one to be told. */
  next: number;
  /** Changes of the transaction that is being told, which may come in any order. */
  readonly open: string[];
}

type State = 'down' | 'dialling' | 'connecting' | 'open';

export const clientPort = 2181;

/**
 * A client of the simulation, speaking the real protocol over the simulated network: one session
 * after another, reconnecting with its session, its watches set again, pinging when idle.
 */
export class SimClient {
  readonly name: string;
  readonly process: SimProcess;
  sessionId: SessionId = sessionIdNone;
  timeoutMs = 0;
  lastZxid = 0;
  connectionCount = 0;
  /** Server of the present or last connection. */
  serverHost = '';
  /** Newest moment at which something was sent that the server has answered. */
  provenMs = 0;
  /** For the checkers: the newest state that the present session was shown. */
  shownZxid = 0;
  /** Set on the present connection or waiting to be set again. */
  readonly watches: ClientWatch[] = [];
  /** `null`: none wanted. */
  readonly whole: WholeWatch | null;
  /** The present server has no quorum and answers reads alone. */
  isReadOnly = false;
  isStopped = false;
  /** It names a session that it does not own. */
  #isStranger = false;
  readonly #network: SimNetwork;
  #hosts: readonly string[];
  readonly #wantedTimeoutMs: number;
  readonly #takesReadOnly: boolean;
  readonly #observer: ClientObserver;
  #state: State = 'down';
  #password: Uint8Array = new Uint8Array(16);
  #connection: Connection | null = null;
  #isWholeSet = false;
  #decoder = new FrameDecoder(2 ** 24);
  #calls: Call[] = [];
  #pingSentMs: number[] = [];
  #xid = 0;
  #lastHeardMs = 0;
  #lastSentMs = 0;
  readonly #writer = new JuteWriter();

  constructor(
    network: SimNetwork,
    name: string,
    host: string,
    options: {
      readonly hosts: readonly string[];
      readonly timeoutMs: number;
      readonly observer: ClientObserver;
      /** It wants to hear of every change of the tree. */
      readonly watchesAll?: boolean;
      /** It is content with a server that has no quorum. */
      readonly readOnly?: boolean;
    },
  ) {
    this.name = name;
    this.#network = network;
    this.process = new SimProcess(network.world, name, host);
    this.#hosts = options.hosts;
    this.#wantedTimeoutMs = options.timeoutMs;
    this.#observer = options.observer;
    this.#takesReadOnly = options.readOnly === true;
    this.whole = options.watchesAll === true ? { sinceZxid: null, next: 0, open: [] } : null;
    this.process.after(this.process.random.between(0, 20), () => this.#dial());
    this.#watchSilence();
  }

  get world(): World {
    return this.process.world;
  }

  get isOpen(): boolean {
    return this.#state === 'open';
  }

  get outstanding(): number {
    return this.#calls.length;
  }

  /** Sends a request; `done` gets its result, or `null` when the connection was lost first. */
  call(op: ClientOp, done: ((result: OpResult | null) => void) | null = null): void {
    if (this.#state !== 'open') {
      done?.(null);
      return;
    }
    const xid = (this.#xid += 1);
    const call: Call = {
      client: this,
      sessionId: this.sessionId,
      connection: this.connectionCount,
      xid,
      op,
      sentMs: this.world.nowMs,
      knownZxid: this.#observer.answeredZxid,
      done,
    };
    this.#calls.push(call);
    this.#observer.sent(call);
    this.#send((writer) => {
      writeRequestHeader(writer, xid, op.opCode);
      writeOp(writer, op);
    });
  }

  /** Whoever it is: from now on it asks for that session, without its password. */
  pretendToOwn(sessionId: SessionId): void {
    this.#isStranger = true;
    this.sessionId = sessionId;
  }

  /** Where its next connections go. */
  goTo(hosts: readonly string[]): void {
    this.#hosts = hosts;
  }

  /** No reconnects any more. */
  stop(): void {
    this.isStopped = true;
    this.#connection?.destroy();
    this.#gone();
    this.process.end();
  }

  #dial(): void {
    if (this.isStopped || this.#state !== 'down') return;
    this.#state = 'dialling';
    const host = this.process.random.pick(this.#hosts);
    this.serverHost = host;
    const connection = this.#network
      .transport(this.process)
      .connect({ host, port: clientPort }, this.#wantedTimeoutMs / 3);
    this.#connection = connection;
    this.connectionCount += 1;
    this.#decoder = new FrameDecoder(2 ** 24);
    this.#lastHeardMs = this.world.nowMs;
    connection.onConnect = () => this.#connect();
    connection.onData = (chunk) => this.#read(connection, chunk);
    connection.onClose = () => {
      if (this.#connection === connection) this.#gone();
    };
  }

  #connect(): void {
    this.#state = 'connecting';
    this.#send((writer) => {
      connectRequest.write(writer, {
        protocolVersion: 0,
        lastZxidSeen: this.lastZxid as Zxid,
        timeoutMs: this.#wantedTimeoutMs,
        sessionId: this.sessionId,
        password: this.#password,
        readOnly: this.#takesReadOnly,
      });
    });
  }

  #gone(): void {
    this.#connection = null;
    this.#state = 'down';
    if (this.whole !== null) this.whole.sinceZxid = null;
    const calls = this.#calls;
    this.#calls = [];
    this.#pingSentMs = [];
    if (calls.length > 0) this.#observer.lost(this, calls);
    for (const call of calls) call.done?.(null);
    if (!this.isStopped)
      this.process.after(this.process.random.between(5, 150), () => this.#dial());
  }

  #drop(): void {
    this.#connection?.destroy();
    this.#gone();
  }

  #read(connection: Connection, chunk: Buffer): void {
    this.#lastHeardMs = this.world.nowMs;
    this.#decoder.push(chunk);
    while (this.#connection === connection && this.#decoder.next()) {
      const { buffer, start, end } = this.#decoder;
      this.#frame(new JuteReader(buffer, start, end));
    }
  }

  #frame(reader: JuteReader): void {
    if (this.#state === 'connecting') return this.#connected(reader);
    const header = readReplyHeader(reader);
    if (header.xid === Xid.NOTIFICATION) {
      this.#observer.event(this, watcherEvent.read(reader), header.zxid);
      return;
    }
    if (header.zxid > this.lastZxid) this.lastZxid = header.zxid;
    if (header.xid === Xid.PING) {
      this.#prove(this.#pingSentMs.shift() ?? 0);
      this.#observer.seen(this, header.zxid);
      return;
    }
    if (header.xid === Xid.SET_WATCHES) {
      this.#observer.watchesSet(this, header.zxid);
      return;
    }
    this.#answer(header, reader);
  }

  #answer(header: ReplyHeader, reader: JuteReader): void {
    const call = this.#calls.shift();
    const inOrder = call !== undefined && call.xid === header.xid;
    this.world.expect(inOrder, 'C2 FIFO client order', () => {
      return `${this.name} gets xid ${header.xid}, expects ${call?.xid ?? 'nothing'}`;
    });
    if (call === undefined) return;
    this.#prove(call.sentMs);
    const result = readResult(call.op, header.error, reader);
    this.#observer.seen(this, header.zxid);
    this.#observer.answered(call, header, result);
    call.done?.(result);
  }

  #connected(reader: JuteReader): void {
    const response = connectResponse.read(reader);
    if (response.timeoutMs === 0) {
      if (!this.#isStranger) this.#observer.expired(this);
      this.#isStranger = false;
      this.sessionId = sessionIdNone;
      this.#password = new Uint8Array(16);
      this.lastZxid = 0;
      this.watches.length = 0;
      return this.#drop();
    }
    const isNew = this.sessionId === sessionIdNone;
    const isSame = isNew || response.sessionId === this.sessionId;
    this.world.expect(isSame, 'S3 the same session', () => {
      return `${this.name} comes back with ${this.sessionId}, and is given ${response.sessionId}`;
    });
    this.#state = 'open';
    this.isReadOnly = response.readOnly === true;
    this.world.expect(this.#takesReadOnly || !this.isReadOnly, 'C4 no quorum, no service', () => {
      return `${this.name} is taken in by ${this.serverHost}, which has no quorum`;
    });
    this.timeoutMs = response.timeoutMs;
    this.sessionId = response.sessionId;
    this.#password = Uint8Array.from(response.password ?? []);
    this.#prove(this.#lastSentMs);
    if (isNew) this.#observer.opened(this);
    else this.#setWatches();
    // On an old session it is among those that were set again, if it was known to be set.
    if (this.whole !== null && (isNew || !this.#isWholeSet)) this.#watchAll();
  }

  /** The servers had a word of it then. One without a quorum keeps no session alive but its own. */
  #prove(sentMs: number): void {
    if (!this.isReadOnly) this.provenMs = Math.max(this.provenMs, sentMs);
  }

  #watchAll(): void {
    this.#isWholeSet = false;
    this.call(watchAll('/'), (result) => {
      if (result?.error === 0) this.#isWholeSet = true;
    });
  }

  #setWatches(): void {
    if (this.watches.length === 0 && !this.#isWholeSet) return;
    const paths = (kind: ClientWatch['kind']): string[] => {
      return this.watches.filter((watch) => watch.kind === kind).map((watch) => watch.path);
    };
    this.#send((writer) => {
      writeRequestHeader(writer, Xid.SET_WATCHES, OpCode.SET_WATCHES2);
      setWatches2Request.write(writer, {
        relativeZxid: this.lastZxid as Zxid,
        dataWatches: paths('data'),
        existWatches: paths('exists'),
        childWatches: paths('children'),
        persistentWatches: [],
        persistentRecursiveWatches: this.#isWholeSet ? ['/'] : [],
      });
    });
  }

  #send(write: (writer: JuteWriter) => void): void {
    const writer = this.#writer;
    writer.clear();
    const at = beginFrame(writer);
    write(writer);
    endFrame(writer, at);
    this.#lastSentMs = this.world.nowMs;
    this.#connection?.write(writer.take());
  }

  /** Pings when idle, and gives a silent server up, as every client library does. */
  #watchSilence(): void {
    const everyMs = this.#wantedTimeoutMs / 8;
    this.process.after(everyMs, () => {
      if (this.isStopped) return;
      const nowMs = this.world.nowMs;
      if (this.#state !== 'down' && nowMs - this.#lastHeardMs > (this.#wantedTimeoutMs * 2) / 3) {
        this.#drop();
      } else if (this.#state === 'open' && nowMs - this.#lastSentMs > this.#wantedTimeoutMs / 4) {
        this.#pingSentMs.push(nowMs);
        this.#send((writer) => writeRequestHeader(writer, Xid.PING, OpCode.PING));
      }
      this.#watchSilence();
    });
  }
}
