/** A power of two, as every size of a ring is. */
const slotsMin = 16;

/**
 * Ring of values, open at both ends. `push`, `pop`, `shift` and `at` take constant time; the
 * ring grows by doubling and never shrinks.
 */
export class Deque<T> {
  #slots: (T | undefined)[] = emptySlots(slotsMin);
  #head = 0;
  #length = 0;

  get length(): number {
    return this.#length;
  }

  push(value: T): void {
    if (this.#length === this.#slots.length) this.#grow();
    this.#slots[(this.#head + this.#length) & (this.#slots.length - 1)] = value;
    this.#length += 1;
  }

  /** The oldest value leaves; `undefined` when empty. */
  shift(): T | undefined {
    if (this.#length === 0) return undefined;
    const value = this.#slots[this.#head];
    this.#slots[this.#head] = undefined;
    this.#head = (this.#head + 1) & (this.#slots.length - 1);
    this.#length -= 1;
    return value;
  }

  /** The newest value leaves; `undefined` when empty. */
  pop(): T | undefined {
    if (this.#length === 0) return undefined;
    this.#length -= 1;
    const slot = (this.#head + this.#length) & (this.#slots.length - 1);
    const value = this.#slots[slot];
    this.#slots[slot] = undefined;
    return value;
  }

  /** Value at an index counted from the oldest; `undefined` outside 0..length-1. */
  at(index: number): T | undefined {
    if (index < 0 || index >= this.#length) return undefined;
    return this.#slots[(this.#head + index) & (this.#slots.length - 1)];
  }

  first(): T | undefined {
    return this.#length === 0 ? undefined : this.#slots[this.#head];
  }

  last(): T | undefined {
    return this.at(this.#length - 1);
  }

  clear(): void {
    this.#slots = emptySlots(slotsMin);
    this.#head = 0;
    this.#length = 0;
  }

  #grow(): void {
    const grown: (T | undefined)[] = emptySlots(this.#slots.length * 2);
    for (let index = 0; index < this.#length; index += 1) grown[index] = this.at(index);
    this.#slots = grown;
    this.#head = 0;
  }
}

/** Filled by pushing, so that the array has no holes. */
function emptySlots(count: number): undefined[] {
  const slots: undefined[] = [];
  for (let index = 0; index < count; index += 1) slots.push(undefined);
  return slots;
}
