// Goal: each checker objects to the one thing it is there for, and to nothing else.
// Method: histories told by hand, event by event; the last line is the lie.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PacketType } from '../../server/protocol/packet-type.ts';
import type { Zxid } from '../../server/protocol/zxid.ts';
import { zxidOf } from '../../server/protocol/zxid.ts';
import type { Proposal } from '../../server/zab/events.ts';
import { ZabChecker } from './checkers/zab-checker.ts';
import { hashOfBytes } from './prng.ts';
import { World } from './world.ts';

const fresh = { snapshotZxid: 0, entries: [], lastZxid: 0, acceptedEpoch: 0, currentEpoch: 0 };

function proposal(epoch: number, counter: number, text: string = 'x'): Proposal {
  return { zxid: zxidOf(epoch, counter), bytes: Buffer.from(`${text} ${epoch} ${counter}`) };
}

/** Three servers; s3 leads epoch 1, s1 and s2 follow. */
function ensemble(): ZabChecker {
  const checker = new ZabChecker(new World(1), { voters: [1, 2, 3] }, (sids) => sids.length >= 2);
  for (const sid of [1, 2, 3]) {
    checker.recovered(sid, fresh);
    stored(checker, sid, 'accepted', 1);
    stored(checker, sid, 'current', 1);
    serve(checker, sid, 3, 1);
  }
  return checker;
}

function stored(
  checker: ZabChecker,
  sid: number,
  which: 'accepted' | 'current',
  epoch: number,
): void {
  checker.event(sid, { type: 'epochStored', which, epoch, nowMs: 0 });
}

function serve(checker: ZabChecker, sid: number, leader: number, epoch: number): void {
  const role = sid === leader ? 'leading' : 'following';
  checker.effect(sid, { type: 'roleChanged', role, phase: 'synchronization', leader, epoch });
  if (sid === leader) checker.effect(sid, { type: 'openEpoch', zxid: zxidOf(epoch, 0) });
  else {
    send(checker, sid, PacketType.ACK, zxidOf(epoch, 0));
    hear(checker, sid, PacketType.UPTODATE, zxidOf(epoch, 0));
  }
  checker.effect(sid, { type: 'roleChanged', role, phase: 'broadcast', leader, epoch });
}

function propose(checker: ZabChecker, sid: number, what: Proposal): void {
  checker.event(sid, { type: 'propose', proposal: what, nowMs: 0 });
  checker.effect(sid, { type: 'append', proposal: what });
}

function log(checker: ZabChecker, sid: number, what: Proposal): void {
  checker.effect(sid, { type: 'append', proposal: what });
}

function durable(checker: ZabChecker, sid: number, zxid: Zxid): void {
  checker.event(sid, { type: 'durable', zxid, nowMs: 0 });
}

function deliver(checker: ZabChecker, sid: number, what: Proposal): void {
  checker.effect(sid, { type: 'deliver', proposal: what });
}

function send(checker: ZabChecker, sid: number, type: PacketType, zxid: Zxid): void {
  const packet = { type, zxid, data: null, authIds: null };
  checker.effect(sid, { type: 'send', links: [1], packet });
}

function hear(checker: ZabChecker, sid: number, type: PacketType, zxid: Zxid): void {
  const packet = { type, zxid, data: null, authIds: null };
  checker.event(sid, { type: 'leaderPacket', packet, nowMs: 0 });
}

/** A new leader begins to bring it level. */
function synchronize(checker: ZabChecker, sid: number, zxid: Zxid): void {
  const role = { role: 'following', phase: 'synchronization', leader: 3, epoch: 2 } as const;
  checker.effect(sid, { type: 'roleChanged', ...role });
  hear(checker, sid, PacketType.DIFF, zxid);
}

/** Proposed by s3, durable on s1 and s3, delivered by both. */
function committed(checker: ZabChecker, what: Proposal): void {
  propose(checker, 3, what);
  log(checker, 1, what);
  durable(checker, 3, what.zxid);
  durable(checker, 1, what.zxid);
  send(checker, 1, PacketType.ACK, what.zxid);
  send(checker, 3, PacketType.COMMIT, what.zxid);
  deliver(checker, 3, what);
  deliver(checker, 1, what);
}

test('a plain history is no violation', () => {
  const checker = ensemble();
  committed(checker, proposal(1, 1));
  committed(checker, proposal(1, 2));
  log(checker, 2, proposal(1, 1));
  deliver(checker, 2, proposal(1, 1));
  assert.equal(checker.committed.length, 2);
  assert.equal(checker.lastCommitted, zxidOf(1, 2));
});

const lies: readonly (readonly [string, string, (checker: ZabChecker) => void])[] = [
  [
    'service before UPTODATE',
    'Z13 order of three',
    (checker) => {
      synchronize(checker, 1, zxidOf(1, 0));
      const role = { role: 'following', phase: 'broadcast', leader: 3, epoch: 2 } as const;
      checker.effect(1, { type: 'roleChanged', ...role });
    },
  ],
  [
    'an ack of a proposal before that of its leader',
    'Z13 order of three',
    (checker) => {
      synchronize(checker, 1, zxidOf(1, 0));
      propose(checker, 3, proposal(1, 1));
      log(checker, 1, proposal(1, 1));
      durable(checker, 1, zxidOf(1, 1));
      send(checker, 1, PacketType.ACK, zxidOf(1, 1));
    },
  ],
  [
    'an epoch that is stored before its history',
    'Z13 order of three',
    (checker) => {
      propose(checker, 3, proposal(1, 1));
      synchronize(checker, 1, zxidOf(1, 1));
      log(checker, 1, proposal(1, 1));
      hear(checker, 1, PacketType.COMMIT, zxidOf(1, 1));
      hear(checker, 1, PacketType.NEWLEADER, zxidOf(2, 0));
      checker.effect(1, { type: 'storeEpoch', which: 'current', epoch: 2 });
    },
  ],
  [
    'a hole in what a learner is sent',
    'Z16 no gap',
    (checker) => {
      send(checker, 3, PacketType.PROPOSAL, zxidOf(1, 1));
      send(checker, 3, PacketType.PROPOSAL, zxidOf(1, 3));
    },
  ],
  [
    'a cut that leaves a hole behind it',
    'Z16 no gap',
    (checker) => {
      send(checker, 3, PacketType.TRUNC, zxidOf(1, 1));
      send(checker, 3, PacketType.PROPOSAL, zxidOf(1, 3));
    },
  ],
  [
    'two leaders of one epoch',
    'Z1 leader unique',
    (checker) => {
      serve(checker, 1, 1, 1);
    },
  ],
  [
    'one zxid for two transactions',
    'Z2 one proposal for a zxid',
    (checker) => {
      propose(checker, 3, proposal(1, 1));
      checker.event(3, { type: 'propose', proposal: proposal(1, 1, 'y'), nowMs: 0 });
    },
  ],
  [
    'a transaction with other bytes than proposed',
    'Z2 integrity',
    (checker) => {
      propose(checker, 3, proposal(1, 1));
      log(checker, 1, proposal(1, 1, 'y'));
    },
  ],
  [
    'a transaction that nobody proposed',
    'Z2 integrity',
    (checker) => deliver(checker, 1, proposal(1, 1)),
  ],
  [
    'a hole in what is delivered',
    'Z4 total order',
    (checker) => {
      committed(checker, proposal(1, 1));
      committed(checker, proposal(1, 2));
      deliver(checker, 2, proposal(1, 2));
    },
  ],
  [
    'a delivery backwards',
    'Z6 global primary order',
    (checker) => {
      committed(checker, proposal(1, 1));
      deliver(checker, 1, proposal(1, 1));
    },
  ],
  [
    'a commit with one durable copy',
    'Z8 committed is durable',
    (checker) => {
      propose(checker, 3, proposal(1, 1));
      durable(checker, 3, zxidOf(1, 1));
      deliver(checker, 3, proposal(1, 1));
    },
  ],
  [
    'a disk that forgot what was durable',
    'Z8 durable stays durable',
    (checker) => {
      committed(checker, proposal(1, 1));
      checker.recovered(1, { ...fresh, acceptedEpoch: 1, currentEpoch: 1 });
    },
  ],
  [
    'a log with an entry that was never logged',
    'Z8 durable stays durable',
    (checker) => {
      const entries = [{ zxid: zxidOf(1, 1), hash: hashOfBytes(proposal(1, 1).bytes) }];
      const lastZxid = zxidOf(1, 1);
      checker.recovered(1, { ...fresh, entries, lastZxid, acceptedEpoch: 1, currentEpoch: 1 });
    },
  ],
  [
    'a leader without a committed transaction',
    'Z10 election restriction',
    (checker) => {
      committed(checker, proposal(1, 1));
      serve(checker, 2, 2, 2);
    },
  ],
  [
    'an epoch that goes back',
    'Z11 epochs grow',
    (checker) => {
      stored(checker, 1, 'accepted', 0);
    },
  ],
  [
    'a promise that is not on disk',
    'Z11 promise on disk',
    (checker) => {
      const packet = { type: PacketType.LEADERINFO, zxid: zxidOf(2, 0), data: null, authIds: null };
      checker.event(1, { type: 'leaderPacket', packet, nowMs: 0 });
      send(checker, 1, PacketType.ACKEPOCH, zxidOf(1, 0));
    },
  ],
  [
    'an ack before the disk',
    'Z12 ack means disk',
    (checker) => {
      propose(checker, 3, proposal(1, 1));
      log(checker, 1, proposal(1, 1));
      send(checker, 1, PacketType.ACK, zxidOf(1, 1));
    },
  ],
  [
    'an ack of an epoch that is not on disk',
    'Z13 order of three',
    (checker) => send(checker, 1, PacketType.ACK, zxidOf(2, 0)),
  ],
  [
    'a cut that leaves one copy of what is committed',
    'Z14 truncation is safe',
    (checker) => {
      committed(checker, proposal(1, 1));
      checker.effect(1, { type: 'truncate', zxid: zxidOf(1, 0) });
    },
  ],
  [
    'a vote beyond the disk',
    'Z15 memory = disk',
    (checker) => {
      propose(checker, 3, proposal(1, 1));
      const notification = {
        state: 0,
        leader: 3,
        zxid: zxidOf(1, 1),
        electionEpoch: 1,
        peerEpoch: 1,
        version: 2,
        config: null,
      } as const;
      checker.effect(3, { type: 'sendNotification', to: 1, notification });
    },
  ],
  [
    'a gap in the log',
    'Z16 no gap',
    (checker) => {
      propose(checker, 3, proposal(1, 1));
      propose(checker, 3, proposal(1, 2));
      log(checker, 1, proposal(1, 2));
    },
  ],
];

for (const [lie, invariant, tell] of lies) {
  test(`${lie} is a violation of ${invariant}`, () => {
    const checker = ensemble();
    assert.throws(() => tell(checker), { name: 'InvariantViolation', invariant });
  });
}
