import { requestHeaderBytes } from '../protocol/headers.ts';
import type { Client, Pending } from './client.ts';

export interface LargeRequestsOptions {
  /** Payload bytes above which a request is large. */
  readonly thresholdBytes: number;
  /** Large requests in process may have so many together. */
  readonly bytesMax: number;
}

/**
 * How many bytes the large requests in process hold; one that finds no room costs its connection.
 *
 * Source: semantics, section 14: largeRequestThreshold, largeRequestMaxBytes.
 */
export class LargeRequests {
  readonly #options: LargeRequestsOptions;
  #bytes = 0;

  constructor(options: LargeRequestsOptions) {
    this.#options = options;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Of a request with so many payload bytes. */
  hasRoomFor(bytes: number): boolean {
    const { thresholdBytes, bytesMax } = this.#options;
    return bytes <= thresholdBytes || this.#bytes + bytes <= bytesMax;
  }

  add(pending: Pending): void {
    this.#bytes += this.#counted(pending);
  }

  release(pending: Pending): void {
    this.#bytes -= this.#counted(pending);
  }

  /** Its connection is gone. */
  releaseAll(client: Client): void {
    for (let each = client.first; each !== null; each = each.next) this.release(each);
  }

  #counted({ start, end }: Pending): number {
    const bytes = end - start + requestHeaderBytes;
    return bytes > this.#options.thresholdBytes ? bytes : 0;
  }
}
