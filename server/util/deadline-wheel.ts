import { assert } from './assert.ts';

/** What a {@link DeadlineWheel} keeps on each item; belongs to the wheel while the item is in it. */
export interface Deadline {
  /** Due no earlier than this, ms. */
  deadlineMs: number;
  /** The boundary in whose bucket the item waits, ms; -1 while it is in none. */
  bucketMs: number;
}

/**
 * Many deadlines, few wake-ups: items are due in batches, at multiples of the tick. Moving a
 * deadline later costs one store: the item stays in its bucket and moves when that comes due. All
 * times are ms of one clock.
 */
export class DeadlineWheel<T extends Deadline> {
  readonly #tickMs: number;
  /** Boundary → items. No bucket is empty. */
  readonly #buckets = new Map<number, Set<T>>();
  #count = 0;

  constructor(tickMs: number) {
    assert(tickMs > 0, `tick of ${tickMs} ms > 0`);
    this.#tickMs = tickMs;
  }

  get count(): number {
    return this.#count;
  }

  /** The first tick boundary after `atMs`. */
  boundaryAfter(atMs: number): number {
    return (Math.floor(atMs / this.#tickMs) + 1) * this.#tickMs;
  }

  /** Puts the item in, or moves its deadline: to the first boundary after `atMs`. */
  set(item: T, atMs: number): void {
    const boundary = this.boundaryAfter(atMs);
    item.deadlineMs = boundary;
    if (item.bucketMs === -1) this.#count += 1;
    else if (boundary >= item.bucketMs) return;
    else this.#leave(item);
    this.#enter(item, boundary);
  }

  /** Takes the item out, if it is in. */
  delete(item: T): void {
    if (item.bucketMs === -1) return;
    this.#leave(item);
    item.bucketMs = -1;
    this.#count -= 1;
  }

  /** Takes out every item whose deadline has come, earliest first. */
  expire(nowMs: number): T[] {
    const expired: T[] = [];
    for (let due = this.nextMs(); due <= nowMs; due = this.nextMs()) {
      const bucket = this.#buckets.get(due);
      if (bucket === undefined) break;
      this.#buckets.delete(due);
      for (const item of bucket) {
        if (item.deadlineMs > due) {
          this.#enter(item, item.deadlineMs);
        } else {
          item.bucketMs = -1;
          this.#count -= 1;
          expired.push(item);
        }
      }
    }
    return expired;
  }

  /**
   * When {@link expire} is wanted next; Infinity when empty. May be early: then nothing is due.
   * The buckets are as few as the longest deadline has ticks.
   */
  nextMs(): number {
    let next = Number.POSITIVE_INFINITY;
    for (const boundary of this.#buckets.keys()) if (boundary < next) next = boundary;
    return next;
  }

  #enter(item: T, boundary: number): void {
    item.bucketMs = boundary;
    const bucket = this.#buckets.get(boundary);
    if (bucket === undefined) this.#buckets.set(boundary, new Set([item]));
    else bucket.add(item);
  }

  #leave(item: T): void {
    const bucket = this.#buckets.get(item.bucketMs);
    if (bucket === undefined) return;
    bucket.delete(item);
    if (bucket.size === 0) this.#buckets.delete(item.bucketMs);
  }
}
