import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { ZkError, ZooKeeper } from '../../client/index.ts';
import { Prng } from '../sim/prng.ts';
import type { Kind } from '../support/real-ensemble.ts';
import { differencesOf, dumpOf } from '../support/tree-dump.ts';
import type { TreeDump } from '../support/tree-dump.ts';
import { judge, noVerdict } from './judge.ts';
import type { Judged, Verdict } from './judge.ts';
import { Load } from './load.ts';
import { initLimitMs } from './member.ts';
import type { Member } from './member.ts';
import { rampage } from './nemesis.ts';
import type { Deed } from './nemesis.ts';
import type { World } from './world.ts';

/** Folders of the load, each with one kind of node. */
const folders: readonly string[] = [
  'r',
  'set',
  'number',
  'pair',
  'ephemeral',
  'watch',
  'pipe',
  'told',
];
/** The load goes on for so long after everybody serves again. */
const calmMs = 1_500;
/**
 * Everybody serves within so long after everything is healed. TCP repeats what a cut has swallowed
 * only after as long again as the cut has lasted, and a member of the reference that hears old
 * votes first may lead nobody for an initLimit.
 */
const servesMsMax = 2 * initLimitMs;
/** Sessions of clients that have died end within their timeout, and a tick or two. */
const sessionEndMsMax = 25_000;
/** Trees are compared again for so long: sessions that end meanwhile change them. */
const alikeMsMax = 20_000;
const removalsAtATime = 200;

/** What is asked of a phase. */
export interface PhaseOptions extends Judged {
  readonly name: string;
  readonly seed: number;
  readonly forMs: number;
  /** Kind of server that leads in the beginning; `null`: whoever does. */
  readonly leaderKind: Kind | null;
  /** Names of what may be done. */
  readonly faults: readonly string[];
  /** Histories stay also when nothing is wrong. */
  readonly isKept: boolean;
}

/** One stretch of faults, and what came of it. */
export interface PhaseResult {
  readonly name: string;
  readonly seed: number;
  readonly nemesisMs: number;
  readonly faults: readonly Deed[];
  readonly elections: number;
  /** Elections by the kind of the server that won. */
  readonly leaders: Readonly<Record<Kind, number>>;
  readonly servedMs: number | null;
  readonly verdict: Verdict;
  /** Check → violations. */
  readonly checks: ReadonlyMap<string, readonly string[]>;
  readonly notes: readonly string[];
}

/** Breaks an ensemble under load, heals it and looks at everything; the history is judged later. */
export async function runPhase(
  world: World,
  options: PhaseOptions,
): Promise<() => Promise<PhaseResult>> {
  const { name, seed, directory, program } = options;
  mkdirSync(directory, { recursive: true });
  const root = `/${name.replaceAll(/\W/g, '-')}`;
  await makeFolders(world, root);
  await elect(world, options.leaderKind);
  const epoch = (await world.leader())?.epoch ?? 0;
  const { connectString } = world;
  const load = new Load(world.network, { program, root, connectString, seed, directory });
  const startMs = performance.now();
  const faults = await rampage(world, new Prng(seed, name), options.forMs, options.faults);
  const nemesisMs = performance.now() - startMs;
  writeFileSync(join(directory, 'faults.json'), JSON.stringify(faults, null, 1));
  await world.heal();
  const servedMs = await world.servesWithin(servesMsMax);
  const checks = new Map<string, string[]>([
    ['serves', servedMs === null ? [`not everybody served within ${servesMsMax} ms`] : []],
    ['processes', world.takeDeaths('ours')],
    ['clients end', []],
    ['trees', []],
    ['sessions end', []],
  ]);
  const notes = world.takeDeaths('apache');
  if (servedMs === null) await world.servesWithin(2 * servesMsMax);
  await delay(calmMs);
  const isWhole = await lookAtTheEnd(world, load, directory, checks);
  const won = [...world.leaders].filter(([number]) => number > epoch).map(([, one]) => one.kind);
  const elections = ((await world.leader())?.epoch ?? epoch) - epoch;
  // Without its last lines a history proves nothing.
  const judging = isWhole ? judge(options, load.histories) : Promise.resolve(noVerdict);
  await remove(world, root).catch((error: unknown) => {
    checks.set('trees', [...(checks.get('trees') ?? []), `not removed: ${String(error)}`]);
  });
  return async () => {
    const verdict = await judging;
    for (const [check, found] of Object.entries(verdict.checks))
      checks.set(check, [...(found ?? [])]);
    const isClean = [...checks.values()].every((found) => found.length === 0);
    if (isClean && !options.isKept)
      for (const path of load.histories) rmSync(path, { force: true });
    const leaders = {
      ours: won.filter((kind) => kind === 'ours').length,
      apache: won.filter((kind) => kind === 'apache').length,
    };
    return { name, seed, nemesisMs, faults, elections, leaders, servedMs, verdict, checks, notes };
  };
}

/** Trees, sessions and the ends of the histories. False: not all clients came to an end. */
async function lookAtTheEnd(
  world: World,
  load: Load,
  directory: string,
  checks: Map<string, string[]>,
): Promise<boolean> {
  const final = join(directory, 'final.json');
  writeFileSync(final, 'null');
  try {
    await load.quiet();
  } catch (error) {
    checks.set('clients end', [String(error)]);
    load.kill();
    return false;
  }
  try {
    const trees = await treesOf(world);
    checks.set('trees', trees.differences);
    writeFileSync(final, finalOf(trees.dump));
  } catch (error) {
    checks.set('trees', [String(error)]);
  }
  try {
    await load.close();
  } catch (error) {
    checks.set('clients end', [String(error)]);
    load.kill();
    return false;
  }
  await sessionsEnd(world, checks);
  return true;
}

/** What stands for a phase that could not be brought to its end. */
export function brokenPhase(options: PhaseOptions, error: unknown): PhaseResult {
  const why = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return {
    name: options.name,
    seed: options.seed,
    nemesisMs: 0,
    faults: [],
    elections: 0,
    leaders: { ours: 0, apache: 0 },
    servedMs: null,
    verdict: noVerdict,
    checks: new Map([['phase', [why]]]),
    notes: [],
  };
}

/** One line: what was done, and what came of it. */
export function lineOf(result: PhaseResult): string {
  const { verdict, leaders } = result;
  const violations = [...result.checks.values()].flat().length;
  const served =
    result.servedMs === null ? 'not served' : `served ${seconds(result.servedMs)} after`;
  return [
    `${result.name}, seed ${result.seed}: ${seconds(result.nemesisMs)}`,
    `${verdict.ops} ops (${verdict.writes} writes, ${verdict.synced} synced reads)`,
    `${verdict.unknown} unknown`,
    `${result.faults.length} faults`,
    `${result.elections} elections (seen: ours ${leaders.ours}, Apache ${leaders.apache})`,
    `${seconds(verdict.longestGapMs)} longest without a write`,
    served,
    violations === 0 ? 'no violation' : `${violations} VIOLATIONS`,
  ].join(', ');
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}

async function makeFolders(world: World, root: string): Promise<void> {
  await using zk = await ZooKeeper.connect(world.connectString, { connectTimeoutMs: 30_000 });
  await zk.create(root);
  for (const folder of folders) await zk.create(`${root}/${folder}`);
}

/** Restarts leaders until one of that kind leads. */
async function elect(world: World, kind: Kind | null): Promise<void> {
  const attemptsMax = 10;
  for (let attempt = 0; attempt < attemptsMax; attempt += 1) {
    const leader = (await world.leader())?.member;
    if (kind === null || leader?.kind === kind) return;
    await leader?.end('SIGTERM');
    await delay(2 * calmMs);
    leader?.start();
    await world.servesWithin(initLimitMs);
  }
}

/** The tree of each member, read until they are alike or the time is over. */
async function treesOf(
  world: World,
): Promise<{ readonly dump: TreeDump; readonly differences: string[] }> {
  const endMs = performance.now() + alikeMsMax;
  for (;;) {
    const dumps = await Promise.all(world.members.map(dumpOrNone));
    const [dump = new Map<string, string>(), ...others] = dumps;
    const differences = others.flatMap((other, index) =>
      differencesOf(dump, other).map((line) => `1 and ${index + 2}: ${line}`),
    );
    const isOver = dump.size > 0 && differences.length === 0;
    if (isOver || performance.now() > endMs) return { dump, differences };
    await delay(calmMs);
  }
}

/** Empty when something ended while it was read: another look is due. */
async function dumpOrNone(member: Member): Promise<TreeDump> {
  try {
    return await dumpOf(member);
  } catch (error) {
    if (error instanceof ZkError && error.code === 'NO_NODE') return new Map();
    throw error;
  }
}

/** As `node` in go/history.go wants it. */
function finalOf(dump: TreeDump): string {
  const nodes: Record<string, unknown> = {};
  for (const [path, line] of dump) {
    const numberOf = (key: string): string => new RegExp(` ${key}=(-?\\d+)`).exec(line)?.[1] ?? '0';
    const data = /^"([^"]*)"/.exec(line)?.[1] ?? '';
    nodes[path] = {
      value: Buffer.from(data, 'base64').toString('utf8'),
      version: Number(numberOf('version')),
      czxid: Number(numberOf('czxid')),
      mzxid: Number(numberOf('mzxid')),
      owner: numberOf('ephemeralOwner'),
    };
  }
  return JSON.stringify(nodes);
}

/** Ephemerals are gone when the sessions of all clients have ended. */
async function sessionsEnd(world: World, checks: Map<string, string[]>): Promise<void> {
  const endMs = performance.now() + sessionEndMsMax;
  for (;;) {
    const counts = await Promise.all(world.members.map((member) => member.ephemeralCount()));
    if (counts.every((count) => count === 0)) return;
    if (performance.now() > endMs) {
      checks.set('sessions end', [`${counts.join(', ')} ephemerals after ${sessionEndMsMax} ms`]);
      return;
    }
    await delay(200);
  }
}

/** Takes a phase's nodes away, so that trees stay small. */
async function remove(world: World, root: string): Promise<void> {
  await using zk = await ZooKeeper.connect(world.connectString, { connectTimeoutMs: 30_000 });
  for (const folder of folders) {
    const names = await zk.children(`${root}/${folder}`);
    while (names.length > 0) {
      const some = names.splice(0, removalsAtATime);
      await Promise.all(some.map((child) => removeOne(zk, `${root}/${folder}/${child}`)));
    }
    await removeOne(zk, `${root}/${folder}`);
  }
  await removeOne(zk, root);
}

async function removeOne(zk: ZooKeeper, path: string): Promise<void> {
  try {
    await zk.remove(path);
  } catch (error) {
    // Ephemerals end with their sessions, meanwhile.
    if (!(error instanceof ZkError && error.code === 'NO_NODE')) throw error;
  }
}
