import { OpCode } from '../../../server/protocol/op-code.ts';
import type { SessionId } from '../../../server/protocol/session-id.ts';
import type { Txn } from '../../../server/protocol/txn.ts';
import { decodeTxn, peekTxnHeader } from '../../../server/protocol/txn-codec.ts';
import type { Proposal } from '../../../server/zab/events.ts';
import type { World } from '../world.ts';
import { hex } from './member-ghost.ts';
import { ModelTree } from './model-tree.ts';

/** A write that a client has sent, by its session. */
interface Sent {
  readonly xid: number;
  readonly connection: number;
  isCommitted: boolean;
}

interface SessionPast {
  readonly sent: Sent[];
  readonly committed: Set<number>;
  isCreated: boolean;
  closedZxid: number | null;
}

/**
 * The committed history as clients may know it: each transaction decoded and applied to the plain
 * tree, each session's writes in order and at most once, nothing of a session after its end.
 */
export class HistoryModel {
  readonly tree: ModelTree = new ModelTree();
  /** Called with each closeSession that no client asked for. */
  onExpired: (session: bigint, zxid: number) => void = () => {};
  readonly #world: World;
  readonly #txns = new Map<number, Txn>();
  readonly #closing = new Set<bigint>();
  readonly #sessions = new Map<bigint, SessionPast>();

  constructor(world: World) {
    this.#world = world;
  }

  txnAt(zxid: number): Txn | undefined {
    return this.#txns.get(zxid);
  }

  /** Zxid of the end of a session; `null` while it lives. */
  closedAt(session: bigint): number | null {
    return this.#sessions.get(session)?.closedZxid ?? null;
  }

  /** Whether the end of a session was at least proposed: from then on a leader refuses it. */
  isClosing(session: bigint): boolean {
    return this.#closing.has(session) || this.closedAt(session) !== null;
  }

  proposed(proposal: Proposal): void {
    const { type, sessionId } = peekTxnHeader(proposal.bytes);
    if (type === OpCode.CLOSE_SESSION) this.#closing.add(sessionId);
  }

  /** A write leaves a client. */
  sent(session: bigint, xid: number, connection: number): void {
    this.#past(session).sent.push({ xid, connection, isCommitted: false });
  }

  committed(proposal: Proposal): void {
    const txn = decodeTxn(proposal.bytes);
    const { header, body } = txn;
    this.#world.expect(header.zxid === proposal.zxid, 'Z2 integrity', () => {
      return `${hex(proposal.zxid)} holds a header of ${hex(header.zxid)}`;
    });
    this.#txns.set(proposal.zxid, txn);
    const past = this.#past(header.sessionId);
    if (header.cxid > 0) this.#inOrder(header.sessionId, past, header.cxid, header.zxid);
    if (past.closedZxid !== null && body.type !== -1) {
      this.#world.fail(
        'S3 no life after expiry',
        `${hex(header.zxid)} (type ${body.type}) of session ${sessionHex(header.sessionId)}, ` +
          `which ended at ${hex(past.closedZxid)}`,
      );
    }
    if (body.type === OpCode.CREATE_SESSION) {
      this.#world.expect(!past.isCreated, 'S1 session ids are unique', () => {
        return `${sessionHex(header.sessionId)} is created again at ${hex(header.zxid)}`;
      });
      past.isCreated = true;
    }
    this.tree.apply(txn);
    if (body.type !== OpCode.CLOSE_SESSION) return;
    past.closedZxid = header.zxid;
    if (header.cxid === 0) this.onExpired(header.sessionId, header.zxid);
  }

  /** Exactly once, and never before an earlier write of the same connection. */
  #inOrder(session: SessionId, past: SessionPast, xid: number, zxid: number): void {
    this.#world.expect(!past.committed.has(xid), 'C2 exactly once', () => {
      return `xid ${xid} of session ${sessionHex(session)} committed again at ${hex(zxid)}`;
    });
    past.committed.add(xid);
    const own = past.sent.find((sent) => sent.xid === xid);
    this.#world.expect(own !== undefined, 'C6 no phantom', () => {
      return `xid ${xid} of session ${sessionHex(session)} at ${hex(zxid)} was never sent`;
    });
    if (own === undefined) return;
    own.isCommitted = true;
    const skipped = past.sent.find((sent) => {
      return sent.xid < xid && sent.connection === own.connection && !sent.isCommitted;
    });
    this.#world.expect(skipped === undefined, 'C2 FIFO client order', () => {
      return `xid ${xid} of session ${sessionHex(session)} at ${hex(zxid)} overtook xid ${skipped?.xid}`;
    });
    // What is committed in order needs no further look.
    while (past.sent[0]?.isCommitted === true) past.sent.shift();
  }

  #past(session: bigint): SessionPast {
    let past = this.#sessions.get(session);
    if (past === undefined) {
      past = { sent: [], committed: new Set(), isCreated: false, closedZxid: null };
      this.#sessions.set(session, past);
    }
    return past;
  }
}

export function sessionHex(session: bigint): string {
  return `0x${BigInt.asUintN(64, session).toString(16)}`;
}
