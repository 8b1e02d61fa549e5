import {
  closeSync,
  copyFileSync,
  existsSync,
  fstatSync,
  openSync,
  readSync,
  renameSync,
  statSync,
  truncateSync,
} from 'node:fs';
import { join } from 'node:path';

/** Bytes of one container's log; then the older part moves to the previous file. */
export const logBytesMax: number = 16 * 2 ** 20;

export function logPathOf(
  stateDir: string,
  namespace: string,
  pod: string,
  container: string,
): string {
  return join(stateDir, 'logs', namespace, pod, `${container}.log`);
}

/** Where the log of the run before stands. */
export function previousLogPath(logPath: string): string {
  return logPath.replace(/\.log$/, '.previous.log');
}

/** Each run of a container has a log of its own; the one before is kept. */
export function rotateAtStart(logPath: string): void {
  if (existsSync(logPath)) renameSync(logPath, previousLogPath(logPath));
}

/** Moves a log that has grown too large to the previous file, while its process writes on. */
export function rotateLarge(logPath: string): void {
  if (!existsSync(logPath) || statSync(logPath).size <= logBytesMax) return;
  copyFileSync(logPath, previousLogPath(logPath));
  truncateSync(logPath);
}

/** Bytes of a file from a position on, at most `bytesMax`. */
export function readFrom(path: string, position: number, bytesMax: number): Buffer {
  const file = openSync(path, 'r');
  try {
    const size = fstatSync(file).size;
    // A file that was cut starts over.
    const start = position > size ? 0 : position;
    const buffer = Buffer.alloc(Math.min(bytesMax, size - start));
    const count = readSync(file, buffer, 0, buffer.length, start);
    return buffer.subarray(0, count);
  } finally {
    closeSync(file);
  }
}

/** Position of the last `lines` lines of a text. */
export function tailPosition(text: Buffer, lines: number): number {
  let position = text.length;
  if (text.at(-1) === 10) position -= 1;
  for (let count = 0; count < lines; count += 1) {
    const before = position <= 0 ? -1 : text.lastIndexOf(10, position - 1);
    if (before < 0) return 0;
    position = before;
  }
  return position + 1;
}
