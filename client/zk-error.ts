import { ErrorCode } from '../server/protocol/error-code.ts';
import type { ErrorName } from '../server/protocol/error-code.ts';

const names: ReadonlyMap<number, ErrorName> = new Map(
  Object.entries(ErrorCode).map(([name, code]) => [code, name as ErrorName]),
);

/** Name of an error of the wire; SYSTEM_ERROR for one that is not known. */
export function errorName(code: number): ErrorName {
  return names.get(code) ?? 'SYSTEM_ERROR';
}

/**
 * An operation that was refused or whose fate is not known. `code` is what programs look at:
 * CONNECTION_LOSS means that it may have been carried out, or not.
 */
export class ZkError extends Error {
  override readonly name: string = 'ZkError';
  readonly code: ErrorName;
  /** What the operation was about, as the caller named it; `null`: no path. */
  readonly path: string | null;

  constructor(code: ErrorName, path: string | null, detail: string = '', cause?: unknown) {
    const subject = path === null ? '' : ` for ${path}`;
    const options = cause === undefined ? {} : { cause };
    super(`${code}${subject}${detail === '' ? '' : `: ${detail}`}`, options);
    this.code = code;
    this.path = path;
  }
}
