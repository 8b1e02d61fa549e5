import { nodeNone, type NodeRef } from './door.ts';
import { extra, word } from './node-record.ts';
import { ttlMsOf } from './owners.ts';
import type { TreeState } from './tree-state.ts';

/** A search looks at so many nodes of a kind, about 10 ms; the next one goes on from there. */
const searchCountMax = 100_000;

/**
 * Childless nodes whose time has come: containers that had children (or never had any for longer
 * than `neverUsedMsMax`, if that is not 0), TTL nodes unchanged for longer than their TTL.
 *
 * Source: semantics, section 8.
 */
export class DueSearch {
  readonly #state: TreeState;
  readonly #containers: Round;
  readonly #ttls: Round;

  constructor(state: TreeState) {
    this.#state = state;
    this.#containers = new Round(state.containers);
    this.#ttls = new Round(state.ttls);
  }

  find(nowMs: number, neverUsedMsMax: number, countMax: number): string[] {
    const state = this.#state;
    const due: string[] = [];
    for (let left = this.#containers.lengthMax; left > 0 && due.length < countMax; left -= 1) {
      const node = this.#containers.next();
      if (isContainerDue(state, node, nowMs, neverUsedMsMax)) due.push(state.pathOf(node));
    }
    for (let left = this.#ttls.lengthMax; left > 0 && due.length < countMax; left -= 1) {
      const node = this.#ttls.next();
      if (isTtlDue(state, node, nowMs)) due.push(state.pathOf(node));
    }
    return due;
  }
}

/** Goes round and round a set that changes meanwhile. */
class Round {
  readonly #nodes: ReadonlySet<NodeRef>;
  #iterator: Iterator<NodeRef, undefined>;

  constructor(nodes: ReadonlySet<NodeRef>) {
    this.#nodes = nodes;
    this.#iterator = nodes.values();
  }

  /** No node twice in one search. */
  get lengthMax(): number {
    return Math.min(this.#nodes.size, searchCountMax);
  }

  /** The set is not empty. */
  next(): NodeRef {
    let step = this.#iterator.next();
    if (step.done === true) {
      this.#iterator = this.#nodes.values();
      step = this.#iterator.next();
    }
    return step.value ?? nodeNone;
  }
}

function isContainerDue(
  { store }: TreeState,
  node: NodeRef,
  nowMs: number,
  neverUsedMsMax: number,
): boolean {
  if (store.firstChild(node) !== nodeNone) return false;
  if (store.more(node, extra.creates) > 0) return true;
  return neverUsedMsMax !== 0 && nowMs - store.long(node, word.mtime) > neverUsedMsMax;
}

function isTtlDue({ store }: TreeState, node: NodeRef, nowMs: number): boolean {
  if (store.firstChild(node) !== nodeNone) return false;
  const ttlMs = ttlMsOf(store.more(node, extra.owner), store.more(node, extra.owner + 1));
  return nowMs - store.long(node, word.mtime) > ttlMs;
}
