/** Words of a watch: what one watcher wants of one path. */
export const field = {
  path: 0,
  watcher: 1,
  /** Modes in the data table in the low three bits, in the child table in the next three. */
  modes: 2,
  nextOfPath: 3,
  previousOfPath: 4,
  nextOfWatcher: 5,
  previousOfWatcher: 6,
  /** Next of the hash chain, or of the free records. */
  chain: 7,
} as const;

/** Index of a path, a watcher or a record; the first is 1. */
export type Index = number;

/** No record, path or watcher: words are 0 at first. */
export const none: Index = 0;

const recordWords = 8;
const chunkBits = 12;
const chunkMask = (1 << chunkBits) - 1;

/**
 * Watches as words outside the heap, each in the list of its path and in the list of its watcher,
 * and found by both together. 32 bytes and a hash bucket a watch.
 */
export class WatchRecords {
  readonly #chunks: Int32Array[] = [];
  #used = 1;
  #free: Index = none;
  #buckets = new Int32Array(64);
  /** First record of each path and of each watcher. */
  readonly #firstOfPath: Index[] = [none];
  readonly #firstOfWatcher: Index[] = [none];
  count = 0;

  get(record: Index, name: number): number {
    return this.#chunks[record >>> chunkBits]![(record & chunkMask) * recordWords + name]!;
  }

  set(record: Index, name: number, value: number): void {
    this.#chunks[record >>> chunkBits]![(record & chunkMask) * recordWords + name] = value;
  }

  firstOfPath(path: Index): Index {
    return this.#firstOfPath[path] ?? none;
  }

  firstOfWatcher(watcher: Index): Index {
    return this.#firstOfWatcher[watcher] ?? none;
  }

  find(path: Index, watcher: Index): Index {
    let record = this.#buckets[this.#bucketOf(path, watcher)]!;
    while (record !== none) {
      if (this.get(record, field.path) === path && this.get(record, field.watcher) === watcher)
        break;
      record = this.get(record, field.chain);
    }
    return record;
  }

  /** Without modes; the two have none yet. */
  add(path: Index, watcher: Index): Index {
    if (this.count === this.#buckets.length) this.#growIndex();
    const record = this.#allocate();
    this.set(record, field.path, path);
    this.set(record, field.watcher, watcher);
    this.set(record, field.modes, 0);
    const bucket = this.#bucketOf(path, watcher);
    this.set(record, field.chain, this.#buckets[bucket]!);
    this.#buckets[bucket] = record;
    this.#link(record, this.#firstOfPath, path, field.nextOfPath, field.previousOfPath);
    this.#link(record, this.#firstOfWatcher, watcher, field.nextOfWatcher, field.previousOfWatcher);
    this.count += 1;
    return record;
  }

  remove(record: Index): void {
    const path = this.get(record, field.path);
    const watcher = this.get(record, field.watcher);
    this.#unindex(record, this.#bucketOf(path, watcher));
    this.#unlink(record, this.#firstOfPath, path, field.nextOfPath, field.previousOfPath);
    this.#unlink(
      record,
      this.#firstOfWatcher,
      watcher,
      field.nextOfWatcher,
      field.previousOfWatcher,
    );
    this.set(record, field.chain, this.#free);
    this.#free = record;
    this.count -= 1;
  }

  #allocate(): Index {
    const record = this.#free;
    if (record !== none) {
      this.#free = this.get(record, field.chain);
      return record;
    }
    this.#used += 1;
    if ((this.#used - 1) >>> chunkBits >= this.#chunks.length) {
      this.#chunks.push(new Int32Array((1 << chunkBits) * recordWords));
    }
    return this.#used - 1;
  }

  #link(record: Index, firsts: Index[], owner: Index, next: number, previous: number): void {
    const first = firsts[owner] ?? none;
    this.set(record, next, first);
    this.set(record, previous, none);
    if (first !== none) this.set(first, previous, record);
    firsts[owner] = record;
  }

  #unlink(record: Index, firsts: Index[], owner: Index, next: number, previous: number): void {
    const after = this.get(record, next);
    const before = this.get(record, previous);
    if (after !== none) this.set(after, previous, before);
    if (before === none) firsts[owner] = after;
    else this.set(before, next, after);
  }

  #unindex(record: Index, bucket: number): void {
    const chain = this.get(record, field.chain);
    let before = this.#buckets[bucket]!;
    if (before === record) {
      this.#buckets[bucket] = chain;
      return;
    }
    while (this.get(before, field.chain) !== record) before = this.get(before, field.chain);
    this.set(before, field.chain, chain);
  }

  #bucketOf(path: Index, watcher: Index): number {
    let hash = Math.imul(path, 0x9e3779b1) ^ Math.imul(watcher, 0x85ebca6b);
    hash ^= hash >>> 15;
    return (Math.imul(hash, 0xc2b2ae35) >>> 7) & (this.#buckets.length - 1);
  }

  /** Doubles the buckets. */
  #growIndex(): void {
    const before = this.#buckets;
    this.#buckets = new Int32Array(before.length * 2);
    for (const head of before) {
      let record = head;
      while (record !== none) {
        const next = this.get(record, field.chain);
        const bucket = this.#bucketOf(
          this.get(record, field.path),
          this.get(record, field.watcher),
        );
        this.set(record, field.chain, this.#buckets[bucket]!);
        this.#buckets[bucket] = record;
        record = next;
      }
    }
  }
}
