import { OpCode } from '../../../server/protocol/op-code.ts';
import type { Txn, TxnBody } from '../../../server/protocol/txn.ts';
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
  /** Without ever having been created. */
  isEnded: boolean;
  /** Of the client's connections, the newest one by which a write took effect. */
  newestConnection: number;
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

  /** Whether all servers know the session, or knew it. */
  isGlobal(session: bigint): boolean {
    return this.#sessions.get(session)?.isCreated === true;
  }

  /** A session that no history knows has ended at its server. */
  endedLocally(session: bigint): void {
    this.#past(session).isEnded = true;
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
    if (header.cxid > 0) this.#inOrder(past, txn);
    if (body.type === OpCode.CREATE_SESSION) {
      this.#world.expect(!past.isCreated, 'S1 session ids are unique', () => {
        return `${sessionHex(header.sessionId)} is created again at ${hex(header.zxid)}`;
      });
      this.#world.expect(!past.isEnded, 'S8 local sessions upgrade in one step', () => {
        return `${sessionHex(header.sessionId)} is created at ${hex(header.zxid)}, after its end`;
      });
      past.isCreated = true;
    }
    this.#world.expect(this.#mayOwn(txn), 'S8 local sessions upgrade in one step', () => {
      return `${hex(header.zxid)} makes an ephemeral of ${sessionHex(header.sessionId)}, which is nobody's`;
    });
    if (past.closedZxid !== null && body.type !== -1) {
      this.#world.fail(
        'S3 no life after expiry',
        `${hex(header.zxid)} (type ${body.type}) of session ${sessionHex(header.sessionId)}, ` +
          `which ended at ${hex(past.closedZxid)}`,
      );
    }
    this.tree.apply(txn);
    if (body.type !== OpCode.CLOSE_SESSION) return;
    past.closedZxid = header.zxid;
    if (header.cxid === 0) this.onExpired(header.sessionId, header.zxid);
  }

  /**
   * Exactly once, never before an earlier write of the same connection, and never with an effect
   * once the session has gone on over another connection.
   */
  #inOrder(past: SessionPast, txn: Txn): void {
    const { sessionId, cxid: xid, zxid } = txn.header;
    const what = `xid ${xid} of session ${sessionHex(sessionId)} at ${hex(zxid)}`;
    const expect = (condition: boolean, invariant: string, problem: string): void => {
      this.#world.expect(condition, invariant, () => `${what} ${problem}`);
    };
    expect(!past.committed.has(xid), 'C2 exactly once', 'is committed again');
    past.committed.add(xid);
    const own = past.sent.find((sent) => sent.xid === xid);
    expect(own !== undefined, 'C6 no phantom', 'was never sent');
    if (own === undefined) return;
    own.isCommitted = true;
    const skipped = past.sent.find((sent) => {
      return sent.xid < xid && sent.connection === own.connection && !sent.isCommitted;
    });
    expect(skipped === undefined, 'C2 FIFO client order', `overtook xid ${skipped?.xid}`);
    if (hasEffect(txn)) {
      const isLate = own.connection < past.newestConnection;
      expect(!isLate, 'C2 FIFO client order', `came by connection ${own.connection}, long left`);
      past.newestConnection = own.connection;
    }
    // What is committed in order needs no further look.
    while (past.sent[0]?.isCommitted === true) past.sent.shift();
  }

  /** An ephemeral has an owner that every server knows. */
  #mayOwn({ header, body }: Txn): boolean {
    if (this.tree.sessions.has(header.sessionId)) return true;
    if (body.type === OpCode.MULTI && body.txns.every((part) => part.type !== OpCode.ERROR)) {
      return !body.txns.some(isEphemeral);
    }
    return !isEphemeral(body);
  }

  #past(session: bigint): SessionPast {
    let past = this.#sessions.get(session);
    if (past === undefined) {
      past = {
        sent: [],
        committed: new Set(),
        isCreated: false,
        isEnded: false,
        newestConnection: 0,
        closedZxid: null,
      };
      this.#sessions.set(session, past);
    }
    return past;
  }
}

/** A refused write, or multi, has its place in the history and changes nothing. */
function hasEffect({ body }: Txn): boolean {
  if (body.type === OpCode.MULTI) return body.txns.every((part) => part.type !== OpCode.ERROR);
  return body.type !== OpCode.ERROR;
}

function isEphemeral(body: TxnBody): boolean {
  return (body.type === OpCode.CREATE || body.type === OpCode.CREATE2) && body.ephemeral;
}

export function sessionHex(session: bigint): string {
  return `0x${BigInt.asUintN(64, session).toString(16)}`;
}
