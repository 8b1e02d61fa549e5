import type { Txn } from '../protocol/txn.ts';
import type { Zxid } from '../protocol/zxid.ts';
import { Apply } from './apply.ts';
import type {
  Applied,
  StoredTree,
  TreeOptions,
  TreeSnapshotSink,
  TreeSnapshotSource,
} from './door.ts';
import { word } from './node-record.ts';
import { Quotas } from './quota.ts';
import { SnapshotSink } from './snapshot-sink.ts';
import { SnapshotSource } from './snapshot-source.ts';
import { StateReader } from './tree-reader.ts';
import { TreeState } from './tree-state.ts';

/** A tree at birth. */
export function createTree(options: TreeOptions = {}): StoredTree {
  const state = new TreeState(options);
  return new DataTree(state, new Quotas(state));
}

/** The replicated state of a server: one for its life, emptied and refilled in place. */
class DataTree extends StateReader implements StoredTree {
  readonly #state: TreeState;
  readonly #quotas: Quotas;
  readonly #apply: Apply;

  constructor(state: TreeState, quotas: Quotas) {
    super(state, quotas);
    this.#state = state;
    this.#quotas = quotas;
    this.#apply = new Apply(state, quotas);
  }

  apply(txn: Txn): Applied {
    return this.#apply.apply(txn);
  }

  setLastZxid(zxid: Zxid): void {
    this.#state.lastZxid = zxid;
  }

  setConfig(text: string, version: Zxid, nowMs: number): void {
    this.#state.addBirthNodes();
    const node = this.#state.find('/zookeeper/config');
    this.#state.setData(node, Buffer.from(text));
    this.#state.store.setInt(node, word.version, -1);
    this.#state.store.setLong(node, word.mzxid, version);
    this.#state.store.setLong(node, word.mtime, nowMs);
  }

  reset(): void {
    this.#quotas.clear();
    this.#state.reset();
    this.#state.store.releaseSpares();
    this.#state.addBirthNodes();
  }

  snapshotSource(): TreeSnapshotSource {
    return new SnapshotSource(this.#state);
  }

  beginSnapshot(): TreeSnapshotSink {
    this.#quotas.clear();
    this.#state.reset();
    return new SnapshotSink(this.#state);
  }

  endSnapshot(zxid: Zxid): void {
    this.#state.addBirthNodes();
    this.#state.store.releaseSpares();
    this.#state.acls.dropUnused();
    this.#state.lastZxid = zxid;
    this.#quotas.recountAll();
  }
}
