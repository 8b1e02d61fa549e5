import type { Acl } from '../protocol/acl.ts';

/** A node of birth: no list, open to all, without an entry in the snapshot's map. */
export const aclNone = -1;

/**
 * A list that a fuzzy snapshot named and did not contain: closed to all until the replay of the
 * node's own transaction repairs it.
 */
export const aclMissing = -2;

const closed: readonly Acl[] = [];
const idMax = 2 ** 31 - 1;

interface Entry {
  readonly acl: readonly Acl[];
  readonly key: string;
  useCount: number;
}

/** Access lists, each kept once under a number; a list that no node uses any more is forgotten. */
export class AclCache {
  readonly #entries = new Map<number, Entry>();
  readonly #idByKey = new Map<string, number>();
  #idLast = 0;
  /** The list asked for last: nearly always the next one too. */
  #recent: Entry | null = null;
  #recentId = 0;

  get size(): number {
    return this.#entries.size;
  }

  /** The number of a list; counts one use. */
  acquire(acl: readonly Acl[]): number {
    const recent = this.#recent;
    if (recent !== null && isSame(recent.acl, acl)) {
      recent.useCount += 1;
      return this.#recentId;
    }
    const key = keyOf(acl);
    let id = this.#idByKey.get(key);
    if (id === undefined) {
      id = this.put(0, acl);
    }
    const entry = this.#entries.get(id)!;
    entry.useCount += 1;
    this.#recent = entry;
    this.#recentId = id;
    return id;
  }

  /** Counts one use of a number from a snapshot. */
  addUse(id: number): void {
    const entry = this.#entries.get(id);
    if (entry !== undefined) entry.useCount += 1;
  }

  release(id: number): void {
    const entry = this.#entries.get(id);
    if (entry === undefined) return;
    entry.useCount -= 1;
    if (entry.useCount === 0) this.#forget(id, entry);
  }

  /** Null: open. */
  get(id: number): readonly Acl[] | null {
    if (id === aclNone) return null;
    return this.#entries.get(id)?.acl ?? closed;
  }

  has(id: number): boolean {
    return this.#entries.has(id);
  }

  /** An entry as a snapshot has it, without uses. Returns its number: another if that is not free. */
  put(wanted: number, acl: readonly Acl[]): number {
    const isUsable = wanted >= 1 && wanted <= idMax && !this.#entries.has(wanted);
    const id = isUsable ? wanted : this.#nextId();
    const entry: Entry = { acl, key: keyOf(acl), useCount: 0 };
    this.#entries.set(id, entry);
    if (!this.#idByKey.has(entry.key)) this.#idByKey.set(entry.key, id);
    if (id > this.#idLast) this.#idLast = id;
    return id;
  }

  /** After a snapshot. */
  dropUnused(): void {
    for (const [id, entry] of this.#entries) if (entry.useCount === 0) this.#forget(id, entry);
  }

  clear(): void {
    this.#entries.clear();
    this.#idByKey.clear();
    this.#idLast = 0;
    this.#recent = null;
  }

  /** In the order of their numbers' first use. */
  forEach(visit: (id: number, acl: readonly Acl[]) => void): void {
    for (const [id, entry] of this.#entries) visit(id, entry.acl);
  }

  #nextId(): number {
    if (this.#idLast < idMax) return this.#idLast + 1;
    let id = 1;
    while (this.#entries.has(id)) id += 1;
    return id;
  }

  #forget(id: number, entry: Entry): void {
    this.#entries.delete(id);
    if (this.#idByKey.get(entry.key) === id) this.#idByKey.delete(entry.key);
    if (this.#recent === entry) this.#recent = null;
  }
}

function isSame(one: readonly Acl[], other: readonly Acl[]): boolean {
  if (one.length !== other.length) return false;
  for (let index = 0; index < one.length; index += 1) {
    const left = one[index]!;
    const right = other[index]!;
    if (left.perms !== right.perms) return false;
    if (left.id.scheme !== right.id.scheme || left.id.id !== right.id.id) return false;
  }
  return true;
}

/** Equal exactly for lists that are equal entry by entry. */
function keyOf(acl: readonly Acl[]): string {
  let key = '';
  for (const { perms, id } of acl)
    key += `${perms} ${id.scheme.length} ${id.scheme}${id.id.length} ${id.id}`;
  return key;
}
