import type { Ensemble } from '../config/ensemble.ts';
import { ensembleText } from '../config/ensemble-text.ts';
import {
  areSameMembers,
  ensembleOfText,
  serverOf,
  versionOfText,
} from '../config/ensemble-values.ts';
import type { Zxid } from '../protocol/zxid.ts';
import type { PeerOptions } from './door.ts';
import type { Effects } from './history.ts';
import { textBytes } from './packets.ts';
import { Quorum } from './quorum.ts';

/**
 * Who belongs to the ensemble: the active configuration, and the next one while a change is
 * proposed and not committed. As long as there is a next one, whatever is agreed on needs a
 * quorum of both; and what was proposed meanwhile still needs both when the change is committed
 * before it, so that whoever leads the former members has it.
 *
 * Without `reconfigEnabled` the configuration is what it was at the start, for ever.
 *
 * Source: quorum protocol, section 13.
 */
export class Members {
  readonly isChangeable: boolean;
  readonly #effects: Effects;
  readonly #sid: number;
  readonly #ensembleOf: (bytes: Uint8Array) => Ensemble | null;
  #active: Ensemble;
  #next: Ensemble | null = null;
  /** Leader only: active before, while there are proposals of that time. */
  #former: Ensemble | null = null;
  #quorum: Quorum;
  #text: string;
  #activeBytes: Uint8Array;
  #newestBytes: Uint8Array;

  constructor(options: PeerOptions, effects: Effects) {
    this.#effects = effects;
    this.#sid = options.sid;
    this.isChangeable = options.reconfigEnabled === true;
    this.#ensembleOf = options.ensembleOf ?? ((): null => null);
    this.#active = options.ensemble;
    const next = options.next ?? null;
    if (this.isChangeable && next !== null && next.version > this.#active.version) {
      this.#next = next;
    }
    this.#quorum = this.#newQuorum();
    this.#text = ensembleText(this.#active);
    this.#activeBytes = textBytes(this.#text);
    this.#newestBytes = textBytes(ensembleText(this.#next ?? this.#active));
  }

  get active(): Ensemble {
    return this.#active;
  }

  /** Proposed, and not committed as far as this server knows. */
  get next(): Ensemble | null {
    return this.#next;
  }

  /** Replaced whenever members change: whoever keeps marks in its order starts anew then. */
  get quorum(): Quorum {
    return this.#quorum;
  }

  /** Whether the active members include this server with a vote: it may be elected. */
  get isVoter(): boolean {
    return this.isActiveVoter(this.#sid);
  }

  isActiveVoter(sid: number): boolean {
    return serverOf(this.#active, sid)?.role === 'participant';
  }

  /** Text of the active configuration. */
  get text(): string {
    return this.#text;
  }

  /** The same as bytes: what NEWLEADER tells a learner that comes to a leader in broadcast. */
  get activeBytes(): Uint8Array {
    return this.#activeBytes;
  }

  /** Text of the newest configuration known: what the epoch that NEWLEADER announces commits. */
  get newestBytes(): Uint8Array {
    return this.#newestBytes;
  }

  /**
   * Observers follow without a vote; a server that the ensemble does not name is no observer, nor
   * is one that the next members give a vote: their quorum may need it.
   */
  get isObserver(): boolean {
    if (serverOf(this.#active, this.#sid)?.role !== 'observer') return false;
    return this.#next === null || serverOf(this.#next, this.#sid)?.role !== 'participant';
  }

  /** A transaction is about to be logged: it may propose other members. */
  learnOf(bytes: Uint8Array): void {
    if (!this.isChangeable) return;
    const ensemble = this.#ensembleOf(bytes);
    if (ensemble !== null) this.see(ensemble);
  }

  /** These members are proposed. Older ones than known say nothing. */
  see(ensemble: Ensemble): void {
    if (ensemble.version > (this.#next ?? this.#active).version) this.#setNext(ensemble);
  }

  /**
   * The leader's word at the end of synchronization, when its history is this server's. What was
   * proposed and is not in that history, which ends at `last`, never comes to be.
   */
  obey(ensemble: Ensemble, last: Zxid): void {
    const next = ensemble.version > this.#active.version ? ensemble : null;
    const isMoot = this.#next !== null && this.#next.version > last;
    if (next !== null && next.version > (this.#next?.version ?? 0)) this.#setNext(next);
    else if (isMoot && this.#next?.version !== next?.version) this.#setNext(next);
  }

  /** The whole tree was replaced: what was proposed here says nothing any more. */
  forgetNext(): void {
    if (this.#next !== null) this.#setNext(null);
  }

  /** The log was cut: a change behind the cut never comes to be. */
  forgetBehind(zxid: Zxid): void {
    if (this.#next !== null && this.#next.version > zxid) this.#setNext(null);
  }

  /**
   * These members are committed. `leader`: who leads them by the word of the leader; `null`:
   * nobody said. False: they, or later ones, are active already.
   */
  activate(ensemble: Ensemble, leader: number | null): boolean {
    if (!this.isChangeable || ensemble.version <= this.#active.version) return false;
    this.#active = ensemble;
    this.#text = ensembleText(ensemble);
    if (this.#next !== null && this.#next.version <= ensemble.version) this.#next = null;
    this.#refresh();
    this.#effects.push({ type: 'activate', ensemble, leader });
    return true;
  }

  /** Leader: the members before still count, too, until {@link settle}. */
  keepFormer(former: Ensemble): void {
    this.#former = former;
    this.#refresh();
  }

  /** Everything that was proposed under the former members is committed, or this server leads no more. */
  settle(): void {
    if (this.#former === null) return;
    this.#former = null;
    this.#refresh();
  }

  /**
   * What another server takes for the configuration, when it is a later one than the active.
   * Source: election, section 5.
   */
  laterOf(text: string | null): Ensemble | null {
    if (!this.isChangeable || text === null || text === this.#text) return null;
    const version = versionOfText(text);
    if (version === null || version <= this.#active.version) return null;
    return ensembleOfText(text);
  }

  /** Whether that differs from the active configuration by more than its version. */
  isOther(ensemble: Ensemble): boolean {
    return !areSameMembers(ensemble, this.#active);
  }

  #setNext(next: Ensemble | null): void {
    this.#next = next;
    this.#refresh();
    this.#effects.push({ type: 'storeNext', ensemble: next });
  }

  #newQuorum(): Quorum {
    const ensembles = [this.#former, this.#active, this.#next];
    return new Quorum(...ensembles.filter((one) => one !== null));
  }

  #refresh(): void {
    this.#quorum = this.#newQuorum();
    this.#activeBytes = textBytes(this.#text);
    this.#newestBytes =
      this.#next === null ? this.#activeBytes : textBytes(ensembleText(this.#next));
  }
}
