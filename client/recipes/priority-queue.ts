import { ZkError } from '../index.ts';
import type { NodeData } from '../index.ts';
import type { Place } from './places.ts';
import { Queue } from './queue.ts';

/** Of an item put in without one. */
export const priorityDefault = 500;
const priorityMax = 999;

/**
 * A {@link Queue} whose items come out by priority, 0 first and 999 last, and among equals the
 * oldest first. Every taking looks at all that is there, so that nothing urgent is overlooked.
 */
export class PriorityQueue extends Queue {
  /** @throws ZkError BAD_ARGUMENTS for a priority outside 0..999; else as {@link Queue.put}. */
  override async put(data: NodeData, priority: number = priorityDefault): Promise<void> {
    if (!Number.isInteger(priority) || priority < 0 || priority > priorityMax) {
      const detail = `priority ${priority} is outside 0..${priorityMax}`;
      throw new ZkError('BAD_ARGUMENTS', this.path, detail);
    }
    await this.nodes.put(`p${String(priority).padStart(3, '0')}`, data);
  }

  protected override inOrder(places: Place[]): Place[] {
    return places.sort((a, b) => priorityOf(a) - priorityOf(b));
  }

  protected override get mayUseKnown(): boolean {
    return false;
  }
}

/** An item of {@link Queue.handOver} has none. */
function priorityOf(place: Place): number {
  return /^p\d{3}$/.test(place.kind) ? Number(place.kind.slice(1)) : priorityDefault;
}
