import { ServerState } from '../../../server/protocol/notification.ts';
import { PacketType } from '../../../server/protocol/packet-type.ts';
import type { PeerOptions } from '../../../server/zab/door.ts';
import type { ZabEffect } from '../../../server/zab/effects.ts';
import type { ZabEvent } from '../../../server/zab/events.ts';
import { Learner } from '../../../server/zab/learner.ts';
import { Learners } from '../../../server/zab/learners.ts';
import { Quorum } from '../../../server/zab/quorum.ts';
import { createPeer } from '../../../server/zab/peer.ts';
import { eventsOfPeers, LyingPeer, optionsOfPeers, patched, peers } from './mutant.ts';
import type { Mutant } from './mutant.ts';
import { slowAtFirst, slowLeader } from './client-scripts.ts';
import { leaderAlone, silentLeader } from './scripts.ts';

/** Counts its own vote for itself as everybody's: two may lead. */
class SelfElected extends LyingPeer {
  override step(event: ZabEvent): void {
    if (event.type !== 'notification' || event.notification.state !== ServerState.LOOKING) {
      return super.step(event);
    }
    const { sid } = this;
    super.step({ ...event, notification: { ...event.notification, leader: sid } });
  }

  readonly sid: number;

  constructor(options: PeerOptions) {
    super(options);
    this.sid = options.sid;
  }
}

/** Answers its own clients' syncs without asking whether it still leads. */
export class HastySync extends LyingPeer {
  #tags: number[] = [];

  override step(event: ZabEvent): void {
    if (event.type !== 'sync' || event.link !== null) return super.step(event);
    this.#tags.push(event.tag);
  }

  override takeEffects(): ZabEffect[] {
    const done = this.#tags.map((tag): ZabEffect => ({ type: 'syncDone', tag }));
    this.#tags = [];
    return [...this.inner.takeEffects(), ...done];
  }
}

/** Votes with a longer history than it has. */
class Boaster extends LyingPeer {
  override takeEffects(): ZabEffect[] {
    return this.inner.takeEffects().map((effect) => {
      if (effect.type !== 'sendNotification') return effect;
      const { notification } = effect;
      const isOwn = notification.leader === this.#sid && notification.state === ServerState.LOOKING;
      if (!isOwn) return effect;
      return { ...effect, notification: { ...notification, zxid: notification.zxid + 3 } };
    });
  }

  readonly #sid: number;

  constructor(options: PeerOptions) {
    super(options);
    this.#sid = options.sid;
  }
}

/** Of two votes the one for the larger id wins, whatever the histories are. */
function byIdAlone(event: ZabEvent): ZabEvent {
  if (event.type !== 'notification' || event.notification.state !== ServerState.LOOKING) {
    return event;
  }
  const { notification } = event;
  const peerEpoch = 1_000 + notification.leader;
  return { ...event, notification: { ...notification, peerEpoch, zxid: 0 } };
}

/** Leads whoever comes, also those who know more. */
function whoeverComes(event: ZabEvent): ZabEvent {
  if (event.type !== 'learnerPacket' || event.packet.type !== PacketType.ACKEPOCH) return event;
  const data = Buffer.from(event.packet.data ?? []);
  if (data.length === 4 && data.readInt32BE() > 0) data.writeInt32BE(0);
  return { ...event, packet: { ...event.packet, data } };
}

/** Observers vote, and count. */
function allVote(options: PeerOptions): PeerOptions {
  const servers = options.ensemble.servers.map((server) => {
    return { ...server, role: 'participant' as const };
  });
  return { ...options, ensemble: { ...options.ensemble, servers } };
}

/** Who leads, with which right, and for how long. */
export const electionMutants: readonly Mutant[] = [
  {
    name: 'takes every vote as one for itself',
    kin: '1818',
    symptom: /^L2 /,
    showsOutside: true,
    parts: peers((o) => new SelfElected(o)),
  },
  {
    name: 'votes with a history that it has not',
    kin: '1818',
    symptom: /^Z15 /,
    parts: peers((o) => new Boaster(o)),
  },
  {
    name: 'elects by server id alone and leads those who know more',
    kin: '',
    symptom: /^Z/,
    showsOutside: true,
    parts: eventsOfPeers((event) => whoeverComes(byIdAlone(event))),
  },
  {
    name: 'takes half of the voters for a quorum',
    kin: '',
    symptom: /^Z8 |^Z1 /,
    showsOutside: true,
    options: { voters: 4, observers: 0 },
    patch: () => [
      patched(Quorum.prototype, 'reaches', () => (marks, atLeast) => {
        return marks.filter((mark) => mark >= atLeast).length * 2 >= marks.length;
      }),
    ],
  },
  {
    name: 'counts observers as voters',
    kin: '764',
    symptom: /^Z8 /,
    options: { voters: 3, observers: 2 },
    parts: optionsOfPeers(allVote),
  },
  {
    name: 'leads on without its followers',
    kin: '3600',
    symptom: /^L1 |^L2 /,
    script: leaderAlone,
    patch: () => [patched(Learners.prototype, 'isSyncedQuorum', () => () => true)],
  },
  {
    name: 'waits for a silent leader for ever',
    kin: '3829',
    symptom: /^L1 /,
    script: silentLeader,
    patch: () => [
      patched(Learner.prototype, 'tick', (original) => {
        return function (this: Learner, nowMs: number): void {
          if (this.phase === 'discovery') original.call(this, nowMs);
        };
      }),
    ],
  },
  {
    name: 'forgets that a change of members needs the next ones, too',
    kin: '2080 2172',
    symptom: /^Z/,
    changing: (o) => createPeer({ ...o, next: null, ensembleOf: () => null }),
  },
  {
    name: 'goes on behind the last zxid of its epoch',
    kin: '1277 2789',
    symptom: /^Z20 /,
    options: { counterMax: 100 },
    parts: peers(({ counterMax: _unused, ...o }) => createPeer(o)),
  },
  {
    name: 'answers syncs without asking whether it still leads',
    kin: '1675 3600',
    symptom: /^C4 /,
    showsOutside: true,
    script: slowLeader,
    get options() {
      return { voters: 3, observers: 0, clockOf: slowAtFirst() };
    },
    parts: peers((o) => new HastySync(o)),
  },
];
