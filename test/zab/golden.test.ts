import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { JuteReader } from '../../server/protocol/jute.ts';
import { encodeNotificationFrame } from '../../server/protocol/notification.ts';
import { PacketType } from '../../server/protocol/packet-type.ts';
import type { QuorumPacket } from '../../server/protocol/quorum-packet.ts';
import { encodeQuorumPacket, readQuorumPacket } from '../../server/protocol/quorum-packet.ts';
import type { Zxid } from '../../server/protocol/zxid.ts';
import { zxidOf, zxidZero } from '../../server/protocol/zxid.ts';
import type { ZabPeer } from '../../server/zab/door.ts';
import type { ZabEffect } from '../../server/zab/effects.ts';
import type { Proposal } from '../../server/zab/events.ts';
import { createPeer } from '../../server/zab/peer.ts';
import { ensembleOf } from './ensembles.ts';

// Goal: leader and learner say byte for byte what the reference said in the same situation.
// Method: the recorded packets of one side are fed to a peer that plays the other; its own are
// encoded and held against the recording. Three participants and an observer, as recorded.

interface Frame {
  readonly dir: string;
  readonly kind: string;
  readonly hex: string;
}

interface History {
  readonly last: Zxid;
  readonly accepted: number;
  readonly current: number;
  readonly log?: readonly Proposal[];
}

const fresh: History = { last: zxidZero, accepted: 0, current: 0 };

function recording(name: string): readonly Frame[] {
  const path = join(import.meta.dirname, '../golden/quorum', `${name}.json`);
  const { frames } = JSON.parse(readFileSync(path, 'utf8')) as { readonly frames: Frame[] };
  // Behind the first answered PING nothing new is said.
  const end = frames.findIndex((frame) => frame.hex.startsWith('00000005'));
  return frames.slice(0, end < 0 ? frames.length : end);
}

function packetOf(frame: Frame): QuorumPacket {
  return readQuorumPacket(new JuteReader(Buffer.from(frame.hex, 'hex')));
}

function peerOf(sid: number, history: History): ZabPeer {
  return createPeer({
    sid,
    ensemble: ensembleOf(3, 1),
    tickMs: 1000,
    initLimitTicks: 10,
    syncLimitTicks: 5,
    notificationMsMin: 200,
    notificationMsMax: 60_000,
    commitLogCount: 500,
    random: () => 0.5,
    lastZxid: history.last,
    acceptedEpoch: history.accepted,
    currentEpoch: history.current,
    recentLog: history.log ?? [],
    nowMs: 0,
  });
}

/** Steps the peer until its disk has done everything; the effects it does not answer itself. */
function drain(peer: ZabPeer): ZabEffect[] {
  const rest: ZabEffect[] = [];
  for (;;) {
    const effects = peer.takeEffects();
    if (effects.length === 0) return rest;
    for (const effect of effects) {
      rest.push(effect);
      if (effect.type === 'append') {
        peer.step({ type: 'durable', zxid: effect.proposal.zxid, nowMs: 0 });
      } else if (effect.type === 'storeEpoch') {
        const { which, epoch } = effect;
        peer.step({ type: 'epochStored', which, epoch, nowMs: 0 });
      } else if (effect.type === 'truncate') {
        peer.step({ type: 'truncated', zxid: effect.zxid, nowMs: 0 });
      } else if (effect.type === 'installSnapshot') {
        peer.step({ type: 'snapshotInstalled', zxid: effect.zxid, nowMs: 0 });
      } else if (effect.type === 'readLog') {
        peer.step({ type: 'logRead', link: effect.link, proposals: null, nowMs: 0 });
      }
    }
  }
}

function sentTo(link: number, effects: readonly ZabEffect[]): string[] {
  return effects.flatMap((effect) =>
    effect.type === 'send' && effect.links.includes(link)
      ? [encodeQuorumPacket(effect.packet).toString('hex')]
      : [],
  );
}

/** Two voters elect that one; every voter but the third has voted, so the wait is sat out. */
function elect(peer: ZabPeer, other: number, leader: number, history: History): void {
  const { last: zxid, current: peerEpoch } = history;
  const notification = { leader, zxid, electionEpoch: 1, peerEpoch, version: 2, config: null };
  peer.step({
    type: 'notification',
    from: other,
    notification: { state: 0, ...notification },
    nowMs: 0,
  });
  peer.step({ type: 'tick', nowMs: 200 });
}

/** A leader in broadcast with one follower on link 1, which acknowledges all it is sent. */
function leading(sid: number, helper: number, history: History): ZabPeer {
  const peer = peerOf(sid, history);
  elect(peer, helper, sid, history);
  drain(peer);
  const epoch = history.accepted + 1;
  peer.step({ type: 'learnerConnected', link: 1, nowMs: 0 });
  const info = Buffer.from(
    `00000000000000${`0${helper}`.slice(-2)}000100000000000000000000`,
    'hex',
  );
  fromLearner(peer, 1, PacketType.FOLLOWERINFO, zxidOf(history.accepted, 0), info);
  const current = Buffer.alloc(4);
  current.writeInt32BE(history.current);
  fromLearner(peer, 1, PacketType.ACKEPOCH, history.last, current);
  fromLearner(peer, 1, PacketType.ACK, zxidOf(epoch, 0), null);
  assert(peer.canPropose());
  return peer;
}

function fromLearner(
  peer: ZabPeer,
  link: number,
  type: PacketType,
  zxid: Zxid,
  data: Uint8Array | null,
): void {
  const packet = { type, zxid, data, authIds: null };
  peer.step({ type: 'learnerPacket', link, packet, nowMs: 0 });
  drain(peer);
}

/** Plays the recorded learner to that leader on link 2 and compares what the leader says. */
function replayToLeader(peer: ZabPeer, frames: readonly Frame[]): void {
  const expected = frames
    .filter((frame) => frame.dir === 'leader->learner' && frame.kind === 'packet')
    .map((frame) => frame.hex);
  const said: string[] = [];
  peer.step({ type: 'learnerConnected', link: 2, nowMs: 0 });
  for (const frame of frames) {
    if (frame.dir !== 'learner->leader') continue;
    peer.step({ type: 'learnerPacket', link: 2, packet: packetOf(frame), nowMs: 0 });
    said.push(...sentTo(2, drain(peer)));
  }
  assert.deepEqual(said, expected);
}

/** Plays the recorded leader to that learner and compares what the learner says. */
function replayToLearner(peer: ZabPeer, frames: readonly Frame[]): void {
  const expected = frames
    .filter((frame) => frame.dir === 'learner->leader')
    .map((frame) => frame.hex);
  peer.step({ type: 'leaderConnected', link: 2, nowMs: 0 });
  const said = sentTo(2, drain(peer));
  for (const frame of frames) {
    if (frame.dir !== 'leader->learner') continue;
    if (frame.kind === 'snapshot-stream') {
      const zxid = packetOf(frames[frames.indexOf(frame) - 1] ?? frame).zxid;
      peer.step({ type: 'snapshotReceived', zxid, nowMs: 0 });
    } else {
      peer.step({ type: 'leaderPacket', packet: packetOf(frame), nowMs: 0 });
    }
    said.push(...sentTo(2, drain(peer)));
  }
  assert.deepEqual(said, expected);
}

function following(sid: number, leader: number, history: History): ZabPeer {
  const peer = peerOf(sid, history);
  drain(peer);
  for (const from of [1, 2, 3].filter((voter) => voter !== sid)) {
    peer.step({
      type: 'notification',
      from,
      notification: {
        state: from === leader ? 2 : 1,
        leader,
        zxid: history.last,
        electionEpoch: 1,
        peerEpoch: 1,
        version: 2,
        config: null,
      },
      nowMs: 0,
    });
  }
  assert.equal(peer.view().leader, leader);
  return peer;
}

/** Transactions before `first` that nobody looks into. */
function filler(epoch: number, from: number, to: number): Proposal[] {
  const log: Proposal[] = [];
  for (let counter = from; counter <= to; counter += 1) {
    log.push({ zxid: zxidOf(epoch, counter), bytes: new Uint8Array(1) });
  }
  return log;
}

function writeAll(peer: ZabPeer, proposals: readonly Proposal[]): void {
  for (const proposal of proposals) {
    peer.step({ type: 'propose', proposal, nowMs: 0 });
    drain(peer);
    fromLearner(peer, 1, PacketType.ACK, proposal.zxid, null);
  }
}

test('join_empty_epoch1: the leader of a new ensemble', () => {
  const peer = peerOf(3, fresh);
  elect(peer, 1, 3, fresh);
  drain(peer);
  replayToLeader(peer, recording('join_empty_epoch1'));
});

test('join_empty_epoch1: its follower', () => {
  replayToLearner(following(1, 3, fresh), recording('join_empty_epoch1'));
});

test('join_diff: the leader sends what the follower lacks', () => {
  const frames = recording('join_diff');
  const peer = leading(3, 1, fresh);
  const lacking = frames
    .filter((frame) => frame.hex.startsWith('00000002'))
    .map((frame) => packetOf(frame))
    .map(({ zxid, data }) => ({ zxid, bytes: data ?? new Uint8Array(0) }));
  writeAll(peer, [...filler(1, 1, 0x15), ...lacking]);
  replayToLeader(peer, frames);
});

test('join_diff: the follower', () => {
  const history = { last: zxidOf(1, 0x15), accepted: 1, current: 1 };
  replayToLearner(following(2, 3, history), recording('join_diff'));
});

test('join_trunc: the leader cuts what nobody else saw', () => {
  const log = filler(1, 1, 0x1c);
  const peer = leading(2, 1, { last: zxidOf(1, 0x1c), accepted: 1, current: 1, log });
  replayToLeader(peer, recording('join_trunc'));
});

test('join_trunc: the former leader', () => {
  const log = filler(1, 1, 0x1d);
  const history = { last: zxidOf(1, 0x1d), accepted: 1, current: 1, log };
  replayToLearner(following(3, 2, history), recording('join_trunc'));
});

test('join_snap: the leader sends its tree to an empty follower', () => {
  const peer = leading(3, 1, fresh);
  writeAll(peer, filler(1, 1, 0x19));
  replayToLeader(peer, recording('join_snap'));
});

test('join_snap: the empty follower', () => {
  replayToLearner(following(2, 3, fresh), recording('join_snap'));
});

test('observer_join_and_inform: leader and observer', () => {
  const frames = recording('observer_join_and_inform');
  const peer = leading(3, 1, fresh);
  writeAll(peer, filler(1, 1, 0x11));
  replayToLeader(peer, frames);
  replayToLearner(following(4, 3, fresh), frames);
});

test('election_initial: votes of three empty servers', () => {
  const votes = recordedVotes('election_initial');
  const peer = peerOf(1, fresh);
  const own = drain(peer);
  assert.ok(votes.includes(voteTo(3, own)), 'the own vote first');
  const vote = { leader: 3, zxid: 0, electionEpoch: 1, peerEpoch: 0, version: 2, config: null };
  peer.step({ type: 'notification', from: 3, notification: { state: 0, ...vote }, nowMs: 5 });
  assert.ok(votes.includes(voteTo(3, drain(peer))), 'then the better one');
});

test('election_observer: an observer asks without a vote and is told who leads', () => {
  const votes = recordedVotes('election_observer');
  assert.ok(votes.includes(voteTo(1, drain(peerOf(4, fresh)))));
  const leader = leading(3, 1, fresh);
  const vote = { leader: -(2 ** 63), zxid: -(2 ** 63), electionEpoch: 1, peerEpoch: -(2 ** 63) };
  const notification = { state: 0, ...vote, version: 2, config: null } as const;
  leader.step({ type: 'notification', from: 4, notification, nowMs: 300 });
  assert.ok(votes.includes(voteTo(4, drain(leader))));
});

function recordedVotes(name: string): string[] {
  const path = join(import.meta.dirname, '../golden/quorum', `${name}.json`);
  const { connections } = JSON.parse(readFileSync(path, 'utf8')) as {
    readonly connections: { readonly frames: Frame[] }[];
  };
  return connections.flatMap(({ frames }) =>
    frames.filter((frame) => frame.kind === 'notification').map((frame) => frame.hex),
  );
}

function voteTo(to: number, effects: readonly ZabEffect[]): string {
  for (const effect of effects) {
    if (effect.type === 'sendNotification' && effect.to === to) {
      return encodeNotificationFrame(effect.notification).toString('hex');
    }
  }
  return 'none';
}
