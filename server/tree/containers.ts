import { nodeNone, type NodeRef } from './door.ts';
import { extra, word } from './node-record.ts';
import { ttlMsOf } from './owners.ts';
import type { TreeState } from './tree-state.ts';

/**
 * Childless nodes whose time has come: containers that had children (or never had any for longer
 * than `neverUsedMsMax`, if that is not 0), TTL nodes unchanged for longer than their TTL.
 *
 * Source: semantics, section 8.
 */
export function dueContainers(
  state: TreeState,
  nowMs: number,
  neverUsedMsMax: number,
  countMax: number,
): string[] {
  const { store } = state;
  const due: string[] = [];
  for (const node of state.containers) {
    if (due.length >= countMax) return due;
    if (isContainerDue(state, node, nowMs, neverUsedMsMax)) due.push(state.pathOf(node));
  }
  for (const node of state.ttls) {
    if (due.length >= countMax) return due;
    if (store.firstChild(node) !== nodeNone) continue;
    const ttlMs = ttlMsOf(store.more(node, extra.owner), store.more(node, extra.owner + 1));
    if (nowMs - store.long(node, word.mtime) > ttlMs) due.push(state.pathOf(node));
  }
  return due;
}

function isContainerDue(
  state: TreeState,
  node: NodeRef,
  nowMs: number,
  neverUsedMsMax: number,
): boolean {
  const { store } = state;
  if (store.firstChild(node) !== nodeNone) return false;
  if (store.more(node, extra.creates) > 0) return true;
  return neverUsedMsMax !== 0 && nowMs - store.long(node, word.mtime) > neverUsedMsMax;
}
