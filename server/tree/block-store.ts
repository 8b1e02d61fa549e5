import { assert } from '../util/assert.ts';

/**
 * Where a run of bytes lives: page and place in it, or, negative, a buffer of its own. Valid until
 * freed.
 */
export type Block = number;

/** A page holds blocks of one size class. */
const pageBytes = 256 * 1024;
const unitBytes = 16;
const unitBits = 14;
const unitMask = (1 << unitBits) - 1;
/** Larger blocks have a buffer of their own. */
const classBytesMax = 32 * 1024;
const none = -1;

/**
 * Bytes outside the garbage collector's sight, in size classes: steps of 16 bytes up to 256, then
 * eight steps to each doubling. A page whose blocks are all free goes back, except the last of its
 * class, so that memory follows the sizes in use.
 */
export class BlockStore {
  #pages: (Buffer | null)[] = [];
  #classOf: number[] = [];
  #liveCount: number[] = [];
  /** First unit of the page's free blocks; each holds the next one's in its first two bytes. */
  #freeUnit: number[] = [];
  /** First unit never used. */
  #freshUnit: number[] = [];
  #next: number[] = [];
  #previous: number[] = [];
  #vacantPages: number[] = [];
  /** For each class, its pages with room. */
  #open: number[] = Array.from({ length: classOf(classBytesMax) + 1 }, () => none);
  #large: (Buffer | null)[] = [];
  #vacantLarge: number[] = [];
  /** Pages of before the last {@link clear}, used again first. */
  #spares: Buffer[] = [];

  /** The bytes are not cleared. */
  allocate(bytes: number): Block {
    if (bytes > classBytesMax) return this.#allocateLarge(bytes);
    const index = classOf(bytes);
    let page = this.#open[index]!;
    if (page === none) page = this.#openPage(index);
    const step = classBytes(index) / unitBytes;
    let unit = this.#freeUnit[page]!;
    if (unit === none) {
      unit = this.#freshUnit[page]!;
      this.#freshUnit[page] = unit + step;
    } else {
      const at = unit * unitBytes;
      const bytesOfPage = this.#pages[page]!;
      const next = bytesOfPage[at]! | (bytesOfPage[at + 1]! << 8);
      this.#freeUnit[page] = next === 0xffff ? none : next;
    }
    this.#liveCount[page]! += 1;
    if (this.#freeUnit[page] === none && this.#freshUnit[page]! + step > unitMask + 1) {
      this.#unlink(page, index);
    }
    return (page << unitBits) | unit;
  }

  free(block: Block): void {
    if (block < 0) {
      this.#large[-1 - block] = null;
      this.#vacantLarge.push(-1 - block);
      return;
    }
    const page = block >>> unitBits;
    const unit = block & unitMask;
    const index = this.#classOf[page]!;
    const step = classBytes(index) / unitBytes;
    const wasFull = this.#freeUnit[page] === none && this.#freshUnit[page]! + step > unitMask + 1;
    const bytes = this.#pages[page]!;
    const next = this.#freeUnit[page]!;
    bytes[unit * unitBytes] = next & 255;
    bytes[unit * unitBytes + 1] = (next >>> 8) & 255;
    this.#freeUnit[page] = unit;
    this.#liveCount[page]! -= 1;
    if (wasFull) this.#link(page, index);
    const alone = this.#open[index] === page && this.#next[page] === none;
    if (this.#liveCount[page] === 0 && !alone) this.#closePage(page, index);
  }

  /** Frees everything. The memory serves what comes next; see {@link releaseSpares}. */
  clear(): void {
    for (const page of this.#pages) if (page !== null) this.#spares.push(page);
    this.#pages = [];
    this.#vacantPages = [];
    this.#open.fill(none);
    this.#large = [];
    this.#vacantLarge = [];
  }

  /** Gives back what was not used again. */
  releaseSpares(): void {
    this.#spares = [];
  }

  /** The buffer that holds the block, from {@link offset} on. */
  buffer(block: Block): Buffer {
    return (block < 0 ? this.#large[-1 - block] : this.#pages[block >>> unitBits])!;
  }

  offset(block: Block): number {
    return block < 0 ? 0 : (block & unitMask) * unitBytes;
  }

  /** Whether a block of one size can be used for another as it is. */
  static sameSize(bytes: number, other: number): boolean {
    if (bytes > classBytesMax || other > classBytesMax) return bytes === other;
    return classOf(bytes) === classOf(other);
  }

  /** Bytes of the pages and buffers in use. */
  get reservedBytes(): number {
    const pages = this.#pages.length - this.#vacantPages.length + this.#spares.length;
    let bytes = pages * pageBytes;
    for (const large of this.#large) bytes += large === null ? 0 : large.length;
    return bytes;
  }

  #allocateLarge(bytes: number): Block {
    const slot = this.#vacantLarge.pop() ?? this.#large.length;
    this.#large[slot] = Buffer.allocUnsafeSlow(bytes);
    return -1 - slot;
  }

  #openPage(index: number): number {
    const page = this.#vacantPages.pop() ?? this.#pages.length;
    assert(page < 2 ** (31 - unitBits), 'at most 32 GiB of blocks');
    this.#pages[page] = this.#spares.pop() ?? Buffer.allocUnsafeSlow(pageBytes);
    this.#classOf[page] = index;
    this.#liveCount[page] = 0;
    this.#freeUnit[page] = none;
    this.#freshUnit[page] = 0;
    this.#link(page, index);
    return page;
  }

  #closePage(page: number, index: number): void {
    this.#unlink(page, index);
    this.#pages[page] = null;
    this.#vacantPages.push(page);
  }

  #link(page: number, index: number): void {
    const first = this.#open[index]!;
    this.#next[page] = first;
    this.#previous[page] = none;
    if (first !== none) this.#previous[first] = page;
    this.#open[index] = page;
  }

  #unlink(page: number, index: number): void {
    const next = this.#next[page]!;
    const previous = this.#previous[page]!;
    if (next !== none) this.#previous[next] = previous;
    if (previous === none) this.#open[index] = next;
    else this.#next[previous] = next;
  }
}

function classOf(bytes: number): number {
  if (bytes <= 256) return bytes <= unitBytes ? 0 : (bytes - 1) >>> 4;
  const exponent = 31 - Math.clz32(bytes - 1);
  return 16 + (exponent - 8) * 8 + ((bytes - 1) >>> (exponent - 3)) - 8;
}

function classBytes(index: number): number {
  if (index < 16) return (index + 1) * unitBytes;
  const exponent = 8 + ((index - 16) >>> 3);
  return (9 + ((index - 16) & 7)) << (exponent - 3);
}
