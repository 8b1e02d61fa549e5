import type { QuorumPacket } from '../protocol/quorum-packet.ts';
import type { Zxid } from '../protocol/zxid.ts';
import { epochOf, zxidNone } from '../protocol/zxid.ts';
import type { PeerOptions } from './door.ts';
import type { Phase, Role } from './effects.ts';
import type { LinkId } from './events.ts';
import { Effects, History } from './history.ts';
import { Members } from './members.ts';
import type { Quorum } from './quorum.ts';

/** Values of a note. */
export type NoteValues = Readonly<Record<string, string | number | null>>;

/**
 * What every role of one server shares: who is in the ensemble, the history, the epochs as the
 * disk has them, and the list of effects.
 */
export class Core {
  readonly options: PeerOptions;
  readonly effects: Effects = new Effects();
  readonly history: History;
  readonly members: Members;
  readonly sid: number;
  /** Time for a learner to connect and to synchronize. */
  readonly initMs: number;
  /** Time for a learner to reach its leader. */
  readonly connectMs: number;
  /** Longest silence between a leader and its learner. */
  readonly syncMs: number;
  /** Highest epoch this server has promised, on disk. */
  acceptedEpoch: number;
  /** Epoch whose history this server has taken over, on disk. */
  currentEpoch: number;
  /** The next leadership's epoch is above this: a voter has promised it to somebody. */
  epochFloor = 0;
  /** Until a leader's whole history is on disk, what stands there counts for nothing. */
  lacksHistory: boolean;
  /** Empty, and to begin anew as soon as every voter is known to be empty. */
  wantsBirth: boolean;
  /** Writes of epoch files, cuts and snapshots that the disk has not confirmed. */
  #epochWrites = 0;
  #isCutting = false;
  #isInstalling = false;

  constructor(options: PeerOptions) {
    this.options = options;
    this.sid = options.sid;
    this.members = new Members(options, this.effects);
    this.history = new History(
      this.effects,
      options.recentLog,
      options.lastZxid,
      options.commitLogCount,
    );
    this.initMs = options.tickMs * options.initLimitTicks;
    const connectTicks = options.connectLimitTicks ?? 0;
    this.connectMs = connectTicks === 0 ? this.initMs : options.tickMs * connectTicks;
    this.syncMs = options.tickMs * options.syncLimitTicks;
    this.lacksHistory = options.lacksHistory ?? options.lastZxid === zxidNone;
    this.acceptedEpoch = options.acceptedEpoch;
    this.currentEpoch = options.currentEpoch;
    const isBlank = this.lacksHistory && options.isDamaged !== true && this.acceptedEpoch === 0;
    this.wantsBirth = isBlank && options.isBornWithAll === true;
  }

  /** Of the active members; of the next ones too while a change is under way. */
  get quorum(): Quorum {
    return this.members.quorum;
  }

  get isObserver(): boolean {
    return this.members.isObserver;
  }

  get isVoter(): boolean {
    return this.quorum.indexOf(this.sid) >= 0;
  }

  /** Everything that the disk was asked for is done. */
  get isDiskIdle(): boolean {
    return (
      this.history.isDurable && this.#epochWrites === 0 && !this.#isCutting && !this.#isInstalling
    );
  }

  /** What votes and ACKEPOCH tell of the log; -1: nothing that may be counted on. */
  get lastClaimed(): Zxid {
    return this.lacksHistory ? zxidNone : this.history.lastLogged;
  }

  /**
   * The epoch that votes name. Without a history that is nobody's business but of those who wonder
   * whether anybody has one: it is 0 only where nothing was ever here.
   */
  get epochClaimed(): number {
    if (!this.lacksHistory) return this.currentEpoch;
    return Math.max(this.acceptedEpoch, this.options.isDamaged === true ? 1 : 0);
  }

  send(links: readonly LinkId[], packet: QuorumPacket): void {
    if (links.length > 0) this.effects.push({ type: 'send', links, packet });
  }

  note(what: string, values: NoteValues): void {
    this.effects.push({ type: 'note', what, values });
  }

  roleChanged(role: Role, phase: Phase, leader: number | null, epoch: number): void {
    this.effects.push({ type: 'roleChanged', role, phase, leader, epoch });
  }

  storeEpoch(which: 'accepted' | 'current', epoch: number): void {
    this.#epochWrites += 1;
    this.effects.push({ type: 'storeEpoch', which, epoch });
  }

  /** The history reaches into an epoch that the disk does not name yet, as after a crash between the two. */
  get isEpochBehind(): boolean {
    return epochOf(this.history.lastLogged) > this.currentEpoch;
  }

  /** The log is durable, so the epoch it reaches into is one whose history this server has. */
  storeEpochOfLog(): void {
    const epoch = epochOf(this.history.lastLogged);
    if (this.acceptedEpoch < epoch) this.storeEpoch('accepted', epoch);
    this.storeEpoch('current', epoch);
  }

  stepEpochStored(which: 'accepted' | 'current', epoch: number): void {
    this.#epochWrites -= 1;
    if (which === 'accepted') this.acceptedEpoch = Math.max(this.acceptedEpoch, epoch);
    else this.currentEpoch = Math.max(this.currentEpoch, epoch);
    // Who lacks a history stores this only when a leader's whole one is durable.
    if (which === 'current') this.lacksHistory = false;
  }

  truncate(zxid: Zxid): void {
    this.#isCutting = true;
    this.effects.push({ type: 'truncate', zxid });
  }

  stepTruncated(zxid: Zxid): void {
    this.#isCutting = false;
    this.history.cutBehind(zxid);
    this.members.forgetBehind(zxid);
  }

  stepTruncationRefused(): void {
    this.#isCutting = false;
  }

  /** From here on the tree is the one that was received. */
  installSnapshot(zxid: Zxid): void {
    this.#isInstalling = true;
    this.history.restart(zxid);
    this.members.forgetNext();
    this.effects.push({ type: 'installSnapshot', zxid });
  }

  stepSnapshotInstalled(): void {
    this.#isInstalling = false;
  }
}
