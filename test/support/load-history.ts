import type { Stat } from '../../client/index.ts';

type Zxid = Stat['czxid'];

/** What became of a request: `unknown`, the connection was lost and it may be done or not. */
export type Fate = 'acknowledged' | 'unknown' | 'refused';

export interface WriteRecord {
  readonly client: string;
  readonly kind: 'set' | 'create';
  /** Of an acknowledged sequential create: as made. */
  path: string;
  /** Grows from one write of a client to its next. */
  readonly value: number;
  fate: Fate;
  /** When the answer came, ms of `performance.now()`. */
  answeredMs: number;
  /** Of the write, when acknowledged. */
  zxid: Zxid;
  /** Of the node afterwards, when a set was acknowledged. */
  version: number;
  /** Name of the error. */
  detail: string;
}

export interface ReadRecord {
  readonly client: string;
  readonly path: string;
  readonly value: number;
  readonly mzxid: Zxid;
  /** What was acknowledged before it was asked for. */
  readonly floor: number;
  /** It has to see at least that. */
  readonly isBound: boolean;
}

/** A node that has to be there unchanged, made once. */
export interface KeptNode {
  readonly path: string;
  readonly owner: Stat['ephemeralOwner'];
  readonly czxid: Zxid;
}

/** A node of one tree, as much of it as the checks look at. */
export interface FinalNode {
  readonly value: number;
  readonly version: number;
  readonly czxid: Zxid;
  readonly ephemeralOwner: Stat['ephemeralOwner'];
}

export type FinalNodes = ReadonlyMap<string, FinalNode>;

/** All that some clients asked for, each in the order in which it asked, and what they were told. */
export class LoadHistory {
  readonly writes: WriteRecord[] = [];
  readonly reads: ReadRecord[] = [];
  readonly kept: KeptNode[] = [];
  /** Register → the value that was acknowledged last. */
  readonly floors: Map<string, number> = new Map();
  /** Sessions that ended and other things that nobody may be told. */
  readonly incidents: string[] = [];

  count(fate: Fate): number {
    return this.writes.filter((write) => write.fate === fate).length;
  }

  /** Reads behind a sync that did not see what was acknowledged before, where that may be. */
  countBehind(): number {
    return this.reads.filter((read) => !read.isBound && read.value < read.floor).length;
  }

  /** Violations, a line each; those that need no tree. */
  violations(): string[] {
    const refused = this.writes
      .filter(({ fate }) => fate === 'refused')
      .map((write) => `${write.client}: ${write.kind} ${write.path} refused: ${write.detail}`);
    return [...this.incidents, ...refused, ...this.#disorder(), ...this.#staleReads()];
  }

  /** What a tree, read after the last answer, lacks or has too much. */
  violationsIn(nodes: FinalNodes): string[] {
    return [...this.#wrongRegisters(nodes), ...this.#wrongCreates(nodes), ...this.#lost(nodes)];
  }

  /** The writes of a session take effect in the order in which it sent them. */
  #disorder(): string[] {
    const found: string[] = [];
    const last = new Map<string, WriteRecord>();
    for (const write of this.writes) {
      if (write.fate !== 'acknowledged') continue;
      const before = last.get(write.client);
      if (before !== undefined && before.zxid >= write.zxid) {
        found.push(`${write.client}: ${write.value} took effect before ${before.value}`);
      }
      last.set(write.client, write);
    }
    return found;
  }

  #staleReads(): string[] {
    const found: string[] = [];
    const last = new Map<string, ReadRecord>();
    for (const read of this.reads) {
      const key = `${read.client} ${read.path}`;
      const before = last.get(key);
      if (before !== undefined && (before.mzxid > read.mzxid || before.value > read.value)) {
        found.push(`${read.client}: ${read.path} went back from ${before.value} to ${read.value}`);
      }
      if (read.isBound && read.value < read.floor) {
        found.push(`${read.client}: ${read.path} is ${read.value}, ${read.floor} was acknowledged`);
      }
      last.set(key, read);
    }
    return found;
  }

  #wrongRegisters(nodes: FinalNodes): string[] {
    const found: string[] = [];
    const sets = this.writes.filter(({ kind }) => kind === 'set');
    for (const [path, writes] of Map.groupBy(sets, (write) => write.path)) {
      const acknowledged = writes.filter(({ fate }) => fate === 'acknowledged');
      const unknown = writes.filter(({ fate }) => fate === 'unknown');
      const floor = acknowledged.at(-1)?.value ?? 0;
      const node = nodes.get(path);
      if (node === undefined || node.value < floor) {
        found.push(`${path} is ${node?.value ?? 'gone'}, ${floor} was acknowledged`);
        continue;
      }
      if (node.value > 0 && !writes.some(({ value }) => value === node.value)) {
        found.push(`${path} is ${node.value}, which nobody wrote`);
      }
      // Each set counts once: those acknowledged surely, those of unknown fate perhaps.
      const most = acknowledged.length + unknown.length;
      if (node.version < acknowledged.length || node.version > most) {
        found.push(`${path} was set ${node.version} times, not ${acknowledged.length} to ${most}`);
      }
    }
    return found;
  }

  #wrongCreates(nodes: FinalNodes): string[] {
    const found: string[] = [];
    const creates = this.writes.filter(({ kind }) => kind === 'create');
    for (const write of creates) {
      if (write.fate !== 'acknowledged') continue;
      const node = nodes.get(write.path);
      if (node?.value !== write.value || node.czxid !== write.zxid) {
        found.push(`${write.path} of ${write.value} is not there as it was acknowledged`);
      }
    }
    const parents = new Set(creates.map(({ path }) => path.slice(0, path.lastIndexOf('/'))));
    const made = [...nodes].filter(([path]) => parents.has(path.slice(0, path.lastIndexOf('/'))));
    const values = new Set<number>();
    const wanted = new Set(creates.map(({ value }) => value));
    for (const [path, { value }] of made) {
      if (values.has(value) || !wanted.has(value))
        found.push(`${path} holds ${value} once too often`);
      values.add(value);
    }
    return found;
  }

  #lost(nodes: FinalNodes): string[] {
    return this.kept
      .filter(({ path, owner, czxid }) => {
        const node = nodes.get(path);
        return node?.czxid !== czxid || node.ephemeralOwner !== owner;
      })
      .map(({ path }) => `${path} did not stay`);
  }
}
