// Goal: a follower that serves an observer, and the observer, say packet for packet what the
// reference's said.
// Method: both recorded connections of that follower, its leader's and its observer's, are fed to a
// peer in the order of what follows from what; what it sends to the observer is held against the
// recording. SYNC and REVALIDATE go through the relay, which hands on what it is given.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Ensemble } from '../../server/config/ensemble.ts';
import { ensembleOfText } from '../../server/config/ensemble-values.ts';
import { JuteReader } from '../../server/protocol/jute.ts';
import { PacketType } from '../../server/protocol/packet-type.ts';
import type { QuorumPacket } from '../../server/protocol/quorum-packet.ts';
import { encodeQuorumPacket, readQuorumPacket } from '../../server/protocol/quorum-packet.ts';
import { zxidZero } from '../../server/protocol/zxid.ts';
import type { ZabPeer } from '../../server/zab/door.ts';
import type { ZabEffect } from '../../server/zab/effects.ts';
import { createPeer } from '../../server/zab/peer.ts';

interface Frame {
  readonly dir: string;
  readonly kind: string;
  readonly hex: string;
}

const leaderLink = 1;
const observerLink = 2;
const { NEWLEADER, PING, SYNC, REVALIDATE, PROPOSAL, UPTODATE } = PacketType;

function packetsOf(name: string, dir: string): QuorumPacket[] {
  const path = join(import.meta.dirname, '../golden/quorum', `${name}.json`);
  const { frames } = JSON.parse(readFileSync(path, 'utf8')) as { readonly frames: Frame[] };
  return frames
    .filter((frame) => frame.kind === 'packet' && frame.dir === dir)
    .map((frame) => readQuorumPacket(new JuteReader(Buffer.from(frame.hex, 'hex'))));
}

function recordedEnsemble(): Ensemble {
  const told = packetsOf('observer_master', 'leader->learner').find(
    ({ type }) => type === NEWLEADER,
  );
  const ensemble = ensembleOfText(Buffer.from(told?.data ?? []).toString());
  assert(ensemble !== null, 'the recording names the members');
  return ensemble;
}

/** Server 3 is elected, as in the recording. */
function learnerOf(sid: number): ZabPeer {
  const peer = createPeer({
    sid,
    ensemble: recordedEnsemble(),
    tickMs: 1000,
    initLimitTicks: 10,
    syncLimitTicks: 5,
    notificationMsMin: 200,
    notificationMsMax: 60_000,
    commitLogCount: 500,
    observerMaster: true,
    random: () => 0.5,
    lastZxid: zxidZero,
    acceptedEpoch: 0,
    currentEpoch: 0,
    recentLog: [],
    nowMs: 0,
  });
  for (const [from, state] of [
    [2, 1],
    [3, 2],
  ] as const) {
    const vote = { state, leader: 3, zxid: 0, electionEpoch: 1, peerEpoch: 1, version: 2 };
    peer.step({ type: 'notification', from, notification: { ...vote, config: null }, nowMs: 0 });
  }
  peer.step({ type: 'leaderConnected', link: leaderLink, nowMs: 0 });
  return peer;
}

/** Steps the peer until its disk has done everything. */
function drain(peer: ZabPeer): ZabEffect[] {
  const all: ZabEffect[] = [];
  for (let effects = peer.takeEffects(); effects.length > 0; effects = peer.takeEffects()) {
    all.push(...effects);
    for (const effect of effects) {
      if (effect.type === 'append') {
        peer.step({ type: 'durable', zxid: effect.proposal.zxid, nowMs: 0 });
      } else if (effect.type === 'storeEpoch') {
        const { which, epoch } = effect;
        peer.step({ type: 'epochStored', which, epoch, nowMs: 0 });
      } else if (effect.type === 'receiveSnapshot') {
        peer.step({ type: 'snapshotReceived', zxid: effect.zxid, nowMs: 0 });
      } else if (effect.type === 'installSnapshot') {
        peer.step({ type: 'snapshotInstalled', zxid: effect.zxid, nowMs: 0 });
      }
    }
  }
  return all;
}

function sentTo(link: number, effects: readonly ZabEffect[]): string[] {
  return effects.flatMap((effect) =>
    effect.type === 'send' && effect.links.includes(link) ? [hexOf(effect.packet)] : [],
  );
}

function hexOf(packet: QuorumPacket): string {
  return encodeQuorumPacket(packet).toString('hex');
}

/** Not by the agreement: the relay answers, or the clock. */
function isOther({ type }: QuorumPacket): boolean {
  return type === SYNC || type === REVALIDATE || type === PING;
}

test('observer_master: what a follower says to its observer', () => {
  const peer = learnerOf(1);
  const upstream = packetsOf('observer_master_upstream', 'leader->learner').filter(
    (packet) => !isOther(packet),
  );
  const brought = packetsOf('observer_master', 'learner->leader');
  const expected = packetsOf('observer_master', 'leader->learner').filter(
    (packet) => !isOther(packet),
  );
  // The observer comes when two transactions are committed, and serves before the third.
  const third = upstream.findIndex(({ type, zxid }) => type === PROPOSAL && zxid === 0x100000003);
  assert(third > upstream.findIndex(({ type }) => type === UPTODATE));
  const effects: ZabEffect[] = [];
  const tell = (packet: QuorumPacket): void => {
    peer.step({ type: 'leaderPacket', packet, nowMs: 0 });
    effects.push(...drain(peer));
  };
  effects.push(...drain(peer));
  upstream.slice(0, third).forEach(tell);
  assert(effects.some(({ type }) => type === 'listenForObservers'));
  peer.step({ type: 'learnerConnected', link: observerLink, nowMs: 0 });
  for (const packet of brought.slice(0, 4)) {
    peer.step({ type: 'learnerPacket', link: observerLink, packet, nowMs: 0 });
    effects.push(...drain(peer));
  }
  upstream.slice(third).forEach(tell);
  assert.deepEqual(sentTo(observerLink, effects), expected.map(hexOf));
  // Every half tick a PING, with the zxid that the observer was told of last.
  peer.step({ type: 'tick', nowMs: 500 });
  const pings = packetsOf('observer_master', 'leader->learner').filter(({ type }) => type === PING);
  assert.deepEqual(sentTo(observerLink, drain(peer)), [hexOf(pings.at(-1) as QuorumPacket)]);
});

test('observer_master: what the observer brings goes to the leader as it is', () => {
  const peer = learnerOf(1);
  drain(peer);
  for (const packet of packetsOf('observer_master_upstream', 'leader->learner')) {
    if (isOther(packet)) continue;
    peer.step({ type: 'leaderPacket', packet, nowMs: 0 });
    drain(peer);
  }
  peer.step({ type: 'learnerConnected', link: observerLink, nowMs: 0 });
  const handedOn: string[] = [];
  for (const packet of packetsOf('observer_master', 'learner->leader')) {
    peer.step({ type: 'learnerPacket', link: observerLink, packet, nowMs: 0 });
    for (const effect of drain(peer)) {
      if (effect.type === 'learnerRequest' || effect.type === 'learnerRevalidate') {
        handedOn.push(hexOf(effect.packet));
      }
      assert.notEqual(effect.type, 'closeLink');
    }
  }
  const { REQUEST } = PacketType;
  const recorded = packetsOf('observer_master_upstream', 'learner->leader')
    .filter(({ type }) => type === REQUEST || type === REVALIDATE)
    .map(hexOf);
  assert(recorded.length >= 4, `${recorded.length} packets`);
  assert.deepEqual(handedOn, recorded);
});

test('observer_master: what an observer says to its follower', () => {
  const peer = learnerOf(4);
  const effects = drain(peer);
  assert(effects.some(({ type }) => type === 'connectToMaster'));
  for (const packet of packetsOf('observer_master', 'leader->learner')) {
    peer.step({ type: 'leaderPacket', packet, nowMs: 0 });
    effects.push(...drain(peer));
  }
  const expected = packetsOf('observer_master', 'learner->leader').slice(0, 4);
  assert.deepEqual(sentTo(leaderLink, effects), expected.map(hexOf));
  assert.deepEqual(
    effects.flatMap((effect) => (effect.type === 'deliver' ? [effect.proposal.zxid] : [])),
    [0x100000003, 0x100000004],
  );
  assert.equal(effects.filter(({ type }) => type === 'syncDone').length, 1);
  assert.equal(effects.filter(({ type }) => type === 'revalidated').length, 1);
});
