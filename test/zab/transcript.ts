import assert from 'node:assert/strict';
import { JuteReader, JuteWriter } from '../../server/protocol/jute.ts';
import { encodeLearnerInfo, learnerProtocolVersion } from '../../server/protocol/learner-info.ts';
import type { Notification, ServerState } from '../../server/protocol/notification.ts';
import { PacketType } from '../../server/protocol/packet-type.ts';
import type { QuorumPacket } from '../../server/protocol/quorum-packet.ts';
import type { Zxid } from '../../server/protocol/zxid.ts';
import { zxidNone, zxidZero } from '../../server/protocol/zxid.ts';
import type { ZabPeer } from '../../server/zab/door.ts';
import type { ZabEffect } from '../../server/zab/effects.ts';
import type { Proposal, ZabEvent } from '../../server/zab/events.ts';
import { createPeer } from '../../server/zab/peer.ts';
import { ensembleText } from '../../server/config/ensemble-text.ts';
import type { Ensemble } from '../../server/config/ensemble.ts';
import { ensembleOf } from './ensembles.ts';

// A transcript is text: what happens to one peer, and what it asks for.
//
//   peer sid=1 of=3 last=100000005 log=3      the peer; numbers of zxids are hex; with `reconfig`
//                                             its members may change, with `masters` followers serve
//                                             observers, `forgetful` lost its promises, `damaged`
//                                             its history, `bornWithAll` may begin a new one
//   propose members=1,2,o3                    a transaction that proposes members; `o`: observers
//   @20                                       the clock, ms
//   from leader DIFF 100000005                one event per line
//   ----
//   send 9 ACK 100000000                      every effect since the last block
//
// Blocks are divided by an empty line; `#` starts a comment line.

const states = ['LOOKING', 'FOLLOWING', 'LEADING', 'OBSERVING'] as const;
const packetNames = new Map<number, string>(
  Object.entries(PacketType).map(([name, type]) => [type, name]),
);

/** Plays a transcript; returns it with the effects as they are now. */
export function replay(text: string): string {
  let peer: ZabPeer | null = null;
  let nowMs = 0;
  const blocks = text
    .trimEnd()
    .split('\n\n')
    .map((block) => {
      const lines = block.split('\n');
      const events = lines.slice(0, lines.includes('----') ? lines.indexOf('----') : lines.length);
      for (const line of events) {
        if (line.startsWith('#')) continue;
        const [first = '', ...rest] = line.split(' ');
        if (first === 'peer') peer = peerOf(rest, nowMs);
        else if (first.startsWith('@')) nowMs = Number(first.slice(1));
        else {
          assert(peer !== null, 'a transcript begins with its peer');
          for (const event of eventsOf(first, rest, peer)) peer.step({ ...event, nowMs });
        }
      }
      const effects = (peer?.takeEffects() ?? []).map(effectText);
      const isComment = events.every((line) => line.startsWith('#'));
      if (isComment && effects.length === 0) return events.join('\n');
      return [...events, '----', ...effects].join('\n');
    });
  return `${blocks.join('\n\n')}\n`;
}

function fieldsOf(words: readonly string[]): ReadonlyMap<string, string> {
  return new Map(
    words
      .filter((word) => word.includes('='))
      .map((word) => {
        const at = word.indexOf('=');
        return [word.slice(0, at), word.slice(at + 1)];
      }),
  );
}

function peerOf(words: readonly string[], nowMs: number): ZabPeer {
  const fields = fieldsOf(words);
  const number = (name: string, otherwise: number): number => Number(fields.get(name) ?? otherwise);
  const lastZxid = zxidFrom(fields.get('last') ?? '0');
  const count = number('log', 0);
  const recentLog = Array.from({ length: count }, (_, index) =>
    proposalAt((lastZxid - count + 1 + index) as Zxid),
  );
  return createPeer({
    sid: number('sid', 1),
    ensemble: ensembleOf(number('of', 3), number('observers', 0)),
    tickMs: number('tick', 1000),
    initLimitTicks: number('init', 10),
    syncLimitTicks: number('sync', 5),
    notificationMsMin: 200,
    notificationMsMax: 60_000,
    commitLogCount: number('keep', 500),
    counterMax: number('counterMax', 0xffff_fffe),
    observerMaster: words.includes('masters'),
    ...(fields.has('snaps') ? { concurrentSnapSyncsMax: number('snaps', 0) } : {}),
    ...(fields.has('diffs') ? { concurrentDiffSyncsMax: number('diffs', 0) } : {}),
    forceSnapshotSync: words.includes('wholeTrees'),
    observerReconnectDelayMs: number('reconnectDelay', 0),
    observerElectionDelayMs: number('electionDelay', 200),
    connectLimitTicks: number('connect', 0),
    random: () => 0.5,
    lastZxid,
    acceptedEpoch: number('accepted', Math.floor(lastZxid / 2 ** 32)),
    currentEpoch: number('current', Math.floor(lastZxid / 2 ** 32)),
    recentLog,
    reconfigEnabled: words.includes('reconfig'),
    ensembleOf: membersOfBytes,
    isDamaged: words.includes('damaged'),
    isBornWithAll: words.includes('bornWithAll'),
    isPromiseKnown: !words.includes('forgetful'),
    nowMs,
  });
}

type Timeless = ZabEvent extends infer Event
  ? Event extends ZabEvent
    ? Omit<Event, 'nowMs'>
    : never
  : never;

function eventsOf(what: string, words: readonly string[], peer: ZabPeer): Timeless[] {
  const [word = '', ...rest] = words;
  switch (what) {
    case 'tick':
      return [{ type: 'tick' }];
    case 'vote':
      return [{ type: 'notification', from: Number(word), notification: voteFrom(rest) }];
    case 'unreachable':
      return [{ type: 'voterUnreachable', sid: Number(word), isRefused: rest[0] !== 'ended' }];
    case 'learner':
      if (rest[0] === 'connects') return [{ type: 'learnerConnected', link: Number(word) }];
      if (rest[0] === 'closed') return [{ type: 'learnerClosed', link: Number(word) }];
      return [{ type: 'learnerPacket', link: Number(word), packet: packetFrom(rest) }];
    case 'leader':
      if (word === 'connected') return [{ type: 'leaderConnected', link: Number(rest[0]) }];
      if (word === 'closed') return [{ type: 'leaderClosed', reason: rest.join(' ') }];
      return [{ type: 'leaderPacket', packet: packetFrom(words) }];
    case 'progress':
      return [{ type: 'linkProgress', link: Number(word) }];
    case 'disk':
      return [diskEvent(word, rest)];
    case 'propose':
      return [{ type: 'propose', proposal: proposalAt(peer.nextZxid(), word) }];
    case 'sync':
      return [{ type: 'sync', link: word === 'own' ? null : Number(word), tag: Number(rest[0]) }];
    case 'resign':
      return [{ type: 'resign', reason: words.join(' ') }];
    default:
      return assert.fail(`no event: ${what}`);
  }
}

function diskEvent(word: string, rest: readonly string[]): Timeless {
  const zxid = zxidFrom(rest[0] ?? '0');
  switch (word) {
    case 'durable':
      return { type: 'durable', zxid };
    case 'truncated':
      return { type: 'truncated', zxid };
    case 'refused':
      return { type: 'truncationRefused', zxid };
    case 'received':
      return { type: 'snapshotReceived', zxid };
    case 'installed':
      return { type: 'snapshotInstalled', zxid };
    case 'accepted':
    case 'current':
      return { type: 'epochStored', which: word, epoch: Number(rest[0]) };
    case 'read': {
      const proposals = rest.slice(1).map((text) => proposalAt(zxidFrom(text)));
      return { type: 'logRead', link: Number(rest[0]), proposals };
    }
    default:
      return assert.fail(`no disk event: ${word}`);
  }
}

function voteFrom(words: readonly string[]): Notification {
  const fields = fieldsOf(words);
  const state = states.indexOf(words[0] as (typeof states)[number]);
  assert(state >= 0, `a state of a server: ${words[0]}`);
  return {
    state: state as ServerState,
    leader: Number(fields.get('leader')),
    zxid: zxidFrom(fields.get('zxid') ?? '0'),
    electionEpoch: Number(fields.get('round') ?? 1),
    peerEpoch: Number(fields.get('epoch') ?? 0),
    version: 2,
    config: configFrom(fields.get('config')),
  };
}

/** `TYPE zxid`, then what its data say. */
function packetFrom(words: readonly string[]): QuorumPacket {
  const [name = '', zxidText = '-1'] = words;
  const type = PacketType[name as keyof typeof PacketType];
  assert(type !== undefined, `a packet type: ${name}`);
  const fields = fieldsOf(words);
  return { type, zxid: zxidFrom(zxidText), data: dataFrom(fields), authIds: null };
}

function dataFrom(fields: ReadonlyMap<string, string>): Uint8Array | null {
  const sid = fields.get('sid');
  if (sid !== undefined) {
    const protocolVersion = learnerProtocolVersion;
    const configVersion = Number(fields.get('config') ?? 0);
    return encodeLearnerInfo({ sid: Number(sid), protocolVersion, configVersion });
  }
  const members = fields.get('members');
  if (members !== undefined) return bytesOf(configFrom(members) ?? '');
  const writer = new JuteWriter();
  const epoch = fields.get('epoch');
  if (epoch !== undefined) writer.int32(Number(epoch));
  const leader = fields.get('leader');
  if (leader !== undefined) writer.int64(Number(leader));
  const text = fields.get('data');
  if (text !== undefined) writer.raw(bytesOf(text));
  return (epoch ?? leader ?? text) === undefined ? null : writer.take();
}

/** `members=1,2,o3` becomes that ensemble; its version is the zxid of its transaction. */
function membersFrom(text: string, version: number): Ensemble {
  const words = text.slice(text.indexOf('=') + 1).split(',');
  const servers = words.map((word) => {
    const sid = Number(word.replace('o', ''));
    const server = ensembleOf(sid).servers[sid - 1];
    assert(server !== undefined, `a server: ${word}`);
    return word.startsWith('o') ? { ...server, role: 'observer' as const } : server;
  });
  return { version, servers, groups: new Map(), weights: new Map() };
}

/** Transactions of transcripts are words; `members=…@version` proposes members. */
function membersOfBytes(bytes: Uint8Array): Ensemble | null {
  const [text = '', version = '0'] = new TextDecoder().decode(bytes).split('@');
  return text.startsWith('members=') ? membersFrom(text, Number.parseInt(version, 16)) : null;
}

/** `config=1,2,o3@100000005`: what a notification says of the sender's members. */
function configFrom(text: string | undefined): string | null {
  if (text === undefined) return null;
  const [members = '', version = '0'] = text.split('@');
  return ensembleText(membersFrom(members, Number.parseInt(version, 16)));
}

function membersText(ensemble: Ensemble | null): string {
  if (ensemble === null) return 'none';
  const words = ensemble.servers.map(({ sid, role }) => (role === 'observer' ? `o${sid}` : sid));
  return `${words.join(',')}@${zxidText(ensemble.version)}`;
}

function bytesOf(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

function proposalAt(zxid: Zxid, text: string = 't'): Proposal {
  const isChange = text.startsWith('members=');
  return { zxid, bytes: bytesOf(isChange ? `${text}@${zxidText(zxid)}` : text) };
}

function zxidFrom(text: string): Zxid {
  return text === '-1' ? zxidNone : ((Number.parseInt(text, 16) || zxidZero) as Zxid);
}

function zxidText(zxid: number): string {
  if (zxid === -(2 ** 63)) return 'none';
  return zxid < 0 ? String(zxid) : zxid.toString(16);
}

function effectText(effect: ZabEffect): string {
  switch (effect.type) {
    case 'sendNotification': {
      const { state, leader, zxid, electionEpoch, peerEpoch } = effect.notification;
      const who = leader < 0 ? 'none' : String(leader);
      const epoch = peerEpoch < 0 ? 'none' : String(peerEpoch);
      const what = `${states[state]} leader=${who} zxid=${zxidText(zxid)}`;
      return `vote to ${effect.to} ${what} round=${electionEpoch} epoch=${epoch}`;
    }
    case 'listenForLearners':
      return 'listen';
    case 'listenForObservers':
      return 'listen for observers';
    case 'stopListening':
      return `stop listening: ${effect.reason}`;
    case 'connectToLeader':
      return `connect to ${effect.sid}`;
    case 'connectToMaster':
      return `connect to ${effect.sid} for observers`;
    case 'send':
      return `send ${effect.links.join(',')} ${packetText(effect.packet)}`;
    case 'closeLink':
      return `close ${effect.link}: ${effect.reason}`;
    case 'sendSnapshot':
      return `send ${effect.link} the tree`;
    case 'readLog':
      return `read log for ${effect.link} from ${zxidText(effect.from)}`;
    case 'receiveSnapshot':
    case 'installSnapshot':
    case 'truncate':
    case 'openEpoch':
      return `${effect.type} ${zxidText(effect.zxid)}`;
    case 'append':
    case 'deliver':
      return `${effect.type} ${zxidText(effect.proposal.zxid)}`;
    case 'storeEpoch':
      return `store ${effect.which} epoch ${effect.epoch}`;
    case 'storeNext':
      return `store next ${membersText(effect.ensemble)}`;
    case 'activate':
      return `activate ${membersText(effect.ensemble)} leader=${effect.leader ?? 'none'}`;
    case 'roleChanged': {
      const { role, phase, leader, epoch } = effect;
      return `now ${role} ${phase} leader=${leader ?? 'none'} epoch=${epoch}`;
    }
    case 'learnerRequest':
    case 'learnerRevalidate':
      return `${effect.type} ${effect.link} sid=${effect.sid} ${packetText(effect.packet)}`;
    case 'learnerTouched':
      return `learnerTouched sid=${effect.sid} ${effect.data.length} bytes`;
    case 'answerPing':
      return `answer ping ${effect.link} ${zxidText(effect.zxid)}`;
    case 'revalidated':
      return `revalidated ${packetText(effect.packet)}`;
    case 'syncDone':
      return `sync done ${effect.tag ?? 'forwarded'}`;
    case 'note': {
      const values = Object.entries(effect.values).map(([name, value]) => {
        const isZxid = typeof value === 'number' && value >= 2 ** 32;
        return `${name}=${isZxid ? zxidText(value) : value}`;
      });
      return `note ${effect.what}: ${values.join(' ')}`;
    }
    case 'fatal':
      return `fatal ${effect.exitCode}: ${effect.reason}`;
  }
  return assert.fail('every effect has a text');
}

function packetText(packet: QuorumPacket): string {
  const { type, zxid, data } = packet;
  const words = [packetNames.get(type) ?? String(type), zxidText(zxid)];
  if (data !== null) {
    const reader = new JuteReader(data);
    if (type === PacketType.ACKEPOCH) words.push(`epoch=${reader.int32()}`);
    else if (type === PacketType.FOLLOWERINFO || type === PacketType.OBSERVERINFO) {
      words.push(`sid=${reader.int64()}`);
    } else if (type === PacketType.NEWLEADER) words.push('with the ensemble');
    else if (type === PacketType.COMMITANDACTIVATE || type === PacketType.INFORMANDACTIVATE) {
      words.push(`leader=${reader.int64()}`);
    }
  }
  return words.join(' ');
}
