import { statSync } from 'node:fs';

/** False for what does not exist: whoever opens it says so. */
export function isDirectory(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}
