import { dynamicText } from '../../server/config/dynamic-file.ts';
import type { Ensemble } from '../../server/config/ensemble.ts';
import { serverOf } from '../../server/config/ensemble-values.ts';
import type { ServerConfig } from '../../server/config/server-config.ts';
import { ErrorCode } from '../../server/protocol/error-code.ts';
import { ensembleOfTxn } from '../../server/shell/membership.ts';
import type { Proposal } from '../../server/zab/events.ts';
import type { PeerOptions, ZabPeer } from '../../server/zab/door.ts';
import { reconfig } from './client-ops.ts';
import { findEntry } from './checkers/member-ghost.ts';
import { isQuorumOf } from './checkers/quorums.ts';
import type { Prng } from './prng.ts';
import { SimEnsemble } from './sim-ensemble.ts';
import type { EnsembleOptions } from './sim-ensemble.ts';
import type { SimClient } from './sim-client.ts';
import { hostOfSid, simEnsemble } from './zab-world.ts';

const sids = [1, 2, 3, 4, 5];
const first = [1, 2, 3];
/** Between two changes of members, ms. */
const pauseMsMax = 2_500;

/** What the files beside one member's configuration say. */
interface Files {
  active: Ensemble;
  next: Ensemble | null;
}

/**
 * Five simulated servers of which three are the ensemble at first, and somebody who changes its
 * members again and again. Every commit must be durable on a quorum of the members of its time,
 * and a change on a quorum of those before it and of those after it.
 */
export class ChangingEnsemble {
  readonly sim: SimEnsemble;
  /** Members by the committed history. */
  active: Ensemble;
  changesCount = 0;
  /** Answers by error code; 0: done. */
  readonly answers: Map<number, number> = new Map();
  readonly #random: Prng;
  readonly #admin: SimClient;
  readonly #files = new Map<number, Files>();
  readonly #keepsNext: boolean;
  #isStopped = false;

  /** `keepsNext` false: what is proposed is on disk in the log alone. `create`: a planted bug. */
  constructor(
    options: Partial<EnsembleOptions> & { readonly seed: number },
    keepsNext: boolean,
    create?: (options: PeerOptions) => ZabPeer,
  ) {
    this.#keepsNext = keepsNext;
    this.active = simEnsemble(first, []);
    for (const sid of sids) {
      // A newcomer knows the ensemble and itself.
      const active = simEnsemble(first.includes(sid) ? first : [...first, sid], []);
      this.#files.set(sid, { active, next: null });
    }
    this.sim = new SimEnsemble({
      ...options,
      voters: sids.length,
      observers: 0,
      config: { ...options.config, reconfigEnabled: true, standaloneEnabled: false, skipAcl: true },
      configOf: (sid) => this.#configOf(sid),
      isQuorum: (holders) => isQuorumOf(this.active, holders),
      parts: (sid, sim) => ({
        ...options.parts?.(sid, sim),
        memberFiles: this.#memberFiles(sid),
        ...(create === undefined ? {} : { createPeer: create }),
      }),
      // Who votes is each server's own belief here, not a fact known to the checker.
      ignored: new Set(['Z15']),
    });
    this.#random = this.sim.world.random.fork('members');
    const { checker } = this.sim;
    const { onCommitted } = checker;
    checker.onCommitted = (proposal) => {
      this.#committed(proposal);
      onCommitted(proposal);
    };
    this.#admin = this.sim.client('admin', sids.map(hostOfSid));
    this.#changeLater();
  }

  /** No more changes. */
  quiet(): void {
    this.#isStopped = true;
  }

  /** Version of the members that the server takes for active. */
  versionAt(sid: number): string {
    return this.sim.server(sid)?.view.state().configVersion ?? 'down';
  }

  #configOf(sid: number): Partial<ServerConfig> {
    const { active, next } = this.#files.get(sid) as Files;
    if (serverOf(active, sid) !== null) return { ensemble: active, nextEnsemble: next };
    // A server that was removed is started again by somebody who lets it watch.
    const own = simEnsemble([], [sid]).servers;
    const servers = [...active.servers, ...own].sort((a, b) => a.sid - b.sid);
    return { ensemble: { ...active, servers }, nextEnsemble: next };
  }

  #memberFiles(sid: number): {
    readonly storeNext: (ensemble: Ensemble | null) => void;
    readonly activate: (ensemble: Ensemble) => void;
  } {
    const files = this.#files.get(sid) as Files;
    return {
      storeNext: (ensemble) => {
        if (this.#keepsNext || ensemble === null) files.next = ensemble;
      },
      activate: (ensemble) => {
        files.active = ensemble;
      },
    };
  }

  /** Called before the commit counts: the members are still those before it. */
  #committed(proposal: Proposal): void {
    const ensemble = ensembleOfTxn(proposal.bytes);
    if (ensemble === null) return;
    const { checker, world } = this.sim;
    const entry = findEntry(checker.committed, proposal.zxid);
    const holders = [...checker.members.values()]
      .filter((member) => entry !== undefined && member.holdsDurably(entry))
      .map((member) => member.sid);
    world.expect(isQuorumOf(ensemble, holders), 'Z19 both quorums', () => {
      return `the change at 0x${proposal.zxid.toString(16)} is durable on [${holders.join(' ')}]`;
    });
    this.active = ensemble;
    this.changesCount += 1;
    const words = ensemble.servers.map(({ sid, role }) => (role === 'observer' ? `o${sid}` : sid));
    world.say('members', words.join(' '));
  }

  #changeLater(): void {
    this.sim.world.schedule(this.#random.between(100, pauseMsMax), () => {
      if (this.#isStopped) return;
      if (this.#admin.isOpen && this.#admin.outstanding === 0) this.#change();
      this.#changeLater();
    });
  }

  #change(): void {
    const chosen = this.#random.shuffle(sids);
    const voters = chosen.slice(0, this.#random.int(1, sids.length));
    const others = sids.filter((sid) => !voters.includes(sid));
    const observers = others.filter(() => this.#random.chance(0.3));
    const lines = dynamicText(simEnsemble(voters, observers));
    this.sim.world.say('members', `wanted: ${voters.join(' ')}, watching: ${observers.join(' ')}`);
    this.#admin.call(reconfig(lines), (result) => {
      const error = result?.error ?? ErrorCode.CONNECTION_LOSS;
      this.answers.set(error, (this.answers.get(error) ?? 0) + 1);
    });
  }
}
