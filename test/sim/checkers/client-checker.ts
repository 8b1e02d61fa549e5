import { ErrorCode } from '../../../server/protocol/error-code.ts';
import { EventType } from '../../../server/protocol/event-type.ts';
import type { ReplyHeader } from '../../../server/protocol/headers.ts';
import type { WatcherEvent } from '../../../server/protocol/requests/watch.ts';
import type { OpResult } from '../client-ops.ts';
import type { Call, ClientObserver, ClientWatch, SimClient } from '../sim-client.ts';
import type { World } from '../world.ts';
import { checkRead, checkWrite } from './replies.ts';
import type { HistoryModel } from './history-model.ts';
import { sessionHex } from './history-model.ts';
import { hex } from './member-ghost.ts';
import { WholeWatchChecker } from './whole-watch.ts';

export interface ClientCheckerOptions {
  /** How much earlier than its timeout a session may seem to expire: unreported contact. */
  readonly expirySlackMs: number;
  /** The present life of the server there; a local session lives no longer than it. */
  readonly lifeAt?: (host: string) => object | null;
}

/** Where a session began. */
interface Home {
  readonly host: string;
  readonly life: object | null;
}

/**
 * Holds what clients are told against the committed history: C1 to C6, S2 and S3. Writes are
 * linearizable because the history is one order, every answer is in it, and no answer stands
 * before one that was known when it was asked for.
 */
export class ClientChecker implements ClientObserver {
  answeredZxid = 0;
  readonly counts = {
    writes: 0,
    refusals: 0,
    reads: 0,
    syncs: 0,
    events: 0,
    expiries: 0,
    lost: 0,
    readOnlyReads: 0,
    notReadOnly: 0,
  };
  readonly #world: World;
  readonly #model: HistoryModel;
  readonly #options: ClientCheckerOptions;
  readonly #wholes: WholeWatchChecker;
  readonly #live = new Map<bigint, SimClient>();
  readonly #homes = new Map<bigint, Home>();
  /** Sessions whose ends were asked for. */
  readonly #ending = new Set<bigint>();

  constructor(world: World, model: HistoryModel, options: ClientCheckerOptions) {
    this.#world = world;
    this.#model = model;
    this.#options = options;
    this.#wholes = new WholeWatchChecker(world, model.tree);
    model.onExpired = (session, zxid) => this.#expiredAt(session, zxid);
  }

  sent(call: Call): void {
    const { op } = call;
    if (op.kind === 'close') this.#ending.add(call.sessionId);
    if (op.kind !== 'read' && op.kind !== 'sync' && op.kind !== 'watchAll') {
      this.#model.sent(call.sessionId, call.xid, call.connection);
    }
  }

  answered(call: Call, header: ReplyHeader, result: OpResult): void {
    const { op, client } = call;
    const fail = (invariant: string, message: string): never => {
      return this.#world.fail(
        invariant,
        `${client.name} xid ${call.xid} ${op.kind} ${op.opCode}: ${message}`,
      );
    };
    if (client.isReadOnly && this.#isWithoutQuorum(header, result)) return;
    if (op.kind === 'read') {
      this.counts.reads += 1;
      checkRead(this.#model, op, header, result, fail);
      this.#addWatch(client, call, header, result);
    } else if (op.kind === 'watchAll') {
      this.#wholes.set(client, header.zxid);
    } else if (op.kind === 'sync') {
      this.counts.syncs += 1;
      if (header.zxid < call.knownZxid) {
        fail('C4 sync', `shows ${hex(header.zxid)}, though ${hex(call.knownZxid)} was answered`);
      }
    } else {
      const isCommitted = checkWrite(this.#model, call, header, result, fail);
      if (result.error === ErrorCode.OK) this.counts.writes += 1;
      else this.counts.refusals += 1;
      if (isCommitted && header.zxid <= call.knownZxid) {
        fail(
          'C1 linearizable writes',
          `took effect at ${hex(header.zxid)}, though ${hex(call.knownZxid)} was answered before`,
        );
      }
      if (isCommitted) this.answeredZxid = Math.max(this.answeredZxid, header.zxid);
    }
  }

  /**
   * What a server without a quorum does not do, or tells of a history that may not be everybody's:
   * after a restart it shows what its disk has.
   */
  #isWithoutQuorum(header: ReplyHeader, result: OpResult): boolean {
    if (result.error === ErrorCode.NOT_READ_ONLY) {
      this.counts.notReadOnly += 1;
      return true;
    }
    this.counts.readOnlyReads += 1;
    return this.#model.txnAt(header.zxid) === undefined;
  }

  watchesSet(client: SimClient, zxid: number): void {
    for (const watch of client.watches) {
      // A node that came and went meanwhile is not told of: the watch for its coming is set anew.
      if (watch.kind !== 'exists' || this.#model.tree.at(watch.path, zxid) !== null) continue;
      watch.zxid = Math.max(watch.zxid, zxid);
    }
    this.seen(client, zxid);
    // What a server without a quorum shows may be committed later, and is not told of then.
    const isUncertain = client.isReadOnly && this.#model.txnAt(zxid) === undefined;
    if (!isUncertain) this.#wholes.set(client, zxid);
  }

  seen(client: SimClient, zxid: number): void {
    if (zxid <= 0) return;
    const shown = client.shownZxid;
    this.#world.expect(zxid >= shown, 'C3 session order', () => {
      return `${client.name} is shown ${hex(zxid)} after ${hex(shown)}`;
    });
    client.shownZxid = zxid;
    this.#wholes.seen(client, zxid);
    for (const watch of client.watches) {
      const change = this.#changeFor(watch);
      this.#world.expect(change === null || change > zxid, 'C5 watch order', () => {
        return (
          `${client.name} is shown ${hex(zxid)} without the event of ${watch.path} ` +
          `(${watch.kind}, set at ${hex(watch.zxid)}, changed at ${hex(change ?? 0)})`
        );
      });
    }
  }

  event(client: SimClient, event: WatcherEvent, zxid: number): void {
    this.counts.events += 1;
    const isTold =
      event.type !== EventType.NODE_CHILDREN_CHANGED &&
      this.#wholes.event(client, event.type, event.path, zxid);
    const index = client.watches.findIndex((watch) => {
      return watch.path === event.path && isFor(watch.kind, event.type);
    });
    const watch = client.watches[index];
    if (isTold && watch === undefined) return;
    this.#world.expect(watch !== undefined, 'C5 one event for a watch', () => {
      return `${client.name} hears of ${event.path} (type ${event.type}) without a watch`;
    });
    if (watch === undefined) return;
    const change = this.#changeFor(watch);
    // After a restart, a server without a quorum shows what its disk has, committed or not.
    const isFromDisk = client.isReadOnly && zxid === -1 && change === null;
    this.#world.expect(change !== null || isFromDisk, 'C6 no phantom', () => {
      return `${client.name} hears of ${event.path} (type ${event.type}), which has not changed since ${hex(watch.zxid)}`;
    });
    this.#world.expect(zxid === -1 || zxid === change, 'C5 watch order', () => {
      return `${client.name} hears of ${event.path} at ${hex(zxid)}, changed at ${hex(change ?? 0)}`;
    });
    // One event answers every watch that the connection had on that change.
    const left = client.watches.filter((other) => {
      return other.path !== event.path || !isFor(other.kind, event.type);
    });
    client.watches.splice(0, client.watches.length, ...left);
  }

  opened(client: SimClient): void {
    this.#live.set(client.sessionId, client);
    const host = client.serverHost;
    const life = this.#options.lifeAt?.(host) ?? null;
    this.#homes.set(client.sessionId, { host, life });
    client.shownZxid = 0;
  }

  expired(client: SimClient): void {
    if (client.sessionId === 0n) return;
    this.counts.expiries += 1;
    const isOver = this.#model.isClosing(client.sessionId) || this.#hasEndedAtHome(client);
    this.#world.expect(isOver, 'S3 expiry is proposed', () => {
      return `${client.name} is told that session ${sessionHex(client.sessionId)} is over, and it is not`;
    });
    this.#live.delete(client.sessionId);
  }

  lost(_client: SimClient, calls: readonly Call[]): void {
    this.counts.lost += calls.length;
  }

  /**
   * A session that all servers know ends by the history alone. One that its server alone knows ends
   * with that server's life, in silence, on request, and for whoever asks elsewhere.
   */
  #hasEndedAtHome(client: SimClient): boolean {
    if (this.#model.isGlobal(client.sessionId)) return false;
    const home = this.#homes.get(client.sessionId);
    if (home === undefined || home.host !== client.serverHost) return true;
    if (this.#options.lifeAt?.(home.host) !== home.life) return true;
    if (this.#ending.has(client.sessionId)) return true;
    const silentMs = this.#world.nowMs - client.provenMs;
    return silentMs >= client.timeoutMs - this.#options.expirySlackMs;
  }

  #expiredAt(session: bigint, zxid: number): void {
    const client = this.#live.get(session);
    if (client === undefined || client.isStopped) return;
    const silentMs = this.#world.nowMs - client.provenMs;
    this.#world.expect(
      silentMs >= client.timeoutMs - this.#options.expirySlackMs,
      'S2 no early expiry',
      () => {
        return (
          `session ${sessionHex(session)} of ${client.name} (timeout ${client.timeoutMs} ms) ended at ` +
          `${hex(zxid)}, ${Math.round(silentMs)} ms after a contact that was answered`
        );
      },
    );
  }

  #addWatch(client: SimClient, call: Call, header: ReplyHeader, result: OpResult): void {
    const { op } = call;
    if (op.kind !== 'read' || !op.watch) return;
    const isMissing = result.error === ErrorCode.NO_NODE;
    const kind = watchKind(op.opCode, isMissing);
    if (kind === null || (result.error !== ErrorCode.OK && !isMissing)) return;
    if (client.watches.some((watch) => watch.path === op.path && watch.kind === kind)) return;
    client.watches.push({ path: op.path, kind, zxid: header.zxid });
  }

  #changeFor(watch: ClientWatch): number | null {
    const kind = watch.kind === 'children' ? 'children' : 'node';
    return this.#model.tree.firstChange(kind, watch.path, watch.zxid);
  }
}

/** An exists of what is there is a watch on its data. */
function watchKind(opCode: number, isMissing: boolean): ClientWatch['kind'] | null {
  if (opCode === 3) return isMissing ? 'exists' : 'data';
  if (isMissing) return null;
  return opCode === 4 ? 'data' : 'children';
}

function isFor(kind: ClientWatch['kind'], type: number): boolean {
  if (type === EventType.NODE_CHILDREN_CHANGED) return kind === 'children';
  if (type === EventType.NODE_DELETED) return true;
  return kind !== 'children';
}
