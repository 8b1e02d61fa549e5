import * as fs from 'node:fs';

/** Kept for the disk, so that clients cannot take the descriptor that the next log needs. */
const spareCount = 6;

const spares: number[] = [];

/** Runs an act that needs a descriptor; where the process has none left a spare one makes room. */
export function withSpares<T>(act: () => T): T {
  for (;;) {
    try {
      const result = act();
      refillSpares();
      return result;
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      const spare = code === 'EMFILE' || code === 'ENFILE' ? spares.pop() : undefined;
      if (spare === undefined) throw error;
      fs.closeSync(spare);
    }
  }
}

/** As `fs.openSync`. */
export function openFile(path: string, flags: string | number): number {
  return withSpares(() => fs.openSync(path, flags));
}

/** As `fs.closeSync`; the descriptor is the first to become a spare one. */
export function closeFile(fd: number): void {
  fs.closeSync(fd);
  refillSpares();
}

function refillSpares(): void {
  try {
    while (spares.length < spareCount) spares.push(fs.openSync('/dev/null', 'r'));
  } catch {
    // None is left, or there is no such file: the next close tries again.
  }
}
