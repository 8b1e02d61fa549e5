import type { ServerConfig } from '../config/server-config.ts';
import type { StorageFailure } from '../storage/door.ts';
import { roomProblem } from '../storage/room.ts';
import { StorageError } from '../storage/storage-error.ts';
import type { Host } from './host.ts';
import type { RunningServer } from './server.ts';
import type { ShellView } from './view.ts';

/** A disk that takes nothing is asked again after so long, ms. */
export const revivalPauseMs = 1_000;

/** It is said again after so long that it still takes nothing, ms. */
const complaintPauseMs = 60_000;

/** One life of a server, from a recovery to the end of its disk or of the process. */
export interface ServerLife extends RunningServer {
  readonly view: ShellView;
  /** With the members of now: who starts with older ones could take removed servers for a quorum. */
  readonly configNow: ServerConfig;
  /** Gives up role, ports, connections and the disk; then `done`. */
  abandon(reason: string, done: () => void): void;
}

/** `view`: of the life before, to be taken over. */
export type BeginLife = (
  config: ServerConfig,
  view: ShellView | null,
  refused: (failure: StorageFailure) => void,
) => ServerLife;

/**
 * A server that survives a disk without room, or one that is read-only for a while. It leaves the
 * quorum at once, says so, and comes back with a recovery, which cuts what was written by halves,
 * as soon as the disk takes a whole batch again. The process and its admin port stay.
 */
export class Revival implements RunningServer {
  readonly #host: Host;
  readonly #begin: BeginLife;
  #life: ServerLife;
  #isDown = false;
  #isStopped = false;
  #complainAtMs = 0;

  constructor(config: ServerConfig, host: Host, begin: BeginLife) {
    this.#host = host;
    this.#begin = begin;
    this.#life = begin(config, null, (failure) => this.#fall(failure));
  }

  get view(): ShellView {
    return this.#life.view;
  }

  get clientPort(): number | null {
    return this.#isDown ? null : this.#life.clientPort;
  }

  handOver(): void {
    if (!this.#isDown) this.#life.handOver();
  }

  stop(done: () => void): void {
    this.#isStopped = true;
    if (this.#isDown) this.#host.defer(done);
    else this.#life.stop(done);
  }

  #fall(failure: StorageFailure): void {
    const host = this.#host;
    if (!failure.canComeBack) return host.exit(failure.exitCode, failure.message);
    if (this.#isDown || this.#isStopped) return;
    this.#isDown = true;
    this.#complainAtMs = host.nowMs() + complaintPauseMs;
    host.log('error', 'the disk takes no more: this server leaves the quorum until it does', {
      reason: failure.message,
    });
    this.view.diskProblem = failure.message;
    this.#life.abandon('the disk takes no more', () => this.#tryLater());
  }

  #tryLater(): void {
    this.#host.timer(revivalPauseMs, () => this.#try());
  }

  #try(): void {
    if (this.#isStopped) return;
    const host = this.#host;
    const config = this.#life.configNow;
    const problem = roomProblem(host.disk, config) ?? this.#revive(config);
    if (problem === null) return;
    this.view.diskProblem = problem;
    if (host.nowMs() >= this.#complainAtMs) {
      this.#complainAtMs = host.nowMs() + complaintPauseMs;
      host.log('error', 'the disk still takes nothing', { reason: problem });
    }
    this.#tryLater();
  }

  /** Why it did not come back; `null`: it did, or the process has ended. */
  #revive(config: ServerConfig): string | null {
    try {
      this.#life = this.#begin(config, this.view, (failure) => this.#fall(failure));
    } catch (error) {
      if (!(error instanceof StorageError)) throw error;
      if (error.code === 'DISK') return error.message;
      this.#host.exit(error.exitCode, error.message);
      return null;
    }
    this.#isDown = false;
    this.view.diskProblem = null;
    this.#host.log('info', 'the disk takes writes again: this server is back', {});
    return null;
  }
}
