import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  electionMoves,
  isGood,
  keyOf,
  memberMoves,
  movesOf,
  operatorMoves,
  quorumOf,
  realPlanner,
  Run,
  startOf,
  syncedCount,
} from './model.ts';
import type { Move, Planner, Rules, World } from './model.ts';

// Goal: no order of events, however unlucky, lets the operator take a quorum, take two members
// at once, or get stuck.
// Method: every reachable state of a small world, breadth first: members that die, are drained,
// come up, synchronize and elect; a user who changes the wish midway, also to a revision that
// crashes and back; an operator whose decision waits any time before it is carried out. What
// breaks is printed as the moves that led there.

interface Explored {
  readonly states: ReadonlyMap<string, World>;
  /** The moves to the first state that broke an invariant; `null`: none did. */
  readonly broken: { readonly why: string; readonly moves: readonly string[] } | null;
}

function explore(start: World, rules: Rules): Explored {
  const states = new Map([[keyOf(start), start]]);
  const cameFrom = new Map<string, { readonly key: string; readonly what: string }>();
  const queue = [start];
  for (let at = 0; at < queue.length; at += 1) {
    const world = queue[at];
    if (world === undefined) break;
    const key = keyOf(world);
    for (const move of movesOf(world, rules)) {
      const why = breachOf(world, move, start);
      if (why !== null) {
        return { states, broken: { why, moves: [...trace(cameFrom, key), move.what] } };
      }
      const next = keyOf(move.world);
      if (states.has(next)) continue;
      states.set(next, move.world);
      cameFrom.set(next, { key, what: move.what });
      queue.push(move.world);
    }
  }
  return { states, broken: null };
}

function trace(
  cameFrom: ReadonlyMap<string, { readonly key: string; readonly what: string }>,
  key: string,
): string[] {
  const moves: string[] = [];
  for (let step = cameFrom.get(key); step !== undefined; step = cameFrom.get(step.key)) {
    moves.unshift(step.what);
  }
  return moves;
}

function breachOf(before: World, move: Move, start: World): string | null {
  const bad = move.world.members.filter(
    ({ run, revision }) => !isGood(revision) && run !== Run.ABSENT,
  ).length;
  if (bad > 1 && move.world.faultsLeft === start.faultsLeft) return `${bad} bad ones by itself`;
  if (move.evicted === undefined) return null;
  const victim = before.members[move.evicted];
  const others = before.members.filter((_, index) => index !== move.evicted);
  const healthy = victim?.run === Run.SYNCED && others.length > 0;
  if (healthy && before.leader !== -1) {
    const left = others.filter(({ run }) => run === Run.SYNCED).length;
    if (left < quorumOf(before)) return 'an eviction takes the quorum';
  }
  if (healthy && others.some(({ run }) => run === Run.ABSENT)) return 'two are away';
  // One is tried with a bad revision; a quorum must be left that can work with the one it has.
  const good = before.members.filter(({ revision }) => isGood(revision)).length;
  const lost = !isGood(before.applied) && isGood(victim?.revision ?? 0) && others.length > 0;
  return lost && good === quorumOf(before) ? 'a bad revision reaches the quorum' : null;
}

/** Goes on without faults or edits, fairly: everything that can happen happens. */
function endOf(world: World, rules: Rules): World {
  let now: World = { ...world, faultsLeft: 0, editsLeft: 0 };
  for (let round = 0; round < 60; round += 1) {
    for (const moves of [memberMoves, electionMoves]) {
      for (let move = moves(now).at(-1); move !== undefined; move = moves(now).at(-1)) {
        now = move.world;
      }
    }
    now = operatorMoves(now, rules).at(-1)?.world ?? now;
  }
  return now;
}

const ours: Rules = { planner: realPlanner, budget: true };

for (const [size, faults, edits] of [
  [1, 2, 3],
  [3, 2, 2],
  [5, 1, 1],
] as const) {
  test(`${size} members, ${faults} faults, ${edits} changes of mind: safe in every state`, (t) => {
    const { states, broken } = explore(startOf(size, { faults, edits }), ours);
    assert.equal(broken, null, broken === null ? '' : `${broken.why}: ${broken.moves.join('; ')}`);
    t.diagnostic(`${states.size} states`);
    assert.ok(states.size > 100);
  });

  test(`${size} members, ${faults} faults, ${edits} changes of mind: every state ends well`, () => {
    const { states } = explore(startOf(size, { faults, edits }), ours);
    for (const world of states.values()) {
      const end = endOf(world, ours);
      if (!isGood(end.wanted)) continue;
      const ended = end.members.every(
        ({ run, revision }) => run === Run.SYNCED && revision === end.wanted,
      );
      assert.ok(ended, `from ${keyOf(world)} to ${keyOf(end)}`);
    }
  });
}

/** Highest ordinal first, next one when all pods are ready: no look at who is in sync. */
const byOrdinal: Planner = (world) =>
  world.members.some(({ run }) => run === Run.ABSENT)
    ? -1
    : world.members.findLastIndex(({ revision }) => revision !== world.wanted);

test('a planner that goes by ordinal alone is found out', () => {
  const rules = { planner: byOrdinal, budget: false };
  const { broken } = explore(startOf(3, { faults: 1, edits: 1 }), rules);
  assert.equal(broken?.why, 'an eviction takes the quorum');
  assert.ok(broken.moves.length < 12, broken.moves.join('; '));
});

test('a good planner without a referee is found out, too: its view may be old', () => {
  const rules = { planner: realPlanner, budget: false };
  const { broken } = explore(startOf(3, { faults: 1, edits: 1 }), rules);
  assert.equal(broken?.why, 'an eviction takes the quorum');
});

test('a planner that waits for those that never come back gets stuck after a revert', () => {
  const waiting: Planner = (world, long) =>
    world.members.some(({ run }) => run !== Run.SYNCED) ? -1 : realPlanner(world, long);
  const rules = { planner: waiting, budget: true };
  const { states } = explore(startOf(3, { faults: 0, edits: 2 }), rules);
  const stuck = [...states.values()].filter((world) => {
    const end = endOf(world, rules);
    return isGood(end.wanted) && syncedCount(end) < end.members.length;
  });
  assert.ok(stuck.length > 0);
});
