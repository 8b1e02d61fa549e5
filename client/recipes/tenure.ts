import { ZkError } from '../index.ts';
import type { Stat, ZooKeeper } from '../index.ts';
import { removeSurely } from './places.ts';
import { SharedWatches } from './shared-watches.ts';
import { hasCode, isLost, isOver, Notice, retried, sessionOver, waitFor } from './waiting.ts';

/** A node of this session, as {@link Tenure} needs it. */
export interface OwnNode {
  readonly path: string;
  readonly zxid: Stat['czxid'];
}

/**
 * What one has for as long as an ephemeral node lives: a lock, a leadership, a membership.
 *
 * {@link lost} says that it is, or may be, someone else's now. Its reason is a {@link ZkError}:
 * SESSION_EXPIRED, the session ended; NO_NODE, somebody removed the node; CONNECTION_LOSS, no
 * server was heard for a whole session timeout, so that the ensemble may have ended the session
 * without this client's knowing. A connection that comes back sooner costs nothing. What is lost
 * stays lost: the node is removed if it turns out to be there still.
 *
 * A process that was stopped gets the signal late: {@link isHeld} asks the clock, and is right at
 * once. Between asking and doing time may pass all the same: what must not be touched by two
 * holders at all has to compare {@link fence}.
 */
export class Tenure implements AsyncDisposable {
  readonly path: string;
  /** Grows from one holder of a lock to the next: refuse who comes with a smaller one. */
  readonly fence: Stat['czxid'];
  readonly #zk: ZooKeeper;
  readonly #lost = new AbortController();
  readonly #released = new Notice();
  readonly #offState: () => void;
  #silence: NodeJS.Timeout | undefined;
  #removal: Promise<void> | null = null;

  constructor(zk: ZooKeeper, node: OwnNode) {
    this.#zk = zk;
    this.path = node.path;
    this.fence = node.zxid;
    this.#offState = zk.onState(() => this.#judge());
    this.#judge();
    void this.#follow();
  }

  get lost(): AbortSignal {
    return this.#lost.signal;
  }

  /**
   * Neither given back nor lost, and what a server has answered was sent less than a session
   * timeout ago.
   */
  get isHeld(): boolean {
    if (this.#released.isGiven) return false;
    return performance.now() < this.#zk.lastHeardMs + this.#zk.sessionTimeoutMs;
  }

  /**
   * Gives it back. Resolves when the node is gone, or after a session timeout without a
   * connection; then the removal goes on behind. A second call waits for the first one's.
   */
  async release(): Promise<void> {
    this.#end();
    this.#removal ??= removeSurely(this.#zk, this.path);
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, this.#zk.sessionTimeoutMs);
    });
    try {
      await Promise.race([this.#removal, late]);
    } finally {
      clearTimeout(timer);
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.release();
  }

  #judge(): void {
    if (isOver(this.#zk)) return this.#lose(sessionOver(this.path));
    // A server without a quorum answers reads, and keeps no session alive.
    const isHeard = this.#zk.state === 'connected' && !this.#zk.isReadOnly;
    if (isHeard) {
      clearTimeout(this.#silence);
      this.#silence = undefined;
      return;
    }
    const { lastHeardMs, sessionTimeoutMs } = this.#zk;
    this.#silence ??= setTimeout(
      () => this.#loseBySilence(),
      Math.max(lastHeardMs + sessionTimeoutMs - performance.now(), 0),
    );
  }

  #loseBySilence(): void {
    const detail = `no server was heard for ${this.#zk.sessionTimeoutMs} ms`;
    this.#lose(new ZkError('CONNECTION_LOSS', this.path, detail));
    this.#removal ??= removeSurely(this.#zk, this.path);
    // Who releases it hears of a failure; without anyone it is of no use.
    this.#removal.catch(() => undefined);
  }

  /** Watches the node until it is released or lost. */
  async #follow(): Promise<void> {
    const watches = SharedWatches.of(this.#zk);
    while (!this.#released.isGiven) {
      try {
        const { changed } = await retried(this.#zk, null, () => watches.get(this.path));
        const either = new Notice();
        const offs = [changed.on(either.give), this.#released.on(either.give)];
        await waitFor(this.#zk, either, this.#lost.signal).finally(() => {
          for (const off of offs) off();
        });
      } catch (error) {
        if (this.#lost.signal.aborted) return;
        // Another call of this session may break the connection again and again.
        if (isLost(error) && !isOver(this.#zk)) continue;
        if (hasCode(error, 'NO_NODE')) {
          this.#lose(new ZkError('NO_NODE', this.path, 'somebody removed it'));
        } else if (!hasCode(error, 'NO_AUTH')) {
          this.#lose(isOver(this.#zk) ? sessionOver(this.path) : error);
        }
        return;
      }
    }
  }

  #lose(reason: unknown): void {
    if (this.#released.isGiven) return;
    this.#end();
    this.#lost.abort(reason);
  }

  #end(): void {
    this.#released.give();
    this.#offState();
    clearTimeout(this.#silence);
  }
}
