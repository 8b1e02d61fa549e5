import { ErrorCode } from '../protocol/error-code.ts';
import { OpCode } from '../protocol/op-code.ts';
import type { Txn } from '../protocol/txn.ts';
import { decodeTxn } from '../protocol/txn-codec.ts';
import { zxidHex } from '../protocol/zxid.ts';
import type { Applied } from '../tree/door.ts';
import type { Proposal } from '../zab/events.ts';
import type { Client, Pending } from './client.ts';
import type { Core } from './core.ts';
import { digestAgrees } from './history.ts';
import type { Leadership } from './leadership.ts';
import { replyToWrite } from './replies.ts';
import type { Requests } from './requests.ts';
import type { Sessions } from './sessions.ts';
import type { Watching } from './watching.ts';

/** What is committed reaches the tree, the watches, and the client that asked for it. */
export class Commits {
  readonly #core: Core;
  readonly #sessions: Sessions;
  readonly #requests: Requests;
  readonly #watching: Watching;

  constructor(core: Core, sessions: Sessions, requests: Requests, watching: Watching) {
    this.#core = core;
    this.#sessions = sessions;
    this.#requests = requests;
    this.#watching = watching;
  }

  /** `leadership`: what it proposed is decoded already. */
  deliver(proposal: Proposal, leadership: Leadership | null): void {
    const core = this.#core;
    const inFlight = leadership?.delivered(proposal.zxid) ?? null;
    const txn = inFlight?.txn ?? decodeTxn(proposal.bytes);
    const client = inFlight?.client ?? this.#clientOf(txn);
    // What its session asked before is answered from the tree before.
    // A session is made on its server's own account: no request of that number is behind it.
    const isOpening = txn.body.type === OpCode.CREATE_SESSION;
    const own =
      client === undefined || isOpening ? null : this.#requests.arrived(client, txn.header.cxid);
    if (client !== undefined && own === null && isAsked(txn) && !this.#isServed(client)) {
      this.#sessions.close(client, 'its session has gone on at another server');
    }
    if (core.audit !== null && txn.body.type === OpCode.CLOSE_SESSION) {
      core.audit.ended(txn.header.sessionId, core.tree.ephemerals(txn.header.sessionId));
    }
    const applied = core.tree.apply(txn);
    core.counters.commits += 1;
    core.digests.applied(txn.header.zxid, core.tree);
    // A tree that a leader streams is ahead of its zxid in places, until this server serves.
    if (core.upstream !== null && !digestAgrees(core.tree, txn)) this.#noteMismatch(txn);
    if (applied.changes.length > 0) this.#watching.fire(applied.changes, txn.header.zxid);
    leadership?.applied(txn);
    if (isOpening && core.locals.count > 0)
      this.#sessions.locals.becameGlobal(txn.header.sessionId);
    if (client !== undefined) this.#answer(client, own, txn, applied);
  }

  /** Where nobody serves a client yet, what its session writes it writes elsewhere. */
  #isServed({ phase }: Client): boolean {
    if (phase === 'open') return this.#core.upstream !== null;
    return phase !== 'returning';
  }

  #clientOf(txn: Txn): Client | undefined {
    return this.#core.sessions.size === 0
      ? undefined
      : this.#core.sessions.get(txn.header.sessionId);
  }

  /** `own`: the request behind the transaction, when this client made it on this connection. */
  #answer(client: Client, own: Pending | null, txn: Txn, applied: Applied): void {
    const { header, body } = txn;
    if (client.phase === 'connecting') {
      if (body.type === OpCode.CREATE_SESSION) this.#sessions.created(client);
      return;
    }
    if (client.phase !== 'open') return;
    if (body.type === OpCode.CLOSE_SESSION) {
      if (own !== null) replyToWrite(this.#core, client, own, header.zxid, applied);
      return this.#sessions.closeAfterReplies(client, 'session closed');
    }
    if (own === null) return;
    if (applied.error === ErrorCode.SESSION_MOVED) {
      return this.#sessions.close(client, 'its session moved to another server');
    }
    const error = this.#sessions.locals.refusalOf(client, own, applied.error);
    const told = error === applied.error ? applied : { ...applied, error };
    this.#core.audit?.answered(client, own, told);
    replyToWrite(this.#core, client, own, header.zxid, told);
    this.#requests.finished(client, own);
  }

  #noteMismatch(txn: Txn): void {
    const core = this.#core;
    core.counters.digestMismatches += 1;
    if (core.counters.digestMismatches > 1) return;
    core.host.log('error', 'the tree differs from the one that the leader had', {
      zxid: `0x${zxidHex(txn.header.zxid)}`,
      type: txn.body.type,
      expected: txn.digest,
      found: core.tree.digest,
    });
  }
}

/** A client's own request, and it took effect. */
function isAsked({ header, body }: Txn): boolean {
  return header.cxid > 0 && body.type !== OpCode.ERROR && body.type !== OpCode.CREATE_SESSION;
}
