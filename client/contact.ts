import { Xid } from '../server/protocol/headers.ts';

/**
 * When the servers certainly had a word of this client: the time at which the latest of what they
 * have answered was sent. The time at which an answer is read says less: a process that stood still
 * reads old answers late.
 *
 * One thing at a time is timed, a call or a ping; when it is answered, the next that is sent is.
 */
export class Contact {
  #heardMs = 0;
  #timedXid: number | null = null;
  #timedMs = 0;
  /** Written and not sent yet. */
  #writtenXid: number | null = null;
  #pingsUnderWay = 0;

  /** 0 before the first answer. */
  get heardMs(): number {
    return this.#heardMs;
  }

  /** The request for a session was answered. */
  greeted(sentMs: number): void {
    this.#heardMs = sentMs;
  }

  callWritten(xid: number): void {
    this.#writtenXid = xid;
  }

  /** Pings share one xid: a second one under way could not be told from the first. */
  pingWritten(): void {
    this.#pingsUnderWay += 1;
    if (this.#pingsUnderWay === 1) this.#writtenXid ??= Xid.PING;
  }

  /** Everything written leaves now. */
  sent(nowMs: number): void {
    if (this.#timedXid === null) {
      this.#timedXid = this.#writtenXid;
      this.#timedMs = nowMs;
    }
    this.#writtenXid = null;
  }

  answered(xid: number): void {
    if (xid === Xid.PING) this.#pingsUnderWay -= 1;
    if (xid !== this.#timedXid) return;
    this.#heardMs = this.#timedMs;
    this.#timedXid = null;
  }

  /** What was sent will not be answered any more. */
  lost(): void {
    this.#timedXid = null;
    this.#writtenXid = null;
    this.#pingsUnderWay = 0;
  }
}
