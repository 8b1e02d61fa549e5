import { deferred } from '../deferred.ts';
import type { ZooKeeper } from '../index.ts';
import { hasCode, Limit, raced } from './waiting.ts';

export interface SessionsOptions {
  /** Ends it with the signal's reason, when the work of the present session has ended. */
  readonly signal?: AbortSignal;
  /** Pause before another try when no server takes a session. Default 1 s. */
  readonly pauseMs?: number;
}

const pauseMsDefault = 1_000;

/**
 * Does work that outlives a session: when a session expires, the work is begun anew in the next.
 * It is told by a signal that its session has expired, and has to end then; what it had (locks,
 * memberships, registrations) is gone, and what it opened (caches, views) is to be opened again.
 *
 * ```
 * await inSessions(() => ZooKeeper.connect('zoo1:2181'), async (zk, expired) => {
 *   await new ServiceRegistry(zk, '/services').register('mail', { address, port });
 *   await new Promise((resolve) => expired.addEventListener('abort', resolve));
 * });
 * ```
 *
 * Resolves with what the work gave, and rejects with what it threw, in a session that has not
 * expired. Every session is closed behind its work. When no server takes a session (CONNECTION_LOSS
 * from `connect`), it is tried again after a pause, for as long as the signal allows.
 */
export async function inSessions<T>(
  connect: () => Promise<ZooKeeper>,
  work: (zk: ZooKeeper, expired: AbortSignal) => Promise<T>,
  options: SessionsOptions = {},
): Promise<T> {
  using limit = new Limit(options.signal === undefined ? {} : { signal: options.signal }, '/');
  const { pauseMs = pauseMsDefault } = options;
  for (;;) {
    limit.signal.throwIfAborted();
    const zk = await connect().catch((error: unknown) => {
      if (!hasCode(error, 'CONNECTION_LOSS', 'SESSION_EXPIRED')) throw error;
      return null;
    });
    if (zk === null) await pause(pauseMs, limit.signal);
    else {
      const outcome = await workIn(zk, work);
      if ('value' in outcome) return outcome.value;
    }
  }
}

async function workIn<T>(
  zk: ZooKeeper,
  work: (zk: ZooKeeper, expired: AbortSignal) => Promise<T>,
): Promise<{ readonly value: T } | { readonly expired: true }> {
  await using _ = zk;
  const expiry = new AbortController();
  zk.onState((state, reason) => {
    if (state === 'expired') expiry.abort(new Error(`the session expired: ${reason}`));
  });
  try {
    const value = await work(zk, expiry.signal);
    return zk.state === 'expired' ? { expired: true } : { value };
  } catch (error) {
    if (zk.state !== 'expired') throw error;
    return { expired: true };
  }
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  const { promise, resolve } = deferred<void>();
  const timer = setTimeout(resolve, ms);
  await raced(promise, signal).finally(() => clearTimeout(timer));
}
