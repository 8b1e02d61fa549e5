import { readConnectRequest, refusedConnectResponse } from '../protocol/connect.ts';
import type { ConnectRequest, ConnectResponse } from '../protocol/connect.ts';
import { writeConnectResponse } from '../protocol/connect.ts';
import type { JuteReader } from '../protocol/jute.ts';
import { OpCode } from '../protocol/op-code.ts';
import { sessionIdNone } from '../protocol/session-id.ts';
import type { SessionId } from '../protocol/session-id.ts';
import { isSessionPassword, sessionPassword } from '../protocol/session-password.ts';
import type { SessionIds } from '../session/session-ids.ts';
import type { ClientConnection } from '../net/client-connection.ts';
import { Client } from './client.ts';
import type { Core, Upstream } from './core.ts';
import { LocalHomes } from './local-homes.ts';
import { hexOf } from './leadership.ts';

/** Asks anew for what the client waits for. */
type Again = (client: Client, upstream: Upstream) => void;

export interface SessionsOptions {
  readonly ids: SessionIds;
  /** The client has bytes to look at. */
  readonly onInput: (client: Client) => void;
  /** It is gone; whoever counts connections hears of it. */
  readonly onGone: (client: Client) => void;
}

/**
 * Who is connected: from the first byte of a connection, through the handshake that gives it a
 * session or gives one back, to its end.
 *
 * Source: client-protocol, section 3; semantics, section 7.
 */
export class Sessions {
  readonly clients: Set<Client> = new Set<Client>();
  readonly locals: LocalHomes;
  readonly #core: Core;
  readonly #options: SessionsOptions;
  /** When the leader was lost. */
  #heldSinceMs = 0;
  /** The epoch of the leader that was lost. */
  #heldEpoch = 0;
  #again: Again = () => undefined;

  constructor(core: Core, options: SessionsOptions) {
    this.#core = core;
    this.#options = options;
    this.locals = new LocalHomes(core, (client, reason) => this.close(client, reason));
  }

  accept(connection: ClientConnection): Client {
    const core = this.#core;
    const ids = core.auth.connectionIds(connection.remote.host, connection.subject);
    const client = new Client(connection, ids, core.host.nowMs(), core.host.wallMs());
    this.clients.add(client);
    connection.onInput = () => this.#options.onInput(client);
    connection.onDrain = () => {
      core.dirty(client);
      this.#options.onInput(client);
    };
    connection.onClose = (reason) => this.#gone(client, reason);
    return client;
  }

  /**
   * The first frame of a connection: a new session is proposed, an old one revalidated.
   *
   * @throws JuteError when it is no connect request.
   */
  handshake(client: Client, reader: JuteReader): void {
    const core = this.#core;
    const request = readConnectRequest(reader);
    const { upstream, tree } = core;
    if (upstream === null || !core.takesClients) return this.close(client, 'not serving');
    if (core.isReadOnly && request.readOnly !== true) {
      return this.close(client, 'only read-only clients are served without a quorum');
    }
    if (request.lastZxidSeen > tree.lastZxid) {
      return this.close(client, 'the client has seen a later state than this server');
    }
    client.phase = 'connecting';
    if (request.sessionId === sessionIdNone) core.counters.connectionRequests += 1;
    else core.counters.revalidations += 1;
    client.hasReadOnlyByte = request.readOnly !== null;
    client.timeoutMs = this.#timeoutOf(request);
    if (request.sessionId === sessionIdNone) {
      this.#attach(client, this.#options.ids.next());
      return this.#begin(client, upstream);
    }
    // Before its owner loses anything: who guessed an id is nobody.
    if (!isSessionPassword(request.sessionId, request.password)) {
      return this.#refuse(client, 'wrong password');
    }
    this.#detachOthers(request.sessionId);
    this.#attach(client, request.sessionId);
    this.#comeBack(client, upstream);
  }

  #begin(client: Client, upstream: Upstream): void {
    const { sessionRules, isReadOnly } = this.#core;
    if (!sessionRules.localSessionsEnabled && !isReadOnly) return upstream.createSession(client);
    if (!this.locals.begin(client)) return this.close(client, 'too many local sessions');
    this.created(client);
  }

  #comeBack(client: Client, upstream: Upstream): void {
    switch (this.locals.comeBack(client)) {
      case 'here':
        return this.#open(client);
      case 'new to all':
        return upstream.createSession(client);
      case 'ask':
        return upstream.revalidate(client);
    }
  }

  /** The transaction that creates its session is applied here. */
  created(client: Client): void {
    if (client.phase !== 'connecting') return;
    this.#core.counters.sessionsCreated += 1;
    client.lastOpCode = OpCode.CREATE_SESSION;
    client.lastZxid = this.#core.tree.lastZxid;
    this.#open(client);
  }

  revalidated(client: Client, isValid: boolean): void {
    const isServed = client.phase === 'open' || client.phase === 'returning';
    if (isServed && !isValid) return this.close(client, 'its session has ended');
    if (client.phase === 'returning') return this.#goOn(client);
    if (client.phase !== 'connecting') return;
    if (isValid || this.locals.staysLocal(client)) this.#open(client);
    else this.#refuse(client, 'session unknown or expired');
  }

  /** Sends what waits for it and closes. */
  closeAfterReplies(client: Client, reason: string): void {
    client.connection.closeAfterReplies();
    this.#gone(client, reason);
  }

  /** Closes at once; the session lives on until it expires. */
  close(client: Client, reason: string): void {
    client.connection.close();
    this.#gone(client, reason);
  }

  closeAll(reason: string): void {
    for (const client of this.clients) this.close(client, reason);
  }

  /**
   * The leader is lost: clients keep their connections and are not answered until the next one.
   * Who waits for a session has to ask again.
   */
  hold(epoch: number): void {
    this.#heldSinceMs = this.#core.nowMs;
    this.#heldEpoch = epoch;
    for (const client of this.clients) {
      if (client.phase === 'returning') client.phase = 'open';
      if (client.phase === 'connecting') this.close(client, 'this server has no leader');
    }
  }

  /**
   * This server is level with its leader: its tree tells which of its clients' sessions live.
   *
   * What a client waits for, and the history of a new epoch does not have, can never be committed
   * any more, and is asked for again. In the epoch that it was asked in it still may be: such a
   * client has to find out by itself.
   *
   * `isElsewhere`: what this server asks reaches the leader by another way now. In the same epoch
   * the leader has the sessions at the old one, so they are asked for, and their clients wait.
   */
  resume(epoch: number, isElsewhere: boolean, again: Again): void {
    const { upstream, takesClients, nowMs } = this.#core;
    if (upstream === null) return;
    this.#again = again;
    if (!takesClients) return this.closeAll('this leader leaves clients to the others');
    this.locals.resume(epoch !== this.#heldEpoch);
    for (const client of this.clients) {
      if (client.phase !== 'open') continue;
      if (epoch === this.#heldEpoch && waitsForWrite(client)) {
        this.close(client, 'whether its request is committed cannot be told');
        continue;
      }
      client.lastInputMs = nowMs;
      const end = this.locals.endOf(client);
      if (end !== null) {
        this.close(client, end);
        continue;
      }
      if (isElsewhere && epoch === this.#heldEpoch && !client.isLocal) {
        client.phase = 'returning';
        upstream.revalidate(client);
      } else {
        this.#goOn(client);
      }
    }
  }

  #goOn(client: Client): void {
    const { upstream } = this.#core;
    client.phase = 'open';
    if (upstream !== null) this.#again(client, upstream);
    this.#options.onInput(client);
  }

  /** Closes connections that have said nothing for too long, and all that wait too long for a leader. */
  closeIdle(): void {
    const { nowMs, config, upstream } = this.#core;
    if (upstream === null) {
      if (nowMs - this.#heldSinceMs > config.tickMs) this.closeAll('this server has no leader');
      return;
    }
    for (const client of this.clients) {
      const idleMs = nowMs - client.lastInputMs;
      if (client.phase === 'open') {
        if (idleMs > client.timeoutMs) this.close(client, `silent for ${Math.round(idleMs)} ms`);
      } else if (idleMs > config.sessionlessTimeoutMs) {
        this.close(client, `no session within ${config.sessionlessTimeoutMs} ms`);
      }
    }
  }

  #timeoutOf(request: ConnectRequest): number {
    const { sessionTimeoutMsMin, sessionTimeoutMsMax } = this.#core.config;
    return Math.min(Math.max(request.timeoutMs, sessionTimeoutMsMin), sessionTimeoutMsMax);
  }

  #attach(client: Client, sessionId: SessionId): void {
    client.sessionId = sessionId;
    this.#core.sessions.set(sessionId, client);
  }

  /** A session has one connection of a server: the newest. The older gets no frame. */
  #detachOthers(sessionId: SessionId): void {
    const other = this.#core.sessions.get(sessionId);
    if (other !== undefined) this.close(other, 'its session came back on another connection');
  }

  #open(client: Client): void {
    client.phase = 'open';
    client.lastInputMs = this.#core.nowMs;
    this.#answer(client, {
      protocolVersion: 0,
      timeoutMs: client.timeoutMs,
      sessionId: client.sessionId,
      password: sessionPassword(client.sessionId),
      readOnly: client.hasReadOnlyByte ? this.#core.isReadOnly : null,
    });
    // Requests may have come behind the handshake.
    this.#options.onInput(client);
  }

  #refuse(client: Client, reason: string): void {
    this.#answer(client, refusedConnectResponse(client.hasReadOnlyByte ? false : null));
    this.closeAfterReplies(client, reason);
  }

  #answer(client: Client, response: ConnectResponse): void {
    this.#core.dirty(client);
    writeConnectResponse(client.connection.outbox.beginFrame(), response);
    client.connection.outbox.endFrame();
    client.sentCount += 1;
    this.#core.counters.packetsSent += 1;
  }

  #gone(client: Client, reason: string): void {
    if (client.phase === 'closed') return;
    const core = this.#core;
    client.phase = 'closed';
    this.clients.delete(client);
    core.outstandingCount -= client.pendingCount;
    core.watches.removeWatcher(client);
    if (core.sessions.get(client.sessionId) === client) core.sessions.delete(client.sessionId);
    core.counters.connectionsDropped += 1;
    core.host.log('debug', 'client connection closed', {
      remote: `${client.connection.remote.host}:${client.connection.remote.port}`,
      session: hexOf(client.sessionId),
      reason,
    });
    this.#options.onGone(client);
  }
}

function waitsForWrite(client: Client): boolean {
  let pending = client.first;
  while (pending !== null && pending.kind !== 'write') pending = pending.next;
  return pending !== null;
}
