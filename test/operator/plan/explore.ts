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
} from './model.ts';
import type { Move, Rules, World } from './model.ts';

export interface Explored {
  readonly states: ReadonlyMap<string, World>;
  /** The moves to the first state that broke an invariant; `null`: none did. */
  readonly broken: { readonly why: string; readonly moves: readonly string[] } | null;
}

/** Every state that can be reached, breadth first, up to the first that breaks something. */
export function explore(start: World, rules: Rules): Explored {
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
export function endOf(world: World, rules: Rules): World {
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

/** The planner as it is, with evictions that a budget may refuse. */
export const ours: Rules = { planner: realPlanner, budget: true };

/** From here on nothing else goes wrong: is the wish carried out and everybody in sync? */
export function endsWell(world: World, rules: Rules): boolean {
  const end = endOf(world, rules);
  if (!isGood(end.wanted)) return true;
  return end.members.every(({ run, revision }) => run === Run.SYNCED && revision === end.wanted);
}
