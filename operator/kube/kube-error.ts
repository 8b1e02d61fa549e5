/** What the API server (or the way to it) answered instead of the object asked for. */
export class KubeError extends Error {
  override readonly name = 'KubeError';
  /** HTTP status; 0 when no answer came. */
  readonly code: number;
  /** `reason` of the Status object, such as Conflict or AlreadyExists. */
  readonly reason: string;
  /** Method and path. */
  readonly subject: string;

  constructor(subject: string, code: number, reason: string, message: string, cause?: unknown) {
    super(`${subject}: ${message}`, { cause });
    this.code = code;
    this.reason = reason;
    this.subject = subject;
  }
}

export function isNotFound(error: unknown): boolean {
  return error instanceof KubeError && error.code === 404;
}

export function isConflict(error: unknown): boolean {
  return error instanceof KubeError && error.code === 409;
}

/** The version that a list or watch asked for is no longer kept. */
export function isGone(error: unknown): boolean {
  return error instanceof KubeError && (error.code === 410 || error.reason === 'Expired');
}

/** An eviction that a disruption budget does not allow now. */
export function isTooMany(error: unknown): boolean {
  return error instanceof KubeError && error.code === 429;
}
