import { counterOf, epochOf, type Zxid } from '../protocol/zxid.ts';

/**
 * Whether `next` may stand behind `previous` in a history without holes: the next counter of the
 * same epoch, or the start of a later one.
 *
 * Source: zab-properties, Z16.
 */
export function follows(previous: Zxid, next: Zxid): boolean {
  if (next === previous + 1) return true;
  return epochOf(next) > epochOf(previous) && counterOf(next) <= 1;
}
