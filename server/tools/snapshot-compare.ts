import { subtreeTotals } from './snapshot-text.ts';
import type { IndexedNode } from './snapshot-index.ts';

export interface CompareOptions {
  /** A node is printed when its bytes differ by more. */
  readonly bytesMax: number;
  /** … or the count of its descendants. */
  readonly nodesMax: number;
  /** Also prints how the lists were merged, and what was left out. */
  readonly isVerbose: boolean;
}

type Totals = ReturnType<typeof subtreeTotals>;

/** One snapshot's nodes by level, each level sorted by path. */
export interface Levels {
  readonly levels: readonly (readonly IndexedNode[])[];
  readonly totals: Totals;
}

export function levelsOf(root: IndexedNode): Levels {
  const levels: IndexedNode[][] = [];
  for (let level = [root]; level.length > 0; level = level.flatMap((node) => node.children ?? [])) {
    levels.push(level.toSorted((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : 0)));
  }
  return { levels, totals: subtreeTotals(root) };
}

/** What SnapshotComparer says of one tree. */
export function levelsText({ levels, totals }: Levels): string {
  const root = totals.get(levels[0]?.[0] as IndexedNode) ?? { count: 0, bytes: 0 };
  const counts = levels.map(
    (level, depth) => `Count of nodes at depth ${depth}: ${level.length}\n`,
  );
  return (
    `Node count: ${root.count + 1}\nTotal size: ${root.bytes}\nMax depth: ${levels.length}\n` +
    `${counts.join('')}\n`
  );
}

/** Where two trees differ, level by level, as SnapshotComparer prints it. */
export function* comparison(
  left: Levels,
  right: Levels,
  options: CompareOptions,
): Generator<string> {
  const { bytesMax, nodesMax } = options;
  yield `Printing analysis for nodes difference larger than ${bytesMax} bytes or node count difference larger than ${nodesMax}.\n`;
  const depths = Math.max(left.levels.length, right.levels.length);
  for (let depth = 0; depth < depths; depth += 1) {
    yield `Analysis for depth ${depth}\n`;
    yield* levelComparison(left, right, depth, options);
  }
  yield 'All layers compared.\n';
}

function* levelComparison(
  left: Levels,
  right: Levels,
  depth: number,
  options: CompareOptions,
): Generator<string> {
  const lefts = left.levels[depth] ?? [];
  const rights = right.levels[depth] ?? [];
  let leftAt = 0;
  let rightAt = 0;
  while (leftAt < lefts.length || rightAt < rights.length) {
    const ours = lefts[leftAt];
    const theirs = rights[rightAt];
    const order = orderOf(ours, theirs);
    if (options.isVerbose && ours !== undefined && theirs !== undefined) {
      const verdict = order === 0 ? 'same' : order < 0 ? 'left is less' : 'right is less';
      yield `Comparing ${pathOf(ours)} to ${pathOf(theirs)}\n${verdict}\n`;
    }
    if (order === 0) yield both(left.totals, right.totals, [ours, theirs] as Pair, options);
    else if (order < 0) yield single('left', ours as IndexedNode, left.totals, options);
    else yield single('right', theirs as IndexedNode, right.totals, options);
    if (order <= 0) leftAt += 1;
    if (order >= 0) rightAt += 1;
  }
}

type Pair = readonly [IndexedNode, IndexedNode];

function orderOf(ours: IndexedNode | undefined, theirs: IndexedNode | undefined): number {
  if (ours === undefined) return 1;
  if (theirs === undefined) return -1;
  return ours.path < theirs.path ? -1 : ours.path > theirs.path ? 1 : 0;
}

function both(left: Totals, right: Totals, [ours, theirs]: Pair, options: CompareOptions): string {
  const before = left.get(ours) ?? { count: 0, bytes: 0 };
  const after = right.get(theirs) ?? { count: 0, bytes: 0 };
  const bytes = after.bytes - before.bytes;
  const count = after.count - before.count;
  if (Math.abs(bytes) > options.bytesMax || Math.abs(count) > options.nodesMax) {
    return `Node ${pathOf(ours)} found in both trees. Delta: ${bytes} bytes, ${count} descendants\n`;
  }
  if (!options.isVerbose) return '';
  return `Filtered node ${pathOf(ours)} of left size ${before.bytes}, right size ${after.bytes}\n`;
}

function single(
  side: 'left' | 'right',
  node: IndexedNode,
  totals: Totals,
  options: CompareOptions,
): string {
  const { count, bytes } = totals.get(node) ?? { count: 0, bytes: 0 };
  const path = pathOf(node);
  if (bytes > options.bytesMax || count > options.nodesMax) {
    return `Node ${path} found only in ${side} tree. Descendant size: ${bytes}. Descendant count: ${count}\n`;
  }
  return options.isVerbose ? `Filtered ${side} node ${path} of size ${bytes}\n` : '';
}

/** The root has no name in this tool. */
function pathOf(node: IndexedNode): string {
  return node.path === '/' ? '' : node.path;
}
