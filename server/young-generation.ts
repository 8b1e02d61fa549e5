import { getHeapSpaceStatistics, setFlagsFromString } from 'node:v8';

/** V8's own standard; the start script holds it at 1, so that loading does not grow the heap. */
const growthFactor = 2;

/** Both halves of the young generation, bytes. More is touched and kept, and makes nothing faster. */
export const youngBytesMax: number = 16 * 1024 * 1024;

/** Between two looks at its size, ms; they end when it has grown. */
const lookEveryMs = 50;

/**
 * Lets the young generation grow with the load, up to {@link youngBytesMax}, or twice that where it
 * grows twice between two looks. V8 alone stops at 110 MB and never gives them back.
 */
export function letYoungGenerationGrow(): void {
  setFlagsFromString(`--semi-space-growth-factor=${growthFactor}`);
  const timer = setInterval(() => {
    if (youngBytes() * growthFactor <= youngBytesMax) return;
    setFlagsFromString('--semi-space-growth-factor=1');
    clearInterval(timer);
  }, lookEveryMs);
  timer.unref();
}

/** Bytes of memory that the young generation holds. */
export function youngBytes(): number {
  const space = getHeapSpaceStatistics().find(({ space_name: name }) => name === 'new_space');
  return space?.physical_space_size ?? 0;
}
