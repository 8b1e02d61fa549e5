import { JuteWriter } from '../protocol/jute.ts';
import type { SessionId } from '../protocol/session-id.ts';
import type { TouchTable } from './door.ts';

/**
 * The sessions whose clients spoke to this learner since the leader's last PING. Its answer takes
 * them along and so keeps them alive.
 *
 * Source: zab, section "Sessions": the data of a learner's PING.
 */
export function createTouchTable(): TouchTable {
  return new MapTouchTable();
}

class MapTouchTable implements TouchTable {
  readonly #timeouts = new Map<SessionId, number>();
  readonly #writer = new JuteWriter(1024);

  touch(id: SessionId, timeoutMs: number): void {
    this.#timeouts.set(id, timeoutMs);
  }

  take(): Buffer {
    const writer = this.#writer;
    writer.clear();
    for (const [id, timeoutMs] of this.#timeouts) {
      writer.bigint64(id);
      writer.int32(timeoutMs);
    }
    this.#timeouts.clear();
    return writer.take();
  }
}
