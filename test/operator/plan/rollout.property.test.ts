import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { nextRolloutStep } from '../../../operator/plan/rollout.ts';
import { syncView } from '../../../operator/plan/sync.ts';
import { rolloutOf, serversOf, wallMs } from './views.ts';
import type { ServerOf } from './views.ts';

// Goal: whatever the members and the cluster do, the rollout never takes the quorum, never two
// at a time, the leader only last, and it ends.
// Method: arbitrary views for what must hold of every single step; then whole rollouts with
// crashes at arbitrary moments, played against a plain model of members.

function mostly<T>(usual: T, seldom: T): fc.Arbitrary<T> {
  return fc.oneof({ weight: 6, arbitrary: fc.constant(usual) }, fc.constant(seldom));
}

const serverOf: fc.Arbitrary<ServerOf> = fc.record(
  {
    revision: fc.constantFrom('old', 'new'),
    ready: mostly(true, false),
    sinceMs: fc.constantFrom(0, 5000, 20_000, 100_000),
    synced: mostly(true, false),
    lag: mostly(0, 1000),
    pod: fc.oneof(
      { weight: 12, arbitrary: fc.constant({}) },
      fc.constant(null),
      fc.constant({ terminating: true }),
      fc.constant({ trouble: { reason: 'CrashLoopBackOff', message: '' } }),
    ),
    state: fc.oneof(
      { weight: 12, arbitrary: fc.constant({}) },
      fc.constant(null),
      fc.constant({ serving: false }),
      fc.constant({ role: 'looking' as const, serving: false, leader: null }),
    ),
  },
  { requiredKeys: [] },
);

const situation = fc
  .record({ voters: fc.constantFrom(1, 3, 5, 7), observers: fc.nat(2), leader: fc.nat(7) })
  .chain(({ voters, observers, leader }) =>
    fc.record({
      of: fc.constant({ voters, observers, leader: Math.min(leader, voters) }),
      servers: fc.dictionary(
        fc.constantFrom(
          ...Array.from({ length: voters }, (_, i) => `zk-${i}`),
          'zk-observer-0',
          'zk-observer-1',
        ),
        serverOf,
      ),
    }),
  );

test('no step takes more than the ensemble can lose', () => {
  const seen = { Unblock: 0, Observer: 0, Follower: 0, Leader: 0 };
  fc.assert(
    fc.property(situation, ({ of, servers }) => {
      const views = serversOf(of, servers);
      const rollout = rolloutOf(views);
      const step = nextRolloutStep(rollout);
      if (step.type !== 'evict') return;
      seen[step.reason] += 1;
      const sync = syncView(views, rollout.lagTxnsMax);
      const away = views.filter(({ pod }) => pod === null || pod.terminating);
      assert.deepEqual(away, [], 'nobody else is away');
      assert.equal(step.server.pod?.revision, 'old', 'it is outdated');
      if (sync.syncOf.get(step.server) === 'in') {
        const notIn = sync.voters.filter((each) => sync.syncOf.get(each) !== 'in');
        assert.deepEqual(notIn, [], 'a healthy one goes only while every voter is in sync');
        if (step.server.voter && of.voters > 1) assert.ok(sync.spare >= 1);
      }
      if (step.server === sync.leader) {
        const outdated = views.filter(({ pod }) => pod?.revision === 'old');
        assert.deepEqual(outdated, [step.server], 'the leader goes last');
      }
    }),
    { numRuns: 5000 },
  );
  for (const [reason, count] of Object.entries(seen)) assert.ok(count > 10, `${reason}: ${count}`);
});

test('the same views give the same step', () => {
  fc.assert(
    fc.property(situation, ({ of, servers }) => {
      const rollout = rolloutOf(serversOf(of, servers));
      assert.deepEqual(nextRolloutStep(rollout), nextRolloutStep(rollout));
    }),
    { numRuns: 300 },
  );
});

interface Member {
  revision: 'old' | 'new';
  /** Ticks until it is in sync again; 0: it is. */
  awayTicks: number;
  readySinceMs: number;
}

/** Members that come back some ticks after they went, and a leader among those in sync. */
class Model {
  readonly members: Member[];
  leader: number;
  leaderChanges = 0;
  nowMs = wallMs;

  constructor(voters: number, leader: number) {
    const member = (): Member => ({ revision: 'old', awayTicks: 0, readySinceMs: wallMs - 1e6 });
    this.members = Array.from({ length: voters }, member);
    this.leader = leader;
  }

  get awayCount(): number {
    return this.members.filter(({ awayTicks }) => awayTicks > 0).length;
  }

  restart(index: number, revision: 'old' | 'new', ticks: number): void {
    Object.assign(this.members[index] ?? {}, { revision, awayTicks: ticks });
    if (index !== this.leader) return;
    const quorum = this.members.length - this.awayCount > this.members.length / 2;
    const next = this.members.findLastIndex(({ awayTicks }) => awayTicks === 0);
    this.leader = quorum ? next : -1;
    this.leaderChanges += 1;
  }

  tick(): void {
    this.nowMs += 1000;
    for (const member of this.members) {
      if (member.awayTicks === 0) continue;
      member.awayTicks -= 1;
      if (member.awayTicks === 0) member.readySinceMs = this.nowMs;
    }
    if (this.leader === -1 && this.members.length - this.awayCount > this.members.length / 2) {
      this.leader = this.members.findLastIndex(({ awayTicks }) => awayTicks === 0);
    }
  }

  views() {
    const changes = this.members.map((member, index): [string, ServerOf] => [
      `zk-${index}`,
      member.awayTicks > 0
        ? { revision: member.revision, ready: false, state: null, synced: false, sinceMs: 1000 }
        : { revision: member.revision, sinceMs: this.nowMs - member.readySinceMs },
    ]);
    const of = { voters: this.members.length, leader: this.leader + 1 };
    return serversOf(of, Object.fromEntries(changes)).map((server) => {
      const { pod } = server;
      if (pod === null || pod.readyChangedMs === null) return server;
      const readyChangedMs = pod.readyChangedMs + (this.nowMs - wallMs);
      return { ...server, pod: { ...pod, readyChangedMs } };
    });
  }
}

function play(model: Model, crashes: readonly { tick: number; index: number }[]): number {
  const ticksMax = 40 * model.members.length + 200;
  for (let tick = 0; tick < ticksMax; tick += 1) {
    for (const crash of crashes) {
      const index = crash.index % model.members.length;
      if (crash.tick === tick && model.members[index]?.awayTicks === 0) {
        model.restart(index, model.members[index].revision, 6);
      }
    }
    const step = nextRolloutStep(rolloutOf(model.views(), { wallMs: model.nowMs }));
    if (step.type === 'idle' && model.awayCount === 0) return tick;
    if (step.type === 'evict') {
      const before = model.awayCount;
      const down = (model.members[step.server.ordinal]?.awayTicks ?? 0) > 0;
      assert.ok(before === 0 || down, 'a member that is well goes only while all are');
      model.restart(step.server.ordinal, 'new', 4);
    }
    model.tick();
  }
  return -1;
}

test('without faults: every member once, one at a time, exactly one change of leader', () => {
  fc.assert(
    fc.property(fc.constantFrom(3, 5, 7), fc.nat(6), (voters, leader) => {
      const model = new Model(voters, leader % voters);
      assert.notEqual(play(model, []), -1, 'it ends');
      assert.ok(model.members.every(({ revision }) => revision === 'new'));
      assert.equal(model.leaderChanges, 1);
    }),
    { numRuns: 60 },
  );
});

test('with crashes at any moment it still ends, and never takes a second one', () => {
  const crash = fc.record({ tick: fc.nat(80), index: fc.nat(6) });
  fc.assert(
    fc.property(fc.constantFrom(1, 3, 5), fc.array(crash, { maxLength: 6 }), (voters, crashes) => {
      const model = new Model(voters, voters - 1);
      assert.notEqual(play(model, crashes), -1, 'it ends');
      assert.ok(model.members.every(({ revision }) => revision === 'new'));
    }),
    { numRuns: 300 },
  );
});
