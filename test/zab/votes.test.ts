import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import type { Ensemble } from '../../server/config/ensemble.ts';
import { Quorum } from '../../server/zab/quorum.ts';
import { agrees, beats } from '../../server/zab/vote.ts';
import { ensembleOf } from './ensembles.ts';

// Goal: quorums always meet; votes have one total order.
// Method: properties over random ensembles, groups and votes, against plainer second versions.

const quorumOf = (ensemble: Ensemble): Quorum => new Quorum(ensemble);

const grouped = fc
  .record({
    sizes: fc.array(fc.integer({ min: 1, max: 3 }), { minLength: 1, maxLength: 4 }),
    weights: fc.array(fc.integer({ min: 0, max: 3 }), { minLength: 12, maxLength: 12 }),
  })
  .map(({ sizes, weights }): Ensemble => {
    const groups = new Map<number, number[]>();
    let sid = 1;
    for (const [index, size] of sizes.entries()) {
      groups.set(
        index + 1,
        Array.from({ length: size }, () => sid++),
      );
    }
    const ensemble = ensembleOf(sid - 1);
    const entries = weights.slice(0, sid - 1).map((weight, at) => [at + 1, weight] as const);
    return { ...ensemble, groups, weights: new Map(entries) };
  });

const majority = fc
  .record({
    participants: fc.integer({ min: 1, max: 9 }),
    observers: fc.integer({ min: 0, max: 3 }),
  })
  .map(({ participants, observers }) => ensembleOf(participants, observers));

const subset = fc.array(fc.boolean(), { minLength: 12, maxLength: 12 });

test('two quorums of the same ensemble share a voter', () => {
  fc.assert(
    fc.property(fc.oneof(majority, grouped), subset, subset, (ensemble, first, second) => {
      const quorum = quorumOf(ensemble);
      const marksOf = (set: readonly boolean[]): number[] =>
        quorum.voters.map((_, at) => (set[at] === true ? 1 : 0));
      const [a, b] = [marksOf(first), marksOf(second)];
      if (!quorum.reaches(a, 1) || !quorum.reaches(b, 1)) return;
      assert(a.some((mark, at) => mark === 1 && b[at] === 1));
    }),
    { numRuns: 2000 },
  );
});

test('a majority is more than half of the participants, whatever the observers do', () => {
  fc.assert(
    fc.property(majority, subset, (ensemble, set) => {
      const quorum = quorumOf(ensemble);
      const marks = quorum.voters.map((_, at) => (set[at] === true ? 1 : 0));
      const voters = ensemble.servers.filter((server) => server.role === 'participant').length;
      const inSet = set.slice(0, voters).filter(Boolean).length;
      assert.equal(quorum.reaches(marks, 1), inSet > Math.floor(voters / 2));
    }),
  );
});

test('weighted groups: more than half the weight in more than half of the groups with weight', () => {
  fc.assert(
    fc.property(grouped, subset, (ensemble, set) => {
      const quorum = quorumOf(ensemble);
      const marks = quorum.voters.map((_, at) => (set[at] === true ? 1 : 0));
      let reached = 0;
      let withWeight = 0;
      for (const sids of ensemble.groups.values()) {
        const weigh = (list: readonly number[]): number =>
          list.reduce((sum, sid) => sum + (ensemble.weights.get(sid) ?? 1), 0);
        const total = weigh(sids);
        if (total > 0) withWeight += 1;
        if (
          total > 0 &&
          weigh(sids.filter((sid) => set[sid - 1] === true)) > Math.floor(total / 2)
        ) {
          reached += 1;
        }
      }
      assert.equal(quorum.reaches(marks, 1), reached > Math.floor(withWeight / 2));
    }),
    { numRuns: 2000 },
  );
});

test('marks count from their threshold on: acknowledged zxids need no set of their own', () => {
  const quorum = quorumOf(ensembleOf(5));
  assert.equal(quorum.reaches([7, 9, 3, 9, 0], 7), true);
  assert.equal(quorum.reaches([7, 9, 3, 9, 0], 8), false);
});

const small = fc.integer({ min: 0, max: 2 });
const vote = fc.record({ leader: fc.integer({ min: 1, max: 3 }), zxid: small, peerEpoch: small });

test('of two different votes exactly one beats the other, and beating is transitive', () => {
  const quorum = quorumOf(ensembleOf(3));
  fc.assert(
    fc.property(vote, vote, vote, (a, b, c) => {
      const same = a.leader === b.leader && a.zxid === b.zxid && a.peerEpoch === b.peerEpoch;
      assert.equal(beats(a, b, quorum) || beats(b, a, quorum), !same);
      assert(!(beats(a, b, quorum) && beats(b, a, quorum)));
      if (beats(a, b, quorum) && beats(b, c, quorum)) assert(beats(a, c, quorum));
    }),
    { numRuns: 2000 },
  );
});

test('epoch outweighs history, history outweighs the id; -2^63 loses to everything', () => {
  const quorum = quorumOf(ensembleOf(3));
  const base = { leader: 1, zxid: 5, peerEpoch: 1 };
  assert(beats({ ...base, peerEpoch: 2, zxid: 0 }, { ...base, leader: 3 }, quorum));
  assert(beats({ ...base, zxid: 6 }, { ...base, leader: 3 }, quorum));
  assert(beats({ ...base, leader: 2 }, base, quorum));
  const none = { leader: -(2 ** 63), zxid: -(2 ** 63), peerEpoch: -(2 ** 63) };
  assert(beats({ leader: 1, zxid: 0, peerEpoch: 0 }, none, quorum));
  assert(!beats(none, base, quorum));
});

test('nobody of weight 0 is voted for', () => {
  const ensemble = {
    ...ensembleOf(3),
    groups: new Map([[1, [1, 2, 3]]]),
    weights: new Map([[3, 0]]),
  };
  const quorum = quorumOf(ensemble);
  const weak = { leader: 3, zxid: 9, peerEpoch: 9 };
  assert(!beats(weak, { leader: 1, zxid: 0, peerEpoch: 0 }, quorum));
});

test('ZOOKEEPER-1818: votes agree wholly while looking, by leader and epoch between settled servers', () => {
  const looking = {
    leader: 1,
    zxid: 5,
    electionEpoch: 2,
    peerEpoch: 1,
    state: 0,
    version: 0,
  } as const;
  assert(agrees(looking, { ...looking }));
  assert(!agrees(looking, { ...looking, zxid: 6 }));
  assert(!agrees(looking, { ...looking, electionEpoch: 3 }));
  const settled = { ...looking, state: 1, version: 2 } as const;
  assert(agrees(settled, { ...settled, zxid: 6, electionEpoch: 9, state: 2 }));
  assert(!agrees(settled, { ...settled, peerEpoch: 2 }));
  assert(agrees({ ...settled, version: 0 }, { ...settled, peerEpoch: 2 }));
});

test('while two ensembles count, a quorum is a set that is one in both', () => {
  const any = fc.oneof(majority, grouped);
  const marksOf = (set: readonly boolean[], voters: readonly number[]): number[] =>
    voters.map((sid) => (set[sid - 1] === true ? 1 : 0));
  fc.assert(
    fc.property(any, any, subset, (active, next, set) => {
      const joint = new Quorum(active, next);
      const isOneOf = (ensemble: Ensemble): boolean => {
        const alone = quorumOf(ensemble);
        return alone.reaches(marksOf(set, alone.voters), 1);
      };
      const expected = isOneOf(active) && isOneOf(next);
      assert.equal(joint.reaches(marksOf(set, joint.voters), 1), expected);
    }),
    { numRuns: 1000 },
  );
});
