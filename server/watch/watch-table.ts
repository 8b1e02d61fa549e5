import { EventType } from '../protocol/event-type.ts';
import { WatchMode, type WatchTable } from './door.ts';
import { field, none, WatchRecords, type Index } from './watch-records.ts';

/** A table without watches. */
export function createWatchTable<W extends object>(): WatchTable<W> {
  return new PackedWatchTable<W>();
}

/** In a record the modes of the child table lie above those of the data table. */
const childShift = 3;
const anyMode = WatchMode.STANDARD | WatchMode.PERSISTENT | WatchMode.RECURSIVE;

const dataStandard = WatchMode.STANDARD;
const childStandard = WatchMode.STANDARD << childShift;
const dataPersistent = WatchMode.PERSISTENT;
const childPersistent = WatchMode.PERSISTENT << childShift;
const dataRecursive = WatchMode.RECURSIVE;
const dataAny: number = anyMode;
const childAny = anyMode << childShift;

type Emit<W> = (watcher: W, type: EventType, path: string) => void;

/**
 * Both tables, data and child, in one: a record for each pair of path and watcher holds the modes
 * of both. A trigger collects whom it concerns first and tells them after, so that whoever hears
 * may change the table.
 *
 * Source: semantics, section 6.
 */
class PackedWatchTable<W extends object> implements WatchTable<W> {
  readonly #records = new WatchRecords();
  readonly #paths = new Names<string>();
  readonly #watchers = new Names<W>();
  #dataCount = 0;
  #childCount = 0;
  #recursiveCount = 0;
  /** By watcher: the last trigger it was collected for. */
  #collectedBy = new Float64Array(64);
  #trigger = 0;

  get watchCount(): number {
    return this.#dataCount + this.#childCount;
  }

  get pathCount(): number {
    return this.#paths.count;
  }

  get watcherCount(): number {
    return this.#watchers.count;
  }

  addData(path: string, watcher: W, mode: WatchMode): void {
    this.#add(path, watcher, mode);
  }

  addChild(path: string, watcher: W, mode: WatchMode): void {
    this.#add(path, watcher, mode << childShift);
  }

  has(path: string, watcher: W, type: number): boolean {
    const record = this.#find(path, watcher);
    if (record === none) return false;
    const wanted = type === 4 ? dataPersistent : modesOfType(type);
    return (this.#records.get(record, field.modes) & wanted) !== 0;
  }

  remove(path: string, watcher: W, type: number): boolean {
    const record = this.#find(path, watcher);
    if (record === none) return false;
    const modes = this.#records.get(record, field.modes);
    const left = modes & ~modesOfType(type);
    if (left === modes) return false;
    this.#setModes(record, left);
    return true;
  }

  removeWatcher(watcher: W): void {
    const index = this.#watchers.find(watcher);
    if (index === none) return;
    let record = this.#records.firstOfWatcher(index);
    while (record !== none) {
      const next = this.#records.get(record, field.nextOfWatcher);
      this.#setModes(record, 0);
      record = next;
    }
  }

  fire(change: { readonly type: EventType; readonly path: string }, emit: Emit<W>): void {
    if (this.#records.count === 0) return;
    const { type, path } = change;
    const heard: W[] = [];
    this.#trigger += 1;
    this.#collect(this.#paths.find(path), dataAny, dataStandard, heard);
    if (this.#recursiveCount > 0) this.#collectAbove(path, heard);
    // Whoever hears of the deletion as a data watcher does not hear of it again.
    if (type === EventType.NODE_DELETED) {
      this.#collect(this.#paths.find(path), childAny, childStandard, heard);
    }
    for (const watcher of heard) emit(watcher, type, path);
    if (type === EventType.NODE_DATA_CHANGED || path.length < 2) return;

    const parent = path.slice(0, Math.max(path.lastIndexOf('/'), 1));
    const index = this.#paths.find(parent);
    if (index === none) return;
    const childHeard: W[] = [];
    this.#trigger += 1;
    this.#collect(index, childAny, childStandard, childHeard);
    for (const watcher of childHeard) emit(watcher, EventType.NODE_CHILDREN_CHANGED, parent);
  }

  forEach(visit: (path: string, watcher: W) => void): void {
    this.#paths.forEach((path, index) => {
      let record = this.#records.firstOfPath(index);
      while (record !== none) {
        visit(path, this.#watchers.get(this.#records.get(record, field.watcher)));
        record = this.#records.get(record, field.nextOfPath);
      }
    });
  }

  #add(path: string, watcher: W, modes: number): void {
    const pathIndex = this.#paths.findOrAdd(path);
    const watcherIndex = this.#watchers.findOrAdd(watcher);
    let record = this.#records.find(pathIndex, watcherIndex);
    if (record === none) record = this.#records.add(pathIndex, watcherIndex);
    this.#setModes(record, this.#records.get(record, field.modes) | modes);
  }

  #find(path: string, watcher: W): Index {
    const pathIndex = this.#paths.find(path);
    if (pathIndex === none) return none;
    const watcherIndex = this.#watchers.find(watcher);
    return watcherIndex === none ? none : this.#records.find(pathIndex, watcherIndex);
  }

  /** Also counts, and drops the record when nothing is left of it. */
  #setModes(record: Index, modes: number): void {
    const before = this.#records.get(record, field.modes);
    this.#dataCount += bit(modes & dataAny) - bit(before & dataAny);
    this.#childCount += bit(modes & childAny) - bit(before & childAny);
    this.#recursiveCount += bit(modes & dataRecursive) - bit(before & dataRecursive);
    if (modes !== 0) return this.#records.set(record, field.modes, modes);
    const path = this.#records.get(record, field.path);
    const watcher = this.#records.get(record, field.watcher);
    this.#records.remove(record);
    if (this.#records.firstOfPath(path) === none) this.#paths.remove(path);
    if (this.#records.firstOfWatcher(watcher) === none) this.#watchers.remove(watcher);
  }

  /** Recursive watches of every ancestor. */
  #collectAbove(path: string, heard: W[]): void {
    let ancestor = path;
    while (ancestor.length > 1) {
      ancestor = ancestor.slice(0, Math.max(ancestor.lastIndexOf('/'), 1));
      this.#collect(this.#paths.find(ancestor), dataRecursive, 0, heard);
    }
  }

  /** Who was collected since the last increment of the trigger is passed over. */
  #collect(path: Index, wanted: number, consumed: number, heard: W[]): void {
    let record = path === none ? none : this.#records.firstOfPath(path);
    while (record !== none) {
      const next = this.#records.get(record, field.nextOfPath);
      const modes = this.#records.get(record, field.modes);
      if ((modes & wanted) !== 0) {
        const index = this.#records.get(record, field.watcher);
        if (this.#isFirst(index)) heard.push(this.#watchers.get(index));
        if ((modes & consumed) !== 0) this.#setModes(record, modes & ~consumed);
      }
      record = next;
    }
  }

  #isFirst(watcher: Index): boolean {
    if (watcher >= this.#collectedBy.length) {
      const grown = new Float64Array(watcher * 2);
      grown.set(this.#collectedBy);
      this.#collectedBy = grown;
    }
    if (this.#collectedBy[watcher] === this.#trigger) return false;
    this.#collectedBy[watcher] = this.#trigger;
    return true;
  }
}

function bit(modes: number): number {
  return modes === 0 ? 0 : 1;
}

/** What a removal of this type takes away; 0 for an unknown type. */
function modesOfType(type: number): number {
  if (type === 1) return childStandard;
  if (type === 2) return dataStandard;
  if (type === 3) return dataAny | childAny;
  if (type === 4) return dataPersistent | childPersistent;
  return type === 5 ? dataRecursive : 0;
}

/** Numbers for things, from 1 on, each taken again when its thing is gone. */
class Names<T> {
  readonly #indexes = new Map<T, Index>();
  readonly #things: (T | null)[] = [null];
  readonly #vacant: Index[] = [];

  get count(): number {
    return this.#indexes.size;
  }

  find(thing: T): Index {
    return this.#indexes.get(thing) ?? none;
  }

  findOrAdd(thing: T): Index {
    let index = this.#indexes.get(thing);
    if (index === undefined) {
      index = this.#vacant.pop() ?? this.#things.length;
      this.#indexes.set(thing, index);
      this.#things[index] = thing;
    }
    return index;
  }

  get(index: Index): T {
    return this.#things[index]!;
  }

  remove(index: Index): void {
    this.#indexes.delete(this.#things[index]!);
    this.#things[index] = null;
    this.#vacant.push(index);
  }

  forEach(visit: (thing: T, index: Index) => void): void {
    for (const [thing, index] of this.#indexes) visit(thing, index);
  }
}
