import type { Ensemble, EnsembleServer } from '../config/ensemble.ts';
import { quorumAddressesOf } from '../config/server-addresses.ts';
import type { PeerMesh } from '../net/peer-mesh.ts';
import { JuteError, JuteReader, JuteWriter } from '../protocol/jute.ts';
import { readRevalidate, writeRevalidated } from '../protocol/learner-payload.ts';
import { PacketType } from '../protocol/packet-type.ts';
import type { QuorumPacket } from '../protocol/quorum-packet.ts';
import { zxidHex } from '../protocol/zxid.ts';
import type { Phase, Role, ZabEffect } from '../zab/effects.ts';
import type { LinkId } from '../zab/events.ts';
import type { Commits } from './commits.ts';
import type { Client } from './client.ts';
import type { Core, ObserverMasterOptions } from './core.ts';
import { Following } from './following.ts';
import { Leadership } from './leadership.ts';
import { placesAt } from './links.ts';
import type { Links, TimelessEvent } from './links.ts';
import type { ReadOnlyMode } from './read-only.ts';
import type { Requests } from './requests.ts';
import type { Sessions } from './sessions.ts';
import type { Snapshots } from './snapshots.ts';

export interface EffectsParts {
  readonly links: Links;
  readonly snapshots: Snapshots;
  readonly commits: Commits;
  readonly sessions: Sessions;
  readonly requests: Requests;
  readonly readOnly: ReadOnlyMode;
  /** A completion for the agreement; stepped with in a later turn. */
  readonly emit: (event: TimelessEvent) => void;
  /** Election port; `null` in a server that is alone. */
  readonly mesh: () => PeerMesh | null;
  /** These members are active from now on. */
  readonly changeMembers: (ensemble: Ensemble) => void;
  /** This server leads no longer. */
  readonly stoodDown: () => void;
}

/** Does what the agreement asks for, in the order asked, and reports completions back as events. */
export class Effects {
  leadership: Leadership | null = null;
  following: Following | null = null;
  role: Role = 'looking';
  phase: Phase = 'election';
  leader: number | null = null;
  epoch = 0;
  readonly #core: Core;
  readonly #parts: EffectsParts;
  readonly #reply = new JuteWriter(16);

  constructor(core: Core, parts: EffectsParts) {
    this.#core = core;
    this.#parts = parts;
  }

  /** Performs effects until the agreement has no more. */
  performAll(): void {
    const { peer } = this.#core;
    for (let effects = peer.takeEffects(); effects.length > 0; effects = peer.takeEffects()) {
      for (const effect of effects) this.#perform(effect);
    }
  }

  #perform(effect: ZabEffect): void {
    const { links, snapshots, commits, emit } = this.#parts;
    switch (effect.type) {
      case 'append':
        return this.#core.storage.append(effect.proposal);
      case 'deliver':
        return commits.deliver(effect.proposal, this.leadership);
      case 'send':
        return links.send(effect.links, effect.packet);
      case 'sendNotification':
        return this.#parts.mesh()?.send(effect.to, effect.notification);
      case 'listenForLearners':
        return this.#listenForLearners();
      case 'listenForObservers':
        return this.#listenForObservers();
      case 'stopListening':
        return links.stopListening();
      case 'connectToLeader':
        return this.#connect(effect.sid, null);
      case 'connectToMaster':
        return this.#connect(effect.sid, this.#core.observerMaster);
      case 'closeLink':
        return this.#closeLink(effect.link, effect.reason);
      case 'sendSnapshot': {
        const link = links.learner(effect.link);
        return link === null ? undefined : snapshots.stream(link);
      }
      case 'readLog':
        return emit({
          type: 'logRead',
          link: effect.link,
          proposals: this.#core.storage.readLog(effect.from),
        });
      case 'receiveSnapshot':
        return this.#receiveSnapshot(effect.zxid);
      case 'installSnapshot':
        return snapshots.install(() => emit({ type: 'snapshotInstalled', zxid: effect.zxid }));
      case 'truncate':
        return this.#truncate(effect.zxid);
      case 'storeEpoch': {
        const { which, epoch } = effect;
        const done = (): void => emit({ type: 'epochStored', which, epoch });
        return this.#core.storage.storeEpoch(which, epoch, done);
      }
      case 'openEpoch':
        return this.#core.tree.setLastZxid(effect.zxid);
      case 'storeNext':
        return this.#core.members?.storeNext(effect.ensemble);
      case 'activate':
        return this.#parts.changeMembers(effect.ensemble);
      case 'roleChanged':
        return this.#changeRole(effect);
      case 'learnerRequest':
      case 'learnerRevalidate':
      case 'learnerTouched':
        return this.#fromLearner(effect);
      case 'answerPing':
        return this.following?.answerPing(effect.zxid);
      case 'revalidated':
        return this.following?.revalidated(effect.packet);
      case 'syncDone':
        if (effect.tag === null) this.following?.syncDone();
        else this.leadership?.syncDone(effect.tag);
        return;
      case 'note':
        return this.#core.host.log('info', effect.what, effect.values);
      case 'fatal':
        return this.#core.host.exit(effect.exitCode, effect.reason);
    }
  }

  #server(sid: number): EnsembleServer | null {
    return this.#core.members?.server(sid) ?? null;
  }

  #listenForLearners(): void {
    const own = this.#server(this.#core.config.sid);
    if (own !== null) return this.#parts.links.listen(own);
    this.#parts.emit({ type: 'resign', reason: 'this server is no member' });
  }

  #listenForObservers(): void {
    const { config, observerMaster } = this.#core;
    const own = this.#server(config.sid);
    if (own !== null && observerMaster !== null)
      this.#parts.links.listenForObservers(own, observerMaster);
  }

  /** `master` null: to the leader; otherwise to the port for observers of a follower, which is not waited for as long. */
  #connect(sid: number, master: ObserverMasterOptions | null): void {
    const server = this.#server(sid);
    const { connectTimeoutMs, tickMs } = this.#core.config;
    if (server !== null) {
      const timeoutMs = master === null ? connectTimeoutMs : Math.min(connectTimeoutMs, tickMs);
      const places = master === null ? quorumAddressesOf(server) : placesAt(server, master.port);
      return this.#parts.links.connect(places, timeoutMs);
    }
    this.#parts.emit({ type: 'leaderClosed', reason: `server ${sid} is not known here` });
  }

  #closeLink(link: LinkId, reason: string): void {
    this.#core.host.log('info', 'quorum connection closed', { link, reason });
    this.#parts.links.close(link);
  }

  #receiveSnapshot(zxid: ZabEffectOf<'receiveSnapshot'>['zxid']): void {
    const { links, snapshots, emit } = this.#parts;
    if (links.leader === null) return;
    snapshots.receive(links.leader, zxid, () => {
      this.#treeReplaced();
      emit({ type: 'snapshotReceived', zxid });
    });
  }

  /** What clients have seen and watch, and what of theirs was written, cannot be told from it. */
  #treeReplaced(): void {
    this.#core.members?.renew(this.#core.tree);
    this.#parts.sessions.closeAll('the tree was replaced as a whole');
  }

  #truncate(zxid: ZabEffectOf<'truncate'>['zxid']): void {
    const { snapshots, emit } = this.#parts;
    this.#core.host.log('warn', 'the log is cut back to what the leader has', {
      zxid: `0x${zxidHex(zxid)}`,
    });
    this.#core.storage.truncate(zxid, (isCut) => {
      if (!isCut) return emit({ type: 'truncationRefused', zxid });
      if (this.#core.tree.lastZxid > zxid) {
        snapshots.reload();
        this.#treeReplaced();
      }
      emit({ type: 'truncated', zxid });
    });
  }

  #changeRole(effect: ZabEffectOf<'roleChanged'>): void {
    const core = this.#core;
    if (this.role !== 'looking' && effect.role === 'looking')
      this.#parts.snapshots.forgetReceived();
    if (this.role === 'looking' && effect.role !== 'looking') {
      core.counters.elections += 1;
      core.timings.election.add(core.peer.view().electionMs);
    }
    core.leadingSinceMs = effect.role !== 'leading' ? null : (core.leadingSinceMs ?? core.nowMs);
    this.#parts.readOnly.roleChanged(this.role, effect.role);
    const epochBefore = this.epoch;
    this.role = effect.role;
    this.phase = effect.phase;
    this.leader = effect.leader;
    this.epoch = effect.epoch;
    core.host.log('info', `now ${effect.role}, ${effect.phase}`, {
      leader: effect.leader ?? 'none',
      epoch: effect.epoch,
      zxid: `0x${zxidHex(core.tree.lastZxid)}`,
    });
    if (effect.phase === 'broadcast') return this.#serve();
    if (core.upstream === null || core.isReadOnly) return;
    const hasLed = this.leadership !== null;
    core.upstream.stop();
    core.upstream = null;
    this.leadership = null;
    this.following = null;
    this.#parts.sessions.hold(epochBefore);
    if (hasLed) this.#parts.stoodDown();
  }

  #serve(): void {
    const core = this.#core;
    if (core.upstream !== null) return;
    const { requests, sessions, links } = this.#parts;
    const answers = {
      syncDone: requests.syncDone.bind(requests),
      revalidated: sessions.revalidated.bind(sessions),
      toObserver: (link: LinkId, packet: QuorumPacket) => links.send([link], packet),
      moved: (client: Client) => sessions.close(client, 'its session moved to an observer'),
    };
    const { leaderServes, ensemble } = core.config;
    core.takesClients = leaderServes || ensemble === null || this.role !== 'leading';
    if (this.role === 'leading') {
      this.leadership = new Leadership(core, answers);
      core.upstream = this.leadership;
    } else if (links.leader !== null) {
      this.following = new Following(core, links.leader, answers);
      core.upstream = this.following;
    }
    // An observer may have come to another follower than before.
    const isElsewhere = this.role === 'observing';
    const again = requests.again.bind(requests);
    sessions.resume(this.epoch, isElsewhere, again);
  }

  /** What a learner brings; bytes that make no sense cost it its link. */
  #fromLearner(effect: LearnersEffect): void {
    const { leadership, following } = this;
    try {
      if (leadership !== null) this.#toLeadership(effect, leadership);
      else if (following !== null) toFollowing(effect, following);
    } catch (error) {
      if (!(error instanceof JuteError)) throw error;
      if (effect.type === 'learnerTouched') return;
      this.#closeLink(effect.link, error.message);
      this.#parts.emit({ type: 'learnerClosed', link: effect.link });
    }
  }

  #toLeadership(effect: LearnersEffect, leadership: Leadership): void {
    switch (effect.type) {
      case 'learnerTouched':
        return leadership.learnerTouched(effect.data);
      case 'learnerRequest':
        return leadership.learnerRequest(effect.link, effect.sid, effect.packet);
      case 'learnerRevalidate':
        return this.#revalidate(leadership, effect.link, effect.sid, effect.packet);
    }
  }

  #revalidate(leadership: Leadership, link: LinkId, sid: number, packet: QuorumPacket): void {
    const reader = new JuteReader(packet.data ?? new Uint8Array(0));
    const { sessionId, timeoutMs } = readRevalidate(reader);
    const isValid = leadership.revalidateOf(sid, sessionId, timeoutMs);
    const reply = this.#reply;
    reply.clear();
    writeRevalidated(reply, sessionId, isValid);
    this.#parts.links.send([link], {
      type: PacketType.REVALIDATE,
      zxid: packet.zxid,
      data: reply.view(),
      authIds: null,
    });
  }
}

/** What learners bring to a leader, and observers to a follower. */
type LearnersEffect = ZabEffectOf<'learnerRequest' | 'learnerRevalidate' | 'learnerTouched'>;

function toFollowing(effect: LearnersEffect, following: Following): void {
  switch (effect.type) {
    case 'learnerTouched':
      return following.observerTouched(effect.data);
    case 'learnerRequest':
      return following.observerRequest(effect.link, effect.packet);
    case 'learnerRevalidate':
      return following.observerRevalidate(effect.link, effect.packet);
  }
}

/** The effect of that type. */
type ZabEffectOf<T extends ZabEffect['type']> = Extract<ZabEffect, { readonly type: T }>;
