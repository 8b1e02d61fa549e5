import type { Client } from './client.ts';
import type { Core } from './core.ts';
import type { Effects } from './effects.ts';
import type { Handover } from './handover.ts';
import type { Links, TimelessEvent } from './links.ts';
import type { ReadOnlyMode } from './read-only.ts';
import type { Requests } from './requests.ts';
import type { Sessions } from './sessions.ts';
import type { Snapshots } from './snapshots.ts';
import type { Timer } from './host.ts';

/** Idle connections are looked for this often. */
const idleCheckMs = 1000;

export interface TurnParts {
  readonly links: Links;
  readonly effects: Effects;
  readonly requests: Requests;
  readonly sessions: Sessions;
  readonly snapshots: Snapshots;
  readonly handover: Handover;
  readonly readOnly: ReadOnlyMode;
}

/**
 * One turn of the server: take in what has come, step, do what follows, and send everything that
 * gathered with one write to each connection and one to the log. Sockets, disk and timers only
 * leave things for the next turn; nothing happens between two turns.
 */
export class Turn {
  readonly #core: Core;
  readonly #parts: TurnParts;
  #events: TimelessEvent[] = [];
  #ready: Client[] = [];
  #dirty: Client[] = [];
  #isWoken = false;
  #isStopped = false;
  #timer: Timer | null = null;
  #timerAtMs = Number.POSITIVE_INFINITY;
  /** When the next turn was wanted at latest. */
  #dueMs = Number.POSITIVE_INFINITY;
  #nextIdleCheckMs = 0;

  constructor(core: Core, parts: TurnParts) {
    this.#core = core;
    this.#parts = parts;
  }

  wake(): void {
    if (this.#isWoken || this.#isStopped) return;
    this.#isWoken = true;
    this.#core.host.defer(() => this.#run());
  }

  emit(event: TimelessEvent): void {
    this.#events.push(event);
    this.wake();
  }

  /** The client has bytes to look at. */
  ready(client: Client): void {
    if (client.isReady) return;
    client.isReady = true;
    this.#ready.push(client);
    this.wake();
  }

  /** The client's outbox has something to send. */
  dirty(client: Client): void {
    if (client.isDirty) return;
    client.isDirty = true;
    this.#dirty.push(client);
    this.wake();
  }

  stop(): void {
    this.#isStopped = true;
    this.#timer?.cancel();
  }

  #run(): void {
    this.#isWoken = false;
    if (this.#isStopped) return;
    const core = this.#core;
    const { links, effects, snapshots } = this.#parts;
    core.nowMs = core.host.nowMs();
    core.wallMs = core.host.wallMs();
    core.turn += 1;
    if (core.nowMs - this.#dueMs > core.config.tickMs) this.#stoodStill(core.nowMs - this.#dueMs);
    this.#takeEvents();
    links.takePackets();
    effects.performAll();
    this.#takeRequests();
    this.#tick();
    effects.performAll();
    snapshots.writeIfDue();
    snapshots.continueStreams();
    core.storage.flush();
    links.flush();
    this.#sendReplies();
    this.#arm();
  }

  /**
   * The process was stopped, or one task took for ever. Learners tell of their sessions when their
   * leader asks, and it has not asked meanwhile: none of them may end for that.
   */
  #stoodStill(lateMs: number): void {
    this.#core.host.log('warn', 'this server stood still', { ms: Math.round(lateMs) });
    this.#parts.effects.leadership?.renewSessions();
  }

  #takeEvents(): void {
    if (this.#events.length === 0) return;
    const events = this.#events;
    this.#events = [];
    const { peer, nowMs } = this.#core;
    for (const event of events) peer.step({ ...event, nowMs });
  }

  #takeRequests(): void {
    if (this.#ready.length === 0) return;
    const ready = this.#ready;
    this.#ready = [];
    for (const client of ready) {
      client.isReady = false;
      this.#parts.requests.take(client);
    }
  }

  #tick(): void {
    const { peer, nowMs } = this.#core;
    const { readOnly, sessions } = this.#parts;
    const { leadership } = this.#parts.effects;
    if (nowMs >= peer.nextDeadlineMs()) peer.step({ type: 'tick', nowMs });
    if (leadership !== null && nowMs >= leadership.nextDeadlineMs()) leadership.tick();
    if (leadership !== null) this.#parts.handover.check();
    if (nowMs >= sessions.locals.nextDeadlineMs()) sessions.locals.tick();
    if (nowMs >= readOnly.nextDeadlineMs()) readOnly.tick();
    if (nowMs < this.#nextIdleCheckMs) return;
    this.#nextIdleCheckMs = nowMs + idleCheckMs;
    this.#parts.sessions.closeIdle();
    this.#parts.snapshots.purgeIfDue();
  }

  #sendReplies(): void {
    const dirty = this.#dirty;
    if (dirty.length === 0) return;
    this.#dirty = [];
    for (const client of dirty) {
      client.isDirty = false;
      const { connection } = client;
      if (connection.isClosed || connection.outbox.isBlocked) continue;
      this.#core.counters.bytesSent += connection.outbox.flush();
      if (!client.isHeldBack) continue;
      client.isHeldBack = false;
      this.ready(client);
    }
  }

  /** One timer for everything; it may fire early and find nothing due. */
  #arm(): void {
    const { peer, host, nowMs } = this.#core;
    const { readOnly, sessions } = this.#parts;
    const { leadership } = this.#parts.effects;
    const atMs = Math.min(
      peer.nextDeadlineMs(),
      sessions.locals.nextDeadlineMs(),
      readOnly.nextDeadlineMs(),
      leadership?.nextDeadlineMs() ?? Number.POSITIVE_INFINITY,
      this.#nextIdleCheckMs,
    );
    if (atMs >= this.#timerAtMs) return;
    this.#timer?.cancel();
    this.#timerAtMs = atMs;
    this.#dueMs = atMs;
    this.#timer = host.timer(Math.max(0, atMs - nowMs), () => {
      this.#timerAtMs = Number.POSITIVE_INFINITY;
      this.wake();
    });
  }
}
