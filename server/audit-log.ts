import { createWriteStream } from 'node:fs';
import { join } from 'node:path';
import type { Writable } from 'node:stream';
import type { Host } from './shell/host.ts';

export interface AuditLog {
  write(line: string): void;
  /** What was written is on its way to the system; then `done`. */
  close(done: () => void): void;
}

export interface AuditLogOptions {
  /** Where `zookeeper_audit.log` grows; `null`: standard output. */
  readonly directory: string | null;
  /** What may wait to be written; lines beyond are lost, and that is logged. Standard 16 MiB. */
  readonly waitingBytesMax?: number;
}

export const auditFileName = 'zookeeper_audit.log';

const waitingBytesMaxStandard = 16 * 2 ** 20;

/** A file that failed is tried again after so long, ms; so often at most is a loss logged. */
const retryMs = 1_000;

/**
 * The lines of the audit log, on standard output or at the end of a file, each behind time and
 * level as the reference's logger writes them. Writing never holds up a request.
 *
 * Source: protocol/audit.
 */
export function openAuditLog(host: Host, options: AuditLogOptions): AuditLog {
  return new LineLog(host, options);
}

class LineLog implements AuditLog {
  readonly #host: Host;
  readonly #path: string | null;
  readonly #waitingBytesMax: number;
  #stream: Writable | null = null;
  #waiting = '';
  #isWoken = false;
  #failedMs = -Infinity;
  #toldMs = -Infinity;
  #lostCount = 0;

  constructor(host: Host, { directory, waitingBytesMax }: AuditLogOptions) {
    this.#host = host;
    this.#path = directory === null ? null : join(directory, auditFileName);
    this.#waitingBytesMax = waitingBytesMax ?? waitingBytesMaxStandard;
  }

  write(line: string): void {
    const time = new Date(this.#host.wallMs()).toISOString();
    this.#waiting += `${time} INFO audit.Slf4jAuditLogger: ${line}\n`;
    if (this.#isWoken) return;
    this.#isWoken = true;
    this.#host.defer(() => this.#flush());
  }

  close(done: () => void): void {
    this.#flush();
    const stream = this.#stream;
    if (stream === null) return done();
    // The standard output stays open: others write there, too.
    if (this.#path === null) stream.write('', () => done());
    else {
      stream.once('close', done);
      stream.end();
    }
  }

  #flush(): void {
    this.#isWoken = false;
    const lines = this.#waiting;
    this.#waiting = '';
    if (lines === '') return;
    const stream = this.#openOrNull();
    if (stream === null || stream.writableLength > this.#waitingBytesMax) {
      return this.#lose(lines, 'what is to be written waits for the system');
    }
    stream.write(lines);
  }

  #openOrNull(): Writable | null {
    if (this.#stream !== null) return this.#stream;
    if (this.#path === null) return (this.#stream = process.stdout);
    if (this.#host.nowMs() - this.#failedMs < retryMs) return null;
    const stream = createWriteStream(this.#path, { flags: 'a', mode: 0o640 });
    stream.on('error', (error) => {
      this.#failedMs = this.#host.nowMs();
      if (this.#stream === stream) this.#stream = null;
      this.#lose('', error.message);
    });
    this.#stream = stream;
    return stream;
  }

  #lose(lines: string, reason: string): void {
    this.#lostCount += lines.split('\n').length - 1;
    const nowMs = this.#host.nowMs();
    if (nowMs - this.#toldMs < retryMs) return;
    this.#toldMs = nowMs;
    const file = this.#path ?? 'standard output';
    this.#host.log('error', 'the audit log cannot be written; lines are lost', {
      file,
      lost: this.#lostCount,
      reason,
    });
  }
}
