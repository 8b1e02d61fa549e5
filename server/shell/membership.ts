import type { Ensemble, EnsembleServer } from '../config/ensemble.ts';
import type { ChangeRequest } from '../config/ensemble-change.ts';
import { changedEnsemble } from '../config/ensemble-change.ts';
import { ensembleText } from '../config/ensemble-text.ts';
import { ensembleOfText, serverOf } from '../config/ensemble-values.ts';
import { addressesOf, electionAddressesOf } from '../config/server-addresses.ts';
import type { ServerConfig } from '../config/server-config.ts';
import type { SocketAddress } from '../net/transport.ts';
import type { Outcome } from '../protocol/error-code.ts';
import { OpCode } from '../protocol/op-code.ts';
import { decodeTxn, peekTxnType } from '../protocol/txn-codec.ts';
import type { Zxid } from '../protocol/zxid.ts';
import type { StoredTree, TreeReader } from '../tree/door.ts';
import { nodeNone } from '../tree/door.ts';
import type { LearnerView } from '../zab/door.ts';
import { Quorum } from '../zab/quorum.ts';
import type { Host } from './host.ts';
import type { MemberFiles } from './member-files.ts';

const configPath = '/zookeeper/config';

/**
 * Who belongs to the ensemble now and who perhaps next, as the outside needs it: addresses, the
 * files beside the configuration, `/zookeeper/config`, and what a client may change.
 */
export class Membership {
  #active: Ensemble;
  #next: Ensemble | null;
  readonly #config: ServerConfig;
  readonly #host: Host;
  readonly #files: MemberFiles | null;

  /** `files` null: a restart finds the members that were configured. */
  constructor(
    active: Ensemble,
    next: Ensemble | null,
    config: ServerConfig,
    host: Host,
    files: MemberFiles | null,
  ) {
    this.#active = active;
    this.#next = next;
    this.#config = config;
    this.#host = host;
    this.#files = files;
  }

  get active(): Ensemble {
    return this.#active;
  }

  /** Proposed and not active yet. */
  get next(): Ensemble | null {
    return this.#next;
  }

  /** This server's own line; `null`: it is not, or no longer, a member. */
  get own(): EnsembleServer | null {
    return serverOf(this.#active, this.#config.sid);
  }

  /** The server with that id, also one of the next members; `null`: nobody knows it. */
  server(sid: number): EnsembleServer | null {
    const next = this.#next === null ? null : serverOf(this.#next, sid);
    return serverOf(this.#active, sid) ?? next;
  }

  /** Of every server that is a member now or may be one next. */
  hosts(): readonly string[] {
    const servers = [...this.#active.servers, ...(this.#next?.servers ?? [])];
    return servers.flatMap(addressesOf).map(({ host }) => host);
  }

  /** Empty: nobody knows the server. */
  electionAddresses(sid: number): readonly SocketAddress[] {
    const server = this.server(sid);
    return server === null ? [] : electionAddressesOf(server);
  }

  /** What a client's change would make, as bytes of `/zookeeper/config`; or why not. */
  change(
    request: ChangeRequest,
    version: Zxid,
    learners: readonly LearnerView[],
  ): Outcome<Uint8Array> {
    const outcome = changedEnsemble(request, {
      active: this.#active,
      next: this.#next,
      version,
      voterCountMin: this.#config.standaloneEnabled === false ? 1 : 2,
      multiAddress: this.#config.multiAddressEnabled === true,
      isQuorumReady: (ensemble) => this.#isQuorumReady(ensemble, learners),
    });
    if ('refused' in outcome) return outcome;
    return { value: Buffer.from(ensembleText(outcome.value)) };
  }

  /** A change is proposed: the next one must wait, though the agreement has not spoken yet. */
  proposed(ensemble: Ensemble | null): void {
    if (ensemble !== null) this.#next = ensemble;
  }

  /** The agreement's word on what is proposed. */
  storeNext(ensemble: Ensemble | null): void {
    this.#next = ensemble;
    this.#write('the proposed members', (files) => files.storeNext(ensemble));
  }

  /** The agreement's word on what is active. */
  activate(ensemble: Ensemble): void {
    this.#active = ensemble;
    if (this.#next !== null && this.#next.version <= ensemble.version) this.#next = null;
    const next = this.#next;
    this.#write('the changed members', (files) => {
      files.activate(ensemble);
      if (next === null) files.storeNext(null);
    });
  }

  /** Brings `/zookeeper/config` of a tree up to the active members; later ones in it stay. */
  renew(tree: StoredTree): void {
    const text = ensembleText(this.#active);
    if (this.#config.reconfigEnabled) {
      if (configText(tree) === text) return;
      const logged = loggedMembers(tree);
      if (logged !== null && logged.version > this.#active.version) return;
    }
    tree.setConfig(text, this.#active.version as Zxid, Math.floor(this.#host.wallMs()));
  }

  #isQuorumReady(ensemble: Ensemble, learners: readonly LearnerView[]): boolean {
    const quorum = new Quorum(ensemble);
    const isReady = (sid: number): boolean =>
      sid === this.#config.sid ||
      learners.some((one) => one.sid === sid && one.synced && one.role === 'follower');
    return quorum.reaches(
      quorum.voters.map((sid) => (isReady(sid) ? 1 : 0)),
      1,
    );
  }

  /** A directory that cannot be written costs the memory of a restart, not the service. */
  #write(what: string, write: (files: MemberFiles) => void): void {
    if (this.#files === null) return;
    try {
      write(this.#files);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      this.#host.log('error', `${what} cannot be written beside the configuration`, { reason });
    }
  }
}

/**
 * Members that are proposed, as this server's disk has them: in the log that the tree was read
 * from, or in the file of the last start. `null`: none later than the active ones.
 *
 * The file is written before the log. A change that is not in the log was never acknowledged by
 * this server, and to wait for its members could be to wait for ever.
 */
export function nextMembers(config: ServerConfig, tree: TreeReader): Ensemble | null {
  if (!config.reconfigEnabled || config.ensemble === null) return null;
  const logged = loggedMembers(tree);
  const filed = config.nextEnsemble ?? null;
  const isAcknowledged = filed !== null && filed.version <= tree.lastZxid;
  let next: Ensemble | null = null;
  for (const found of [isAcknowledged ? filed : null, logged]) {
    if (found !== null && found.version > (next ?? config.ensemble).version) next = found;
  }
  return next;
}

/** The members that a transaction proposes; `null`: it is about something else. @throws JuteError */
export function ensembleOfTxn(bytes: Uint8Array): Ensemble | null {
  if (peekTxnType(bytes) !== OpCode.RECONFIG) return null;
  const { body } = decodeTxn(bytes);
  if (body.type !== OpCode.RECONFIG || body.data === null) return null;
  return ensembleOfText(Buffer.from(body.data).toString('utf8'));
}

/** What a super user wrote into the node by hand is no change of members: its zxid is another one. */
function loggedMembers(tree: TreeReader): Ensemble | null {
  const text = configText(tree);
  const ensemble = text === null ? null : ensembleOfText(text);
  if (ensemble === null) return null;
  return tree.mzxid(tree.find(configPath)) === ensemble.version ? ensemble : null;
}

function configText(tree: TreeReader): string | null {
  const node = tree.find(configPath);
  const data = node === nodeNone ? null : tree.data(node);
  return data === null ? null : Buffer.from(data).toString('utf8');
}
