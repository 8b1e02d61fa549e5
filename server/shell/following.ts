import type { QuorumLink } from '../net/quorum-link.ts';
import type { WriteOp } from '../prep/door.ts';
import { JuteReader, JuteWriter } from '../protocol/jute.ts';
import {
  readRevalidated,
  writeForwardedHeader,
  writeRevalidate,
} from '../protocol/learner-payload.ts';
import { OpCode } from '../protocol/op-code.ts';
import { PacketType } from '../protocol/packet-type.ts';
import type { QuorumPacket } from '../protocol/quorum-packet.ts';
import type { SessionId } from '../protocol/session-id.ts';
import type { Zxid } from '../protocol/zxid.ts';
import { zxidNone } from '../protocol/zxid.ts';
import { syncAnswer } from '../zab/packets.ts';
import type { TouchTable } from '../session/door.ts';
import { createTouchTable } from '../session/touch-table.ts';
import type { LinkId } from '../zab/events.ts';
import type { Client, Pending } from './client.ts';
import type { Core, Upstream } from './core.ts';
import { Relay } from './relay.ts';

/** A sync that waits: of an own client, or of an observer. */
type WaitingSync =
  | { readonly client: Client; readonly pending: Pending }
  | { readonly link: LinkId };

/** A server that follows or observes: writes and sessions go to its leader. */
export class Following implements Upstream {
  readonly #core: Core;
  readonly #link: QuorumLink;
  readonly #touched: TouchTable = createTouchTable();
  readonly #request = new JuteWriter(1024);
  /** The leader answers syncs in the order asked. */
  #syncs: WaitingSync[] = [];
  readonly #revalidations = new Map<SessionId, Client>();
  readonly #onSyncDone: (client: Client, pending: Pending) => void;
  readonly #onRevalidated: (client: Client, isValid: boolean) => void;
  readonly #toObserver: (link: LinkId, packet: QuorumPacket) => void;
  /** What observers bring. */
  readonly #relay: Relay;

  constructor(
    core: Core,
    link: QuorumLink,
    answers: {
      readonly syncDone: (client: Client, pending: Pending) => void;
      readonly revalidated: (client: Client, isValid: boolean) => void;
      readonly toObserver: (link: LinkId, packet: QuorumPacket) => void;
      /** Its session is at an observer now. */
      readonly moved: (client: Client) => void;
    },
  ) {
    this.#core = core;
    this.#link = link;
    this.#onSyncDone = answers.syncDone;
    this.#onRevalidated = answers.revalidated;
    this.#toObserver = answers.toObserver;
    this.#relay = new Relay({
      forward: (packet) => this.#send(packet),
      toObserver: answers.toObserver,
      moved(id) {
        const client = core.sessions.get(id);
        if (client !== undefined) answers.moved(client);
      },
      isLive: (id) => core.tree.sessions.has(id),
      liveCount: () => core.tree.sessions.size,
    });
  }

  /** The leader takes the client's own bytes: they were decoded here, so it can decode them. */
  write(client: Client, pending: Pending, _op: WriteOp): void {
    this.#forward(client, pending);
  }

  sync(client: Client, pending: Pending): void {
    this.#syncs.push({ client, pending });
    this.#forward(client, pending);
  }

  syncDone(): void {
    const sync = this.#syncs.shift();
    if (sync === undefined) return;
    if ('link' in sync) this.#toObserver(sync.link, syncAnswer);
    else this.#onSyncDone(sync.client, sync.pending);
  }

  createSession(client: Client): void {
    const data = this.#request;
    data.clear();
    writeForwardedHeader(data, client.sessionId, 0, OpCode.CREATE_SESSION);
    data.int32(client.timeoutMs);
    this.#send({ type: PacketType.REQUEST, zxid: zxidNone, data: data.view(), authIds: null });
  }

  revalidate(client: Client): void {
    this.#relay.attachedHere(client.sessionId);
    this.#revalidations.set(client.sessionId, client);
    const data = this.#request;
    data.clear();
    writeRevalidate(data, client.sessionId, client.timeoutMs);
    this.#send({ type: PacketType.REVALIDATE, zxid: zxidNone, data: data.view(), authIds: null });
  }

  /** The leader's answer: `int64 session, boolean valid`. */
  revalidated(packet: QuorumPacket): void {
    const reader = new JuteReader(packet.data ?? new Uint8Array(0));
    const { sessionId, isValid } = readRevalidated(reader);
    if (this.#relay.revalidated(sessionId, packet)) return;
    // Nobody asked: the session has moved on behind the same follower, and what is here is late.
    const client =
      this.#revalidations.get(sessionId) ??
      (isValid ? undefined : this.#core.sessions.get(sessionId));
    if (client === undefined) return;
    this.#revalidations.delete(sessionId);
    this.#onRevalidated(client, isValid);
  }

  /** @throws JuteError when an observer sends what makes no sense. */
  observerRequest(link: LinkId, packet: QuorumPacket): void {
    if (this.#relay.request(link, packet)) this.#syncs.push({ link });
  }

  /** @throws JuteError when an observer sends what makes no sense. */
  observerRevalidate(link: LinkId, packet: QuorumPacket): void {
    this.#relay.revalidate(link, packet);
  }

  observerTouched(data: Uint8Array): void {
    this.#relay.touched(data, this.#touched);
  }

  touch(client: Client): boolean {
    this.#touched.touch(client.sessionId, client.timeoutMs);
    return true;
  }

  deadlineMs(): null {
    return null;
  }

  answerPing(zxid: Zxid): void {
    this.#send({ type: PacketType.PING, zxid, data: this.#touched.take(), authIds: null });
  }

  stop(): void {
    this.#syncs = [];
    this.#revalidations.clear();
  }

  #forward(client: Client, pending: Pending): void {
    const data = this.#request;
    data.clear();
    writeForwardedHeader(data, client.sessionId, pending.xid, pending.opCode);
    data.raw(pending.buffer.subarray(pending.start, pending.end));
    this.#send({
      type: PacketType.REQUEST,
      zxid: zxidNone,
      data: data.view(),
      authIds: client.authIds,
    });
  }

  #send(packet: QuorumPacket): void {
    this.#link.send(packet);
    this.#core.wake();
  }
}
