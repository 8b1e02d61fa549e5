import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Ensemble } from '../../server/config/ensemble.ts';
import { ensembleText } from '../../server/config/ensemble-text.ts';
import { ensembleOfText } from '../../server/config/ensemble-values.ts';
import { JuteReader } from '../../server/protocol/jute.ts';
import { PacketType } from '../../server/protocol/packet-type.ts';
import type { QuorumPacket } from '../../server/protocol/quorum-packet.ts';
import { encodeQuorumPacket, readQuorumPacket } from '../../server/protocol/quorum-packet.ts';
import type { Zxid } from '../../server/protocol/zxid.ts';
import { ensembleOfTxn } from '../../server/shell/membership.ts';
import type { ZabPeer } from '../../server/zab/door.ts';
import type { ZabEffect } from '../../server/zab/effects.ts';
import { activation, packet } from '../../server/zab/packets.ts';
import { createPeer } from '../../server/zab/peer.ts';

// Goal: a learner says byte for byte what the reference's said while members changed, activates the
// same members, and goes where the change leads.
// Method: the recorded packets of the leader are fed to a peer; its own are held against the
// recording. Client requests and PINGs are the shell's and left out.

interface Frame {
  readonly dir: string;
  readonly kind: string;
  readonly hex: string;
}

interface Start {
  readonly sid: number;
  readonly leader: number;
  readonly members: Ensemble;
  readonly last?: number;
  readonly epoch?: number;
}

function recording(name: string): readonly Frame[] {
  const path = join(import.meta.dirname, '../golden/quorum', `${name}.json`);
  return (JSON.parse(readFileSync(path, 'utf8')) as { readonly frames: Frame[] }).frames;
}

function packetOf(frame: Frame): QuorumPacket {
  return readQuorumPacket(new JuteReader(Buffer.from(frame.hex, 'hex')));
}

/** The members that the recorded leader names at the end of synchronization. */
function membersIn(frames: readonly Frame[], version: number | null = null): Ensemble {
  const told = frames.find((frame) => frame.hex.startsWith('0000000a'));
  assert(told !== undefined, 'the recording has a NEWLEADER');
  const ensemble = ensembleOfText(Buffer.from(packetOf(told).data ?? []).toString('utf8'));
  assert(ensemble !== null);
  return version === null ? ensemble : { ...ensemble, version };
}

/** A peer that has found its leader and dials. */
function learner({ sid, leader, members, last = 0, epoch = 0 }: Start): ZabPeer {
  const peer = createPeer({
    sid,
    ensemble: members,
    reconfigEnabled: true,
    ensembleOf: ensembleOfTxn,
    tickMs: 1000,
    initLimitTicks: 10,
    syncLimitTicks: 5,
    notificationMsMin: 200,
    notificationMsMax: 60_000,
    commitLogCount: 500,
    random: () => 0.5,
    lastZxid: last as Zxid,
    acceptedEpoch: epoch,
    currentEpoch: epoch,
    recentLog: [],
    nowMs: 0,
  });
  const voters = members.servers.filter((server) => server.role === 'participant');
  for (const { sid: from } of voters.filter((server) => server.sid !== sid)) {
    const vote = { leader, zxid: last as Zxid, electionEpoch: 1, peerEpoch: 1, version: 2 };
    const state = from === leader ? 2 : 1;
    const notification = { state, ...vote, config: null } as const;
    peer.step({ type: 'notification', from, notification, nowMs: 0 });
  }
  assert.equal(peer.view().leader, leader);
  return peer;
}

/** Steps the peer until its disk has done everything; all effects. */
function drain(peer: ZabPeer): ZabEffect[] {
  const all: ZabEffect[] = [];
  for (let effects = peer.takeEffects(); effects.length > 0; effects = peer.takeEffects()) {
    for (const effect of effects) {
      all.push(effect);
      if (effect.type === 'append') {
        peer.step({ type: 'durable', zxid: effect.proposal.zxid, nowMs: 0 });
      } else if (effect.type === 'storeEpoch') {
        const { which, epoch } = effect;
        peer.step({ type: 'epochStored', which, epoch, nowMs: 0 });
      } else if (effect.type === 'installSnapshot') {
        peer.step({ type: 'snapshotInstalled', zxid: effect.zxid, nowMs: 0 });
      } else if (effect.type === 'receiveSnapshot') {
        peer.step({ type: 'snapshotReceived', zxid: effect.zxid, nowMs: 0 });
      }
    }
  }
  return all;
}

/** Plays the recorded leader; checks what the learner says, returns what it did besides. */
function replay(peer: ZabPeer, frames: readonly Frame[]): ZabEffect[] {
  const isOurs = ({ hex }: Frame): boolean => !/^0000000[15]/.test(hex);
  const expected = frames
    .filter((frame) => frame.dir === 'learner->leader' && isOurs(frame))
    .map((frame) => frame.hex);
  drain(peer);
  peer.step({ type: 'leaderConnected', link: 2, nowMs: 0 });
  const effects = drain(peer);
  for (const frame of frames) {
    if (frame.dir !== 'leader->learner' || frame.kind !== 'packet' || !isOurs(frame)) continue;
    peer.step({ type: 'leaderPacket', packet: packetOf(frame), nowMs: 0 });
    effects.push(...drain(peer));
  }
  const said = effects.flatMap((effect) =>
    effect.type === 'send' ? [encodeQuorumPacket(effect.packet).toString('hex')] : [],
  );
  assert.deepEqual(said, expected);
  return effects;
}

function activated(effects: readonly ZabEffect[]): string[] {
  return effects.flatMap((effect) => {
    if (effect.type !== 'activate') return [];
    const { ensemble, leader } = effect;
    const sids = ensemble.servers.map((server) => server.sid).join(' ');
    return [`${sids} @${ensemble.version.toString(16)} leader ${leader ?? 'none'}`];
  });
}

test('a follower through a first epoch, two changes and the end of its leader', () => {
  const frames = recording('reconfig_leader_removed');
  const peer = learner({ sid: 1, leader: 3, members: membersIn(frames, 0) });
  const effects = replay(peer, frames);
  assert.deepEqual(activated(effects), [
    '1 2 3 @100000000 leader none',
    '1 2 3 4 @100000002 leader 3',
    '1 2 3 4 5 @100000004 leader 3',
    '1 2 4 5 @100000005 leader 1',
  ]);
  // The change names this very server.
  assert(effects.some((effect) => effect.type === 'listenForLearners'));
  assert.equal(peer.view().role, 'leading');
});

test('a server without a vote joins, and gets one', () => {
  const frames = recording('reconfig_join_as_nonvoter');
  const peer = learner({ sid: 4, leader: 3, members: membersIn(frames) });
  const effects = replay(peer, frames);
  assert.deepEqual(activated(effects).slice(0, 2), [
    '1 2 3 4 @100000002 leader 3',
    '1 2 3 4 5 @100000004 leader 3',
  ]);
});

test('an observer hears of the next leader with the transaction', () => {
  const frames = recording('reconfig_observer');
  const members = membersIn(frames);
  const peer = learner({ sid: 5, leader: 3, members, last: 0x100000004, epoch: 1 });
  const effects = replay(peer, frames);
  assert.deepEqual(activated(effects), ['1 2 4 5 @100000005 leader 1']);
  assert(effects.some((effect) => effect.type === 'connectToLeader' && effect.sid === 1));
  assert.equal(peer.view().role, 'observing');
});

test('a follower joins the leader that a change named', () => {
  const frames = recording('reconfig_new_leader_join');
  const members = membersIn(frames);
  const peer = learner({ sid: 2, leader: 1, members, last: 0x100000005, epoch: 1 });
  assert.deepEqual(activated(replay(peer, frames)), []);
  assert.equal(peer.view().phase, 'broadcast');
});

test('what a leader sends of a change is what the reference sends', () => {
  const commits = recording('reconfig_leader_removed')
    .filter((frame) => frame.hex.startsWith('00000009'))
    .map((frame) => packetOf(frame));
  assert.deepEqual(
    commits.map((told) => encodeQuorumPacket(told).toString('hex')),
    [3, 3, 1].map((leader, index) =>
      encodeQuorumPacket(
        packet(PacketType.COMMITANDACTIVATE, commits[index]?.zxid as Zxid, activation(leader)),
      ).toString('hex'),
    ),
  );
  const inform = recording('reconfig_observer').find((frame) => frame.hex.startsWith('00000013'));
  assert(inform !== undefined);
  const { zxid, data } = packetOf(inform);
  const txn = (data ?? new Uint8Array(0)).subarray(8);
  assert.equal(
    encodeQuorumPacket(packet(PacketType.INFORMANDACTIVATE, zxid, activation(1, txn))).toString(
      'hex',
    ),
    inform.hex,
  );
  const ensemble = ensembleOfTxn(txn);
  assert(ensemble !== null);
  assert(Buffer.from(txn).includes(ensembleText(ensemble)), 'the text is the one recorded');
});
