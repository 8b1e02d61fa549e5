import { ErrorCode } from '../protocol/error-code.ts';
import { OpCode } from '../protocol/op-code.ts';
import { isWrite } from '../protocol/requests/write-request.ts';
import { assert } from '../util/assert.ts';
import type { Role } from '../zab/effects.ts';
import type { Client } from './client.ts';
import type { Core, Upstream } from './core.ts';
import type { Sessions } from './sessions.ts';

/** Without a quorum for so long, or for a tick when that is longer, reads are served; ms. */
export const readOnlyAfterMsMin = 2_000;

/**
 * Read-only mode: a member that has found no quorum for a while serves its tree, as it is, to
 * clients that said they are content with it. It ends, with all connections, as soon as the member
 * has a leader to follow or leads. Tree, log and agreement know nothing of it.
 *
 * Source: semantics, section 13.
 */
export class ReadOnlyMode {
  readonly #core: Core;
  readonly #sessions: Sessions;
  readonly #upstream: Upstream;
  #startsAtMs: number;

  constructor(core: Core, sessions: Sessions) {
    this.#core = core;
    this.#sessions = sessions;
    this.#upstream = new ReadOnlyUpstream(core, sessions);
    this.#startsAtMs = this.#startMs();
  }

  /** Told of every change of the agreement's role, before anything else follows from it. */
  roleChanged(before: Role, now: Role): void {
    if (now !== 'looking') {
      this.#startsAtMs = Infinity;
      this.#end();
    } else if (before !== 'looking') {
      this.#startsAtMs = this.#startMs();
    }
  }

  nextDeadlineMs(): number {
    return this.#startsAtMs;
  }

  tick(): void {
    const core = this.#core;
    if (core.nowMs < this.#startsAtMs) return;
    this.#startsAtMs = Infinity;
    assert(core.upstream === null, 'who looks for a leader serves nobody');
    this.#sessions.closeAll('this server has no quorum and serves reads alone');
    core.host.log('warn', 'no quorum: read-only clients are served from here', {});
    core.upstream = this.#upstream;
    core.takesClients = true;
    core.isReadOnly = true;
  }

  #startMs(): number {
    const { config, nowMs, sessionRules } = this.#core;
    // What does not count is shown to nobody.
    if (!sessionRules.readOnlyModeEnabled || this.#core.storage.lack !== null) return Infinity;
    return nowMs + Math.max(readOnlyAfterMsMin, config.tickMs);
  }

  #end(): void {
    const core = this.#core;
    if (!core.isReadOnly) return;
    core.host.log('info', 'read-only mode ends', {});
    core.isReadOnly = false;
    core.upstream = null;
    this.#sessions.closeAll('this server serves reads alone no longer');
  }
}

/** Whether it would need a quorum. Those are refused without a look at their records. */
export function needsQuorum(opCode: number): boolean {
  return isWrite(opCode) || opCode === OpCode.SYNC || opCode === OpCode.CHECK;
}

/** Why a server without a quorum does not do it. */
export const readOnlyRefusal: ErrorCode = ErrorCode.NOT_READ_ONLY;

/** Who comes back is taken in if this server's tree or memory has the session; nobody expires. */
class ReadOnlyUpstream implements Upstream {
  readonly #core: Core;
  readonly #sessions: Sessions;

  constructor(core: Core, sessions: Sessions) {
    this.#core = core;
    this.#sessions = sessions;
  }

  /** Whether it lives only a quorum can tell: a session that is not known here is not refused. */
  revalidate(client: Client): void {
    const { tree, locals } = this.#core;
    const isKnown = tree.sessions.has(client.sessionId) || locals.has(client.sessionId);
    if (isKnown) this.#sessions.revalidated(client, true);
    else this.#sessions.close(client, 'its session is not known here, and there is no quorum');
  }

  touch(): boolean {
    return true;
  }

  deadlineMs(): null {
    return null;
  }

  write(): void {
    assert(false, 'writes are refused before');
  }

  sync(): void {
    assert(false, 'syncs are refused before');
  }

  createSession(): void {
    assert(false, 'new sessions are local here');
  }

  stop(): void {
    return;
  }
}
