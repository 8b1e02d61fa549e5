import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { ZooKeeper } from '../../client/index.ts';
import type { Stat } from '../../client/index.ts';
import { TreeCache } from '../../client/recipes/index.ts';
import { apacheClasspath, apacheMissing } from '../support/apache.ts';
import { LoadHistory } from '../support/load-history.ts';
import type { FinalNode } from '../support/load-history.ts';
import { RealEnsemble, until } from '../support/real-ensemble.ts';
import type { Kind, Member } from '../support/real-ensemble.ts';
import { StandingState } from '../support/standing-state.ts';
import { SteadyLoad } from '../support/steady-load.ts';
import type { LoadFigures } from '../support/steady-load.ts';
import { differencesOf, dumpOf } from '../support/tree-dump.ts';
import type { TreeDump } from '../support/tree-dump.ts';

// Goal: an ensemble of the reference becomes one of ours, member by member over its own
// directories, and the reference again, while clients work and notice no more than a restart.
// Method: three real processes with every kind of node; writers, readers, a lock and a cache all
// the time; after every member the history of the clients and the trees of all members.

const skip = apacheMissing() ?? false;
const apache = { kind: 'apache' } as const;
/** Of each client, before the next member's turn. */
const roundsEach = 40;

interface Replacement {
  readonly name: string;
  /** What all members become. */
  readonly kinds: readonly Kind[];
  /** One after the other, the leader as the last or as the next; or all at once. */
  readonly turn: 'leader last' | 'leader next' | 'all';
  readonly signal: 'SIGTERM' | 'SIGKILL';
}

const replacements: readonly Replacement[] = [
  { name: 'there and back', kinds: ['ours', 'apache'], turn: 'leader last', signal: 'SIGTERM' },
  { name: 'always the leader', kinds: ['ours', 'apache'], turn: 'leader next', signal: 'SIGTERM' },
  { name: 'killed', kinds: ['ours', 'apache'], turn: 'leader last', signal: 'SIGKILL' },
  { name: 'all at once', kinds: ['ours', 'apache'], turn: 'all', signal: 'SIGTERM' },
  { name: 'the reference by itself', kinds: ['apache'], turn: 'leader last', signal: 'SIGTERM' },
];

interface StepFigures extends LoadFigures {
  /** Who became what. */
  readonly what: string;
  readonly hasLeader: boolean;
  /** Snapshots and logs that were handed over. */
  readonly files: number;
  readonly stopMs: number;
  /** From the signal until it serves clients again. */
  readonly servesMs: number;
  /** From the signal until it has what the leader had when it began to serve. */
  readonly levelMs: number;
}

/**
 * Trees of the reference that had another digest than their leader's after a transaction, by the
 * time the member was level. A tree that a leader streams is ahead of its zxid in places, and the
 * reference counts the transactions that it has twice. Later there must be no more.
 */
const mismatches = new WeakMap<Member, number>();

/** Figures of the last run, as tables. */
const tablesFile = resolve(import.meta.dirname, '../../.local/rolling-replacement.md');
const tables: string[] = [];

for (const replacement of replacements) {
  test(`members change their kind under load: ${replacement.name}`, { skip }, async (t) => {
    apacheClasspath();
    await using ensemble = await RealEnsemble.started({
      members: [apache, apache, apache],
      tickMs: 1000,
      properties: {
        'zookeeper.extendedTypesEnabled': 'true',
        // Both kinds leave each other several logs and snapshots.
        'zookeeper.snapCount': '1500',
      },
    });
    await using standing = await StandingState.make(ensemble.connectString);
    const history = new LoadHistory();
    await using load = await SteadyLoad.start(ensemble.connectString, history, {
      writers: 4,
      lockers: 2,
    });
    await using reader = await ZooKeeper.connect(ensemble.connectString, {
      sessionTimeoutMs: 20_000,
    });
    using cache = await TreeCache.open(reader, '/load/registers');
    const check = async (): Promise<void> => {
      await load.pause();
      await checkAll(ensemble, standing, history, cache);
      assert.equal(reader.state, 'connected');
      load.resume();
    };
    await load.goesOn(roundsEach);
    await check();
    assert(standing.size > 300, 'there is something to lose');
    const steps: StepFigures[] = [];
    for (const kind of replacement.kinds) {
      let left = [...ensemble.members];
      while (left.length > 0) {
        const members = await nextOf(left, ensemble, replacement.turn);
        left = left.filter((member) => !members.includes(member));
        load.areSyncsBound = false;
        steps.push(await replaced(members, kind, replacement.signal, ensemble, load));
        await check();
      }
      load.areSyncsBound = kind === 'ours';
      await load.goesOn(roundsEach);
    }
    await load.stop();
    await checkAll(ensemble, standing, history, cache);
    assert(steps.some(({ hasLeader }) => hasLeader));
    assert(
      steps.some(({ files }) => files > 6),
      'more than a first log and snapshot were handed over',
    );
    report(t, replacement, steps, history);
  });
}

async function nextOf(
  left: readonly Member[],
  ensemble: RealEnsemble,
  turn: Replacement['turn'],
): Promise<readonly Member[]> {
  if (turn === 'all') return left;
  const leader = await ensemble.leader();
  const followers = left.filter((member) => member !== leader);
  const wished = turn === 'leader last' ? followers[0] : left.find((member) => member === leader);
  const next = wished ?? left[0];
  assert(next !== undefined);
  return [next];
}

async function replaced(
  members: readonly Member[],
  kind: Kind,
  signal: NodeJS.Signals,
  ensemble: RealEnsemble,
  load: SteadyLoad,
): Promise<StepFigures> {
  const modes = await Promise.all(members.map((member) => member.mode()));
  const named = members.map((member, index) => `${modes[index]} ${member.sid}`);
  load.reset();
  const startMs = performance.now();
  const soFar = (): number => Math.round(performance.now() - startMs);
  await Promise.all(members.map((member) => member.kill(signal)));
  const stopMs = soFar();
  const files = members.reduce((sum, member) => sum + filesOf(member), 0);
  for (const member of members) member.start(kind);
  await ensemble.ready();
  const servesMs = soFar();
  const goal = await zxidOf(await ensemble.leader());
  await until('them to be level', 60_000, async () => {
    const zxids = await Promise.all(members.map(zxidOf));
    return zxids.every((zxid) => zxid >= goal);
  });
  const levelMs = soFar();
  for (const member of members) {
    assert.equal(await kindOf(member), kind);
    mismatches.set(member, await mismatchesOf(member));
    if (kind === 'ours') assert.equal(mismatches.get(member), 0);
  }
  await load.goesOn(roundsEach);
  return {
    what: `${named.join(', ')} → ${kind}`,
    hasLeader: modes.includes('leader'),
    files,
    stopMs,
    servesMs,
    levelMs,
    ...load.figures(),
  };
}

/** Logs and snapshots. */
function filesOf(member: Member): number {
  const names = readdirSync(join(member.directory, 'data/version-2'));
  return names.filter((name) => /^(log|snapshot)\./.test(name)).length;
}

/** As the server shows it; -1 while it answers nobody. */
async function zxidOf(member: Member): Promise<number> {
  const found = /^Zxid: 0x([0-9a-f]+)$/m.exec((await member.ask('srvr')) ?? '');
  return found === null ? -1 : Number.parseInt(found[1] ?? '', 16);
}

async function mismatchesOf(member: Member): Promise<number> {
  const counters = (await member.ask('mntr')) ?? '';
  return Number(/^zk_digest_mismatches_count\t(\d+)$/m.exec(counters)?.[1] ?? -1);
}

async function kindOf(member: Member): Promise<Kind> {
  return /^java\.home=|^java\.version=/m.test((await member.ask('envi')) ?? '') ? 'apache' : 'ours';
}

/** What the clients were told holds, and every member holds the same. The load rests. */
async function checkAll(
  ensemble: RealEnsemble,
  standing: StandingState,
  history: LoadHistory,
  cache: TreeCache,
): Promise<void> {
  assert.deepEqual(history.violations(), []);
  for (const member of ensemble.members) {
    const count = await mismatchesOf(member);
    assert.equal(count, mismatches.get(member) ?? 0, `server ${member.sid}: digests disagree`);
  }
  const dumps: TreeDump[] = [];
  for (const member of ensemble.members) dumps.push(await dumpOf(member, standing.options));
  const [first, ...others] = dumps;
  assert(first !== undefined);
  assert.deepEqual(
    others.map((other) => differencesOf(first, other)),
    others.map(() => []),
  );
  assert.deepEqual(standing.changesIn(first), []);
  const nodes = nodesOf(first);
  assert.deepEqual(history.violationsIn(nodes), []);
  await until('the cache to follow', 20_000, () => isSame(cache, nodes));
}

function isSame(cache: TreeCache, nodes: ReadonlyMap<string, FinalNode>): boolean {
  const registers = [...nodes].filter(([path]) => path.startsWith('/load/registers/'));
  return (
    cache.isLive &&
    registers.length > 0 &&
    registers.every(([path, { value }]) => Number(cache.get(path)?.data?.toString()) === value)
  );
}

/** Of the lines of a dump, what the checks of a history look at. */
function nodesOf(dump: TreeDump): Map<string, FinalNode> {
  const nodes = new Map<string, FinalNode>();
  for (const [path, line] of dump) {
    const data = /^"([^"]*)"/.exec(line)?.[1] ?? '';
    const number = (name: string): string => new RegExp(` ${name}=(\\d+)`).exec(line)?.[1] ?? '0';
    nodes.set(path, {
      value: Number(Buffer.from(data, 'base64').toString('utf8')),
      version: Number(number('version')),
      czxid: Number(number('czxid')) as Stat['czxid'],
      ephemeralOwner: BigInt(number('ephemeralOwner')) as Stat['ephemeralOwner'],
    });
  }
  return nodes;
}

const columns: readonly (readonly [string, (step: StepFigures) => string | number])[] = [
  ['member', ({ what }) => what],
  ['stopped', ({ stopMs }) => stopMs],
  ['serves', ({ servesMs }) => servesMs],
  ['level', ({ levelMs }) => levelMs],
  ['no write', (step) => step.stallMs],
  ['of one client', (step) => step.clientStallMs],
  ['acknowledged', (step) => step.acknowledged],
  ['unknown', (step) => step.unknown],
  ['locked', (step) => step.lockHolders],
  ['files', ({ files }) => files],
];

/** Prints a table, times in ms, and keeps all tables of this run in a file. */
function report(
  t: TestContext,
  replacement: Replacement,
  steps: readonly StepFigures[],
  history: LoadHistory,
): void {
  const rows = steps.map((step) => columns.map(([, value]) => value(step)).join(' | '));
  const names = columns.map(([name]) => name).join(' | ');
  const fates = `${history.count('acknowledged')} acknowledged, ${history.count('unknown')} unknown`;
  const reads = `${history.reads.length}, ${history.countBehind()} behind a sync but stale`;
  const lines = [
    `${replacement.name}, ${replacement.signal}: writes: ${fates}; reads: ${reads}`,
    `| ${names} |`,
    `|${columns.map(() => '---|').join('')}`,
    ...rows.map((row) => `| ${row} |`),
  ];
  for (const line of lines) t.diagnostic(line);
  tables.push([...lines, ''].join('\n'));
  mkdirSync(dirname(tablesFile), { recursive: true });
  writeFileSync(tablesFile, tables.join('\n'));
}
