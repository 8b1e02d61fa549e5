import type { Core } from './core.ts';

/**
 * Attempts to reach the elected leader. It may still be sitting out its wait for a better vote,
 * so the pauses between them grow: 10, 20, 40, 80, then 100 ms.
 */
export const connectAttemptsMax = 14;
const connectPauseMsMin = 10;
const connectPauseMsStandard = 100;

/**
 * A learner's way to its leader: one attempt at a time, for about a second.
 *
 * With observer masters an observer tries the followers in turn, in an order of its own, each time
 * another one. They open their port once they are level, so several rounds may be needed. Where
 * none of them takes it, the last attempt goes to the leader itself.
 */
export class Dial {
  readonly #core: Core;
  readonly #leader: number;
  /** Followers that serve observers; empty: the leader is dialled. */
  readonly #masters: readonly number[];
  #attempts = 0;
  #target: number;
  #retryMs = Number.POSITIVE_INFINITY;

  constructor(core: Core, leader: number) {
    this.#core = core;
    this.#leader = leader;
    this.#target = leader;
    this.#masters = mastersOf(core, leader);
  }

  /** When {@link tick} is wanted; Infinity: not at all. */
  get retryMs(): number {
    return this.#retryMs;
  }

  /** The server that was dialled last. */
  get target(): number {
    return this.#target;
  }

  start(nowMs: number): void {
    this.#attempts = 0;
    const { isObserver, options } = this.#core;
    const delayMs = isObserver ? (options.observerReconnectDelayMs ?? 0) : 0;
    if (delayMs === 0) this.#again();
    else this.#retryMs = nowMs + options.random() * delayMs;
  }

  tick(nowMs: number): void {
    if (nowMs >= this.#retryMs) this.#again();
  }

  stepConnected(): void {
    this.#retryMs = Number.POSITIVE_INFINITY;
  }

  /** False: that was the last attempt. */
  stepFailed(nowMs: number): boolean {
    if (this.#attempts >= connectAttemptsMax) return false;
    const pauseMs = connectPauseMsMin * 2 ** (this.#attempts - 1);
    const pauseMsMax = this.#core.options.connectPauseMsMax ?? connectPauseMsStandard;
    this.#retryMs = nowMs + Math.min(pauseMs, pauseMsMax);
    return true;
  }

  #again(): void {
    const master = this.#masters[this.#attempts % Math.max(1, this.#masters.length)];
    this.#attempts += 1;
    this.#retryMs = Number.POSITIVE_INFINITY;
    if (master === undefined || this.#attempts === connectAttemptsMax) {
      this.#target = this.#leader;
      this.#core.effects.push({ type: 'connectToLeader', sid: this.#leader });
    } else {
      this.#target = master;
      this.#core.effects.push({ type: 'connectToMaster', sid: master });
    }
  }
}

/** The other voters, shuffled, so that observers spread over them. */
function mastersOf(core: Core, leader: number): number[] {
  const { isObserver, options, members } = core;
  if (!isObserver || options.observerMaster !== true) return [];
  const sids = members.active.servers
    .filter((server) => server.role === 'participant' && server.sid !== leader)
    .map((server) => server.sid);
  for (let last = sids.length - 1; last > 0; last -= 1) {
    const other = Math.floor(options.random() * (last + 1));
    [sids[last], sids[other]] = [sids[other] ?? 0, sids[last] ?? 0];
  }
  return sids;
}
