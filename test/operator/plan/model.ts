import { nextRolloutStep } from '../../../operator/plan/rollout.ts';
import type { RolloutStep } from '../../../operator/plan/rollout.ts';
import { rolloutOf, serversOf } from './views.ts';
import type { ServerOf } from './views.ts';

/** What a member of the model does. */
export const Run = { ABSENT: 0, STARTING: 1, JOINING: 2, SYNCED: 3, CRASHING: 4 } as const;
export type Run = (typeof Run)[keyof typeof Run];

/** Revisions: the one that runs, one that crashes, one that is good, one that runs and never joins. */
export const Revision = { OLD: 0, BAD: 1, NEW: 2, MUTE: 3 } as const;

export function isGood(revision: number): boolean {
  return revision === Revision.OLD || revision === Revision.NEW;
}

export interface Member {
  readonly run: Run;
  readonly revision: number;
}

/** One state of the world: the ensemble, the StatefulSet, the wish, and one pass of the operator. */
export interface World {
  readonly members: readonly Member[];
  /** Index; -1: nobody. */
  readonly leader: number;
  readonly wanted: number;
  /** Revision that a new pod gets. */
  readonly applied: number;
  readonly faultsLeft: number;
  readonly editsLeft: number;
  /** Pod that the operator decided to evict and has not evicted yet; -1: none. */
  readonly decided: number;
  /** No pod was replaced and the wish did not change since it decided. */
  readonly fresh: boolean;
}

export interface Move {
  readonly what: string;
  readonly world: World;
  /** An eviction that was carried out. */
  readonly evicted?: number;
}

export type Planner = (world: World, unreadyForLong: boolean) => number;

/** How evictions are carried out: by the API's referee, or by plain deletion. */
export interface Rules {
  readonly planner: Planner;
  readonly budget: boolean;
}

export function startOf(size: number, limits: { faults: number; edits: number }): World {
  return {
    members: Array.from({ length: size }, () => ({ run: Run.SYNCED, revision: Revision.OLD })),
    leader: size - 1,
    wanted: Revision.OLD,
    applied: Revision.OLD,
    faultsLeft: limits.faults,
    editsLeft: limits.edits,
    decided: -1,
    fresh: false,
  };
}

export function quorumOf(world: World): number {
  return Math.floor(world.members.length / 2) + 1;
}

export function syncedCount(world: World): number {
  return world.members.filter(({ run }) => run === Run.SYNCED).length;
}

export function keyOf(world: World): string {
  const members = world.members.map(({ run, revision }) => `${run}${revision}`).join('');
  const { leader, wanted, applied, faultsLeft, editsLeft, decided, fresh } = world;
  return [members, leader, wanted, applied, faultsLeft, editsLeft, decided, fresh ? 1 : 0].join();
}

/** Every way on from here. */
export function movesOf(world: World, rules: Rules): Move[] {
  return [
    ...memberMoves(world),
    ...electionMoves(world),
    ...faultMoves(world),
    ...editMoves(world),
    ...operatorMoves(world, rules),
  ];
}

/** What happens by itself when nothing else goes wrong. */
export function memberMoves(world: World): Move[] {
  return world.members.flatMap(({ run, revision }, index): Move[] => {
    switch (run) {
      case Run.ABSENT: {
        const member = { run: Run.STARTING, revision: world.applied };
        const next = { ...withMember(world, index, member), fresh: false };
        return [{ what: `pod ${index} is made`, world: next }];
      }
      case Run.STARTING: {
        const bad = revision === Revision.BAD;
        const member = { run: bad ? Run.CRASHING : Run.JOINING, revision };
        const what = `server ${index} ${bad ? 'crashes' : 'is up'}`;
        return [{ what, world: withMember(world, index, member) }];
      }
      case Run.JOINING: {
        if (world.leader === -1 || revision === Revision.MUTE) return [];
        const member = { run: Run.SYNCED, revision };
        return [{ what: `server ${index} is in sync`, world: withMember(world, index, member) }];
      }
      case Run.SYNCED:
      case Run.CRASHING:
        return [];
    }
  });
}

export function electionMoves(world: World): Move[] {
  if (world.leader !== -1) return [];
  const alive = world.members.flatMap(({ run, revision }, index) =>
    run === Run.JOINING && revision !== Revision.MUTE ? [index] : [],
  );
  if (alive.length < quorumOf(world)) return [];
  return alive.map((leader) => {
    const followers = alive.slice(0, quorumOf(world));
    if (!followers.includes(leader)) followers[0] = leader;
    const members = world.members.map((member, index) =>
      followers.includes(index) ? { ...member, run: Run.SYNCED } : member,
    );
    return { what: `server ${leader} leads`, world: { ...world, members, leader } };
  });
}

function faultMoves(world: World): Move[] {
  if (world.faultsLeft === 0) return [];
  const faultsLeft = world.faultsLeft - 1;
  return world.members.flatMap(({ run, revision }, index): Move[] => {
    if (run === Run.ABSENT || run === Run.STARTING) return [];
    const crashed = settled({
      ...withMember(world, index, { run: Run.STARTING, revision }),
      faultsLeft,
    });
    const moves: Move[] = [{ what: `server ${index} dies`, world: crashed }];
    if (mayEvict(world, index)) {
      const drained = settled({
        ...withMember(world, index, { run: Run.ABSENT, revision }),
        faultsLeft,
      });
      moves.push({ what: `pod ${index} is drained`, world: { ...drained, fresh: false } });
    }
    return moves;
  });
}

function editMoves(world: World): Move[] {
  if (world.editsLeft === 0) return [];
  return Object.values(Revision)
    .filter((wanted) => wanted !== world.wanted)
    .map((wanted) => ({
      what: `the user wants revision ${wanted}`,
      world: { ...world, wanted, editsLeft: world.editsLeft - 1, fresh: false },
    }));
}

/** One pass: apply the template and decide; and later, as another move, the eviction. */
export function operatorMoves(world: World, rules: Rules): Move[] {
  if (world.decided !== -1) {
    const done = { ...world, decided: -1, fresh: false };
    const index = world.decided;
    const refused = rules.budget && (!world.fresh || !mayEvict(world, index));
    if (refused) return [{ what: `the eviction of ${index} is refused`, world: done }];
    const revision = world.members[index]?.revision ?? 0;
    const after = settled(withMember(done, index, { run: Run.ABSENT, revision }));
    return [{ what: `pod ${index} is evicted`, world: after, evicted: index }];
  }
  const seen = { ...world, applied: world.wanted };
  // Half a minute passes only where nothing else can happen.
  const long = electionMoves(world).length === 0 && memberMoves(world).length === 0;
  const choices = new Set([rules.planner(seen, false), rules.planner(seen, long)]);
  return [...choices].map((choice) => ({
    what: choice === -1 ? 'a pass changes nothing' : `a pass decides to evict ${choice}`,
    world: { ...seen, decided: choice, fresh: choice !== -1 },
  }));
}

/** The disruption budget: one voter away, counting those that are not ready; those always go. */
function mayEvict(world: World, index: number): boolean {
  if (world.members[index]?.run !== Run.SYNCED) return true;
  return syncedCount(world) === world.members.length;
}

function withMember(world: World, index: number, member: Member): World {
  return { ...world, members: world.members.with(index, member) };
}

/** A leader without a quorum, or without itself, leads no more; who followed looks again. */
function settled(world: World): World {
  const leads = world.members[world.leader]?.run === Run.SYNCED;
  if (world.leader === -1 || (leads && syncedCount(world) >= quorumOf(world))) return world;
  const members = world.members.map((member) =>
    member.run === Run.SYNCED ? { ...member, run: Run.JOINING } : member,
  );
  return { ...world, members, leader: -1 };
}

const names = ['old', 'bad', 'new', 'mute'];
const decisions = new Map<string, number>();

/** The real planner, fed with views of the model. */
export function realPlanner(world: World, unreadyForLong: boolean): number {
  const members = world.members.map(({ run, revision }) => `${run}${revision}`).join('');
  const key = `${members},${world.leader},${world.wanted},${unreadyForLong}`;
  const known = decisions.get(key);
  if (known !== undefined) return known;
  const step = stepOf(world, unreadyForLong);
  const choice = step.type === 'evict' ? step.server.ordinal : -1;
  decisions.set(key, choice);
  return choice;
}

export function stepOf(world: World, unreadyForLong: boolean): RolloutStep {
  const sinceMs = unreadyForLong ? 60_000 : 5000;
  const wanted = names[world.wanted] ?? '';
  const views = world.members.map((member, index): [string, ServerOf] => [
    `zk-${index}`,
    viewOf(member, world.leader === -1, sinceMs),
  ]);
  const of = { voters: world.members.length, leader: world.leader + 1 };
  const servers = serversOf(of, Object.fromEntries(views));
  return nextRolloutStep(rolloutOf(servers, { voterRevision: wanted, minReadyMs: 0 }));
}

function viewOf({ run, revision }: Member, leaderless: boolean, sinceMs: number): ServerOf {
  const common = { revision: names[revision] ?? '', sinceMs };
  const trouble = { reason: 'CrashLoopBackOff', message: '' };
  switch (run) {
    case Run.ABSENT:
      return { pod: null };
    case Run.STARTING:
      return { ...common, sinceMs: 1000, ready: false, state: null, synced: false };
    case Run.CRASHING:
      return { ...common, ready: false, state: null, synced: false, pod: { trouble } };
    case Run.JOINING: {
      const state = {
        serving: false,
        leader: null,
        ...(leaderless ? {} : { role: 'looking' as const }),
      };
      return { ...common, ready: false, synced: false, state };
    }
    case Run.SYNCED:
      return common;
  }
}
