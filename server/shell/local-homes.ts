import type { WriteOp } from '../prep/door.ts';
import { ErrorCode } from '../protocol/error-code.ts';
import { JuteReader } from '../protocol/jute.ts';
import { readWrite } from '../protocol/requests/write-request.ts';
import { CreateMode } from '../protocol/create-mode.ts';
import { OpCode } from '../protocol/op-code.ts';
import type { SessionId } from '../protocol/session-id.ts';
import type { Client, Pending } from './client.ts';
import type { Core, Upstream } from './core.ts';
import { hexOf } from './leadership.ts';

/**
 * Sessions whose home is this server: they begin and end here without a transaction. One that is
 * to own a node is made known to all first: its createSession goes to the leader in front of that
 * write on the same way, and from then on its end is the leader's business. It is local until the
 * transaction is applied here, so that no crash leaves it half one and half the other.
 *
 * They outlive elections, as global ones do, in the memory of their server.
 *
 * Source: semantics, section 7, "Local sessions".
 */
export class LocalHomes {
  readonly #core: Core;
  readonly #close: (client: Client, reason: string) => void;

  constructor(core: Core, close: (client: Client, reason: string) => void) {
    this.#core = core;
    this.#close = close;
  }

  /** False: there are too many. */
  begin(client: Client): boolean {
    const { locals, nowMs } = this.#core;
    client.isLocal = locals.add(client.sessionId, client.timeoutMs, nowMs);
    return client.isLocal;
  }

  /**
   * A client comes back with its session. `ask`: the leader decides. One that was begun without a
   * quorum becomes a session of all where local ones are not wanted.
   */
  comeBack(client: Client): 'here' | 'new to all' | 'ask' {
    const { locals, nowMs, isReadOnly, sessionRules } = this.#core;
    const { sessionId } = client;
    if (!locals.touch(sessionId, client.timeoutMs, nowMs)) return 'ask';
    client.isLocal = true;
    // Behind its createSession on the same way: the answer tells whether that arrived.
    if (locals.isUpgrading(sessionId)) return 'ask';
    if (isReadOnly || sessionRules.localSessionsEnabled) return 'here';
    locals.remove(sessionId);
    client.isLocal = false;
    return 'new to all';
  }

  /** The leader does not know it. True: its upgrade never arrived, and it lives on here. */
  staysLocal(client: Client): boolean {
    if (!client.isLocal) return false;
    this.#core.locals.setUpgrading(client.sessionId, false);
    return true;
  }

  /** Its createSession is applied: from now on the leader decides. */
  becameGlobal(id: SessionId): void {
    const { locals, sessions, upstream } = this.#core;
    if (!locals.remove(id)) return;
    const client = sessions.get(id);
    if (client === undefined) return;
    client.isLocal = false;
    upstream?.touch(client);
  }

  /** In front of a write of a local session: what makes the session fit to own a node. */
  prepare(client: Client, op: WriteOp, upstream: Upstream): void {
    const { locals, sessionRules } = this.#core;
    if (!sessionRules.localSessionsUpgradingEnabled || !makesEphemeral(op)) return;
    if (locals.isUpgrading(client.sessionId)) return;
    locals.setUpgrading(client.sessionId, true);
    upstream.createSession(client);
  }

  /**
   * What to tell of a write that was refused. To a leader of the reference a local session of
   * another server that is to own a node is one that has expired; it lives, and is only not fit.
   */
  refusalOf(client: Client, { opCode, buffer, start, end }: Pending, error: ErrorCode): ErrorCode {
    if (error !== ErrorCode.SESSION_EXPIRED || !client.isLocal) return error;
    const op = readWrite(opCode, new JuteReader(buffer, start, end));
    return makesEphemeral(op) ? ErrorCode.EPHEMERAL_ON_LOCAL_SESSION : error;
  }

  /** Whether the end of its session is decided here. */
  endsHere(client: Client): boolean {
    return client.isLocal && !this.#core.locals.isUpgrading(client.sessionId);
  }

  end(client: Client): void {
    this.#core.locals.remove(client.sessionId);
    client.isLocal = false;
  }

  /** False: it is not known any more. */
  touch(client: Client): boolean {
    const { locals, nowMs } = this.#core;
    return locals.touch(client.sessionId, client.timeoutMs, nowMs);
  }

  /**
   * This server is level with a leader. Upgrades that its history does not have can never be
   * committed any more, if the epoch is another one, and are for the next write to ask for again.
   */
  resume(isNewEpoch: boolean): void {
    const { locals, tree, nowMs } = this.#core;
    if (locals.count === 0) return;
    for (const { id } of locals.list()) {
      if (tree.sessions.has(id)) this.becameGlobal(id);
      else if (isNewEpoch) locals.setUpgrading(id, false);
    }
    locals.renew(nowMs);
  }

  /**
   * After {@link resume}: why the client's session does not go on here; `null`: it does. The tree is
   * level and tells. The leader is not asked: its answer would take the session away from a server
   * that it has gone to meanwhile; as it is, the first to write under it has it.
   */
  endOf(client: Client): string | null {
    const { locals, tree } = this.#core;
    const { sessionId, isLocal } = client;
    if (!isLocal) return tree.sessions.has(sessionId) ? null : 'its session has ended';
    const isTorn = locals.isUpgrading(sessionId);
    return isTorn ? 'whether its session is known to all cannot be told' : null;
  }

  /** Without a leader nobody can be heard, and nobody's time passes. */
  nextDeadlineMs(): number {
    return this.#core.upstream === null ? Infinity : this.#core.locals.nextDeadlineMs();
  }

  tick(): void {
    const { upstream, locals, nowMs, sessions, counters, host } = this.#core;
    if (upstream === null) return;
    for (const id of locals.expire(nowMs)) {
      counters.sessionsExpired += 1;
      host.log('info', 'local session expired', { session: hexOf(id) });
      const client = sessions.get(id);
      if (client !== undefined) this.#close(client, 'its session has expired');
    }
  }
}

/** Whether its session must be known to all. Source: client-protocol, section 6. */
function makesEphemeral(op: WriteOp): boolean {
  if (op.op === 'multi') return op.ops.some(makesEphemeral);
  if (op.op !== 'create' || (op.opCode !== OpCode.CREATE && op.opCode !== OpCode.CREATE2)) {
    return false;
  }
  return op.flags === CreateMode.EPHEMERAL || op.flags === CreateMode.EPHEMERAL_SEQUENTIAL;
}
