import { JuteReader, JuteWriter } from '../protocol/jute.ts';
import {
  readForwardedHeader,
  readRevalidate,
  writeRevalidated,
} from '../protocol/learner-payload.ts';
import { OpCode } from '../protocol/op-code.ts';
import { PacketType } from '../protocol/packet-type.ts';
import type { QuorumPacket } from '../protocol/quorum-packet.ts';
import type { SessionId } from '../protocol/session-id.ts';
import { zxidNone } from '../protocol/zxid.ts';
import type { TouchTable } from '../session/door.ts';
import type { LinkId } from '../zab/events.ts';

/** Sessions of observers beyond those that live, before the dead ones are looked for. */
const deadSessionsMax = 1024;

export interface RelayParts {
  /** To the leader, as it is. */
  readonly forward: (packet: QuorumPacket) => void;
  readonly toObserver: (link: LinkId, packet: QuorumPacket) => void;
  /** A client's session is at an observer from now on: a connection of it that is here ends. */
  readonly moved: (id: SessionId) => void;
  readonly isLive: (id: SessionId) => boolean;
  readonly liveCount: () => number;
}

/**
 * What observers bring to a follower, on its way to the leader and back.
 *
 * To the leader everything of theirs comes from this follower. Which of several places behind it a
 * session is at, only this follower can tell: it keeps the last one, and lets no request of an
 * earlier one pass, as the leader does for sessions that move between its learners.
 *
 * Source: quorum protocol, section 11.
 */
export class Relay {
  readonly #parts: RelayParts;
  readonly #places = new Map<SessionId, LinkId>();
  /** Revalidations under way: the leader answers in the order asked, by session. */
  readonly #revalidations = new Map<SessionId, LinkId>();
  readonly #reply = new JuteWriter(16);

  constructor(parts: RelayParts) {
    this.#parts = parts;
  }

  /** Sessions that it knows a place of. */
  get knownCount(): number {
    return this.#places.size;
  }

  /** True: the request is a sync, and the observer waits for its answer. @throws JuteError */
  request(link: LinkId, packet: QuorumPacket): boolean {
    const { sessionId, opCode } = readForwardedHeader(readerOf(packet));
    if (opCode === OpCode.CREATE_SESSION) this.#attach(sessionId, link);
    const place = this.#places.get(sessionId);
    if (place !== undefined && place !== link) {
      this.#answer(link, sessionId, false);
      return false;
    }
    this.#parts.forward(packet);
    return opCode === OpCode.SYNC;
  }

  /** @throws JuteError */
  revalidate(link: LinkId, packet: QuorumPacket): void {
    const { sessionId } = readRevalidate(readerOf(packet));
    this.#attach(sessionId, link);
    this.#revalidations.set(sessionId, link);
    this.#parts.forward(packet);
  }

  /** False: the answer is not for an observer. */
  revalidated(sessionId: SessionId, packet: QuorumPacket): boolean {
    const link = this.#revalidations.get(sessionId);
    if (link === undefined) return false;
    this.#revalidations.delete(sessionId);
    this.#parts.toObserver(link, packet);
    return true;
  }

  /** `{int64 session, int32 timeoutMs}`, repeated: sessions that an observer heard of. */
  touched(data: Uint8Array, table: TouchTable): void {
    const reader = new JuteReader(data);
    while (reader.remaining >= 12) {
      const id = reader.bigint64() as SessionId;
      table.touch(id, reader.int32());
    }
  }

  /** A client of this follower's own has the session now. */
  attachedHere(sessionId: SessionId): void {
    if (this.#places.size === 0) return;
    if (this.#places.has(sessionId)) this.#places.set(sessionId, here);
    this.#revalidations.delete(sessionId);
  }

  #attach(sessionId: SessionId, link: LinkId): void {
    this.#places.set(sessionId, link);
    this.#parts.moved(sessionId);
    if (this.#places.size > this.#parts.liveCount() + deadSessionsMax) this.#forgetDead();
  }

  #forgetDead(): void {
    for (const id of this.#places.keys()) if (!this.#parts.isLive(id)) this.#places.delete(id);
  }

  #answer(link: LinkId, sessionId: SessionId, isValid: boolean): void {
    const reply = this.#reply;
    reply.clear();
    writeRevalidated(reply, sessionId, isValid);
    const data = reply.view();
    this.#parts.toObserver(link, {
      type: PacketType.REVALIDATE,
      zxid: zxidNone,
      data,
      authIds: null,
    });
  }
}

/** No link has this number. */
const here: LinkId = -1;

function readerOf(packet: QuorumPacket): JuteReader {
  return new JuteReader(packet.data ?? new Uint8Array(0));
}
