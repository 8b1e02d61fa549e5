import type { Zxid } from '../protocol/zxid.ts';

/** Exit codes of the process after a disk failure. Source: configuration, section 1. */
export const storageExitCode = {
  /** Log cannot be written or read. */
  log: 1,
  /** Directory missing, not accessible, somebody else's, or in use. */
  dataDir: 3,
  /** A snapshot cannot be written. */
  snapshot: 10,
  /** A truncation that the leader ordered is not possible. */
  truncation: 13,
} as const;

export type StorageErrorCode =
  | 'DATA_DIR'
  | 'LOCKED'
  | 'LOG_CORRUPT'
  | 'LOG_GAP'
  | 'LOG_MISSING'
  | 'SNAPSHOT_CORRUPT'
  | 'SNAPSHOT_MISSING'
  | 'EPOCH'
  | 'DISK';

/** Start-up cannot go on with what is on the disk: the message names the file, the place and the remedy. */
export class StorageError extends Error {
  override readonly name: string = 'StorageError';
  readonly code: StorageErrorCode;
  readonly path: string;
  readonly exitCode: number;
  /** Where in the file; `null`: the file as a whole, or its absence. */
  readonly offset: number | null;
  /** Everything up to there is intact; `null`: not known. */
  readonly zxid: Zxid | null;
  /** What was found, without place and remedy. */
  readonly what: string;

  constructor(
    code: StorageErrorCode,
    path: string,
    message: string,
    more: {
      readonly cause?: unknown;
      readonly offset?: number;
      readonly zxid?: Zxid;
      readonly what?: string;
    } = {},
  ) {
    super(message, more.cause === undefined ? undefined : { cause: more.cause });
    this.code = code;
    this.path = path;
    this.offset = more.offset ?? null;
    this.zxid = more.zxid ?? null;
    this.what = more.what ?? message;
    this.exitCode =
      code === 'DATA_DIR' || code === 'LOCKED' ? storageExitCode.dataDir : storageExitCode.log;
  }
}

/** What an unknown thrown value says. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** The disk itself refused during start-up: told as such, with the remedy. Others pass as they are. */
export function asStorageError(error: unknown): unknown {
  if (error instanceof StorageError || codeOf(error) === undefined) return error;
  const path = (error as NodeJS.ErrnoException).path ?? '';
  return new StorageError('DISK', path, `${messageOf(error)}. ${remedyOf(error)}`, {
    cause: error,
  });
}

/** Whether the disk has no room left. */
export function isFull(error: unknown): boolean {
  const code = codeOf(error);
  return code === 'ENOSPC' || code === 'EDQUOT' || code === 'EFBIG';
}

export function isInputOutput(error: unknown): boolean {
  return codeOf(error) === 'EIO';
}

/**
 * Whether a write that failed with this left the disk in a known state, and another may succeed
 * later. Never true of a sync: whatever it was to bring to the disk may be lost, though it still shows.
 */
export function isPassing(error: unknown): boolean {
  return passingCodes.has(String(codeOf(error)));
}

const passingCodes: ReadonlySet<string> = new Set([
  'ENOSPC',
  'EDQUOT',
  'EFBIG',
  'EROFS',
  'EMFILE',
  'ENFILE',
  'EIO',
]);

/** What to do after a failed write, by the system's error code. */
export function remedyOf(error: unknown): string {
  const safe = 'What was acknowledged is on disk';
  switch (codeOf(error)) {
    case 'ENOSPC':
    case 'EDQUOT':
    case 'EFBIG':
      return `${safe}; the server goes on when there is room: enlarge the volume or remove other files from it.`;
    case 'EROFS':
    case 'EACCES':
    case 'EPERM':
      return `${safe}; the server goes on when its user may write there.`;
    case 'EMFILE':
    case 'ENFILE':
      return `${safe}; the server goes on with a higher limit of open files, or fewer connections.`;
    default:
      return (
        `${safe}; the server stops and may be started again; if it fails again, replace the disk and ` +
        `let the server copy the state from the others.`
      );
  }
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined;
}
