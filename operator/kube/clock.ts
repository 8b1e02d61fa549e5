/** Time as the operator's outer rooms see it; tests bring their own. */
export interface Clock {
  /** Monotonic, ms; for deadlines. */
  nowMs(): number;
  /** Wall clock, ms since 1970; for what is written down. */
  wallMs(): number;
  /** Runs once, after at least that long. Does not keep the process alive by itself. */
  timer(afterMs: number, run: () => void): { cancel(): void };
  /** Uniform in [0, 1); spreads retries. */
  random(): number;
}

export const realClock: Clock = {
  nowMs: () => performance.now(),
  wallMs: () => Date.now(),
  timer(afterMs, run) {
    const timer = setTimeout(run, afterMs);
    return { cancel: () => clearTimeout(timer) };
  },
  random: () => Math.random(),
};

/** Resolves after that long, or at once when the signal fires. Never rejects. */
export function pause(clock: Clock, afterMs: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const timer = clock.timer(afterMs, finish);
    function finish(): void {
      timer.cancel();
      signal.removeEventListener('abort', finish);
      resolve();
    }
    signal.addEventListener('abort', finish);
  });
}

/** Doubling delay with jitter: half to whole of `min * 2^failures`, at most `max`. All in ms. */
export function backoffMs(clock: Clock, failures: number, minMs: number, maxMs: number): number {
  const whole = Math.min(maxMs, minMs * 2 ** Math.min(failures, 20));
  return whole / 2 + (clock.random() * whole) / 2;
}
