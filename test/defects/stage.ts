import assert from 'node:assert/strict';
import { createPeer } from '../../server/zab/peer.ts';
import type { SimClient } from '../sim/sim-client.ts';
import { SimEnsemble } from '../sim/sim-ensemble.ts';
import type { EnsembleOptions } from '../sim/sim-ensemble.ts';
import { TappedPeer } from '../sim/tap.ts';
import type { Sight } from '../sim/tap.ts';

/** Three servers with a leader, and clients at work. */
export function settled(seed: number, options: Partial<EnsembleOptions> = {}): SimEnsemble {
  // Lines are counted: none may be dropped.
  const traceLinesMax = 100_000;
  const stage = new SimEnsemble({ seed, voters: 3, clients: 3, traceLinesMax, ...options });
  stage.settle(5_000);
  stage.run(400);
  return stage;
}

export function leaderOf(stage: SimEnsemble): number {
  const leader = stage.leader();
  assert(leader !== undefined, 'somebody leads');
  return leader;
}

export function followersOf(stage: SimEnsemble): [number, number] {
  const leader = leaderOf(stage);
  const [first, second] = stage.sids.filter((sid) => sid !== leader);
  assert(first !== undefined && second !== undefined, 'two followers');
  return [first, second];
}

/** A session at that server alone. */
export function openClient(stage: SimEnsemble, sid: number, timeoutMs?: number): SimClient {
  const client = stage.client(`x${stage.clients.length}`, [stage.hostOf(sid)], timeoutMs);
  assert(
    stage.world.runUntil(() => client.isOpen, 5_000),
    `a session at s${sid}`,
  );
  return client;
}

export function isServing(stage: SimEnsemble, ...sids: number[]): boolean {
  return sids.every((sid) => stage.checker.members.get(sid)?.isServing === true);
}

/** Runs until these serve under one leader that lives; fails when they do not within that time. */
export function servingWithin(stage: SimEnsemble, withinMs: number, ...sids: number[]): void {
  const isLed = (): boolean => {
    const leader = stage.leader();
    if (leader === undefined || !isServing(stage, ...sids)) return false;
    return sids.every((sid) => stage.checker.members.get(sid)?.leader === leader);
  };
  assert(
    stage.world.runUntil(isLed, withinMs, 10),
    `s${sids.join(' and s')} serve within ${withinMs} ms`,
  );
}

/** Starts a member whose machine loses power at that step of its disk; `null`: it got through. */
export function startAndDieAt(stage: SimEnsemble, sid: number, step: number): string | null {
  const disk = stage.disk(sid);
  let where: string | null = null;
  disk.crashAfterSteps = step;
  disk.crash = (what) => {
    where = what;
    stage.crash(sid, 'lost');
  };
  stage.start(sid);
  stage.world.runUntil(() => stage.process(sid) === null || isServing(stage, sid), 4_000, 5);
  disk.crashAfterSteps = 0;
  return where;
}

export function cutOff(stage: SimEnsemble, sid: number): void {
  for (const other of stage.sids) {
    if (other !== sid) stage.network.cutBoth(stage.hostOf(sid), stage.hostOf(other));
  }
}

/** How often the transcript says so. */
export function saidCount(stage: SimEnsemble, text: string): number {
  return stage.world.trace.lines.filter((line) => line.text.includes(text)).length;
}

/** Parts of a server whose peer is looked at, and is otherwise the real one. */
export function watched(sight: Sight): NonNullable<EnsembleOptions['parts']> {
  return (sid) => ({
    createPeer: (options) => new TappedPeer(createPeer(options), sight, sid),
  });
}
