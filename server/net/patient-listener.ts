import { listenAtAll } from './several-addresses.ts';
import type { Listener, ListenHandlers, SocketAddress, Transport } from './transport.ts';

export interface Patience {
  /** So many attempts to bind in all; 0: for ever. */
  readonly attemptsMax: number;
  readonly timer: (afterMs: number, run: () => void) => { cancel(): void };
  /** An attempt failed and another one follows. */
  readonly onRetry: (reason: string) => void;
}

/** Between two attempts. Source: election, section 1. */
export const bindPauseMs = 1_000;

/** Impatient: one attempt. */
export const oneAttempt: Patience = {
  attemptsMax: 1,
  timer: () => ({ cancel: () => undefined }),
  onRetry: () => undefined,
};

/**
 * Listens at each of the addresses; where they cannot be had, a process that is about to end may
 * still hold them, and they are tried again. Fails with the last attempt.
 */
export function listenPatiently(
  transport: Transport,
  addresses: readonly SocketAddress[],
  handlers: ListenHandlers,
  patience: Patience,
): Listener {
  let listener: Listener | null = null;
  let timer: { cancel(): void } | null = null;
  let attempts = 0;
  const attempt = (): void => {
    attempts += 1;
    listener = listenAtAll(transport, addresses, { ...handlers, onFailure });
  };
  const onFailure = (reason: string): void => {
    if (attempts === patience.attemptsMax) return handlers.onFailure(reason);
    patience.onRetry(reason);
    timer = patience.timer(bindPauseMs, attempt);
  };
  attempt();
  return {
    close: () => {
      timer?.cancel();
      listener?.close();
    },
  };
}
