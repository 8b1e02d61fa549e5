import type { ServerView } from '../admin/server-view.ts';
import { createAuth } from '../auth/auth.ts';
import type { AuthOptions } from '../auth/auth.ts';
import type { Ensemble } from '../config/ensemble.ts';
import { isSameQuorumPlace } from '../config/server-addresses.ts';
import type { ServerConfig } from '../config/server-config.ts';
import type { ServerSettings } from '../config/server-settings.ts';
import { plainClients } from '../net/client-network.ts';
import type { ClientNetwork } from '../net/client-network.ts';
import { plainPeers } from '../net/peer-network.ts';
import type { PeerNetwork } from '../net/peer-network.ts';
import { zxidHex } from '../protocol/zxid.ts';
import { createLocalSessions, localSessionsMax } from '../session/local-sessions.ts';
import { createSessionIds } from '../session/session-ids.ts';
import type { Recovered, Storage, StorageFailure } from '../storage/door.ts';
import { openStorage } from '../storage/storage.ts';
import { StorageError } from '../storage/storage-error.ts';
import type { StorageOptions } from '../storage/storage-options.ts';
import { withoutLog } from '../storage/without-log.ts';
import { createTree } from '../tree/data-tree.ts';
import { createWatchTable } from '../watch/watch-table.ts';
import type { PeerOptions, ZabPeer } from '../zab/door.ts';
import { createPeer } from '../zab/peer.ts';
import { Audit } from './audit.ts';
import type { AuditSink } from './audit.ts';
import type { Client } from './client.ts';
import { Latency } from './client.ts';
import { clientLimitsOf } from './client-limits.ts';
import type { ClientSasl } from './client-sasl.ts';
import { Commits } from './commits.ts';
import type { Core, SessionRules } from './core.ts';
import { newTimings, zeroCounters } from './core.ts';
import { Digests } from './digests.ts';
import { Effects } from './effects.ts';
import { Handover } from './handover.ts';
import { TreeRecovery } from './history.ts';
import type { Host } from './host.ts';
import { Links } from './links.ts';
import type { MemberFiles } from './member-files.ts';
import { ensembleOfTxn, Membership, nextMembers } from './membership.ts';
import { Ports } from './ports.ts';
import { electionPortOf, learnerOptions, observerMasterOf } from './quorum-options.ts';
import { ReadOnlyMode } from './read-only.ts';
import { awaitRepair } from './repair.ts';
import { Revival } from './revival.ts';
import type { ServerLife } from './revival.ts';
import { Requests } from './requests.ts';
import { Sessions } from './sessions.ts';
import { Snapshots } from './snapshots.ts';
import { SoloPeer } from './solo-peer.ts';
import { Turn } from './turn.ts';
import { ShellView } from './view.ts';
import { Watching } from './watching.ts';

/** What has a standard value, and parts that a simulation may replace to see whether its checkers notice. */
export interface ServerParts {
  readonly settings?: ServerSettings;
  /** Stands for those of the settings. */
  readonly sessionRules?: SessionRules;
  /** A leader hands over when its log write takes longer, ms; 0: never. */
  readonly fsyncHandoverMs?: number;
  /** Empty members make a new database once all of them are known to be empty. */
  readonly isBornWithAll?: boolean;
  readonly createPeer?: (options: PeerOptions) => ZabPeer;
  readonly openStorage?: typeof openStorage;
  /** Where changed members are kept for the next start; without it they are not. */
  readonly memberFiles?: MemberFiles;
  /** How the others are reached; without it by the host's transport, and nothing is proven. */
  readonly peers?: PeerNetwork;
  /** How clients come; without it by the host's transport alone. */
  readonly clients?: ClientNetwork;
  readonly clientSasl?: ClientSasl | null;
  /** Takes the lines of the audit log; without it there is none. */
  readonly audit?: AuditSink;
}

/** A server that has recovered what its disk has. */
export interface RunningServer {
  readonly view: ServerView;
  /** The port that clients reach; `null` until it listens. */
  readonly clientPort: number | null;
  /** A leader lets the best of the others lead, and stays a member; any other does nothing. */
  handOver(): void;
  /** Takes no more clients, ends its role, finishes what the disk has begun; then `done`. */
  stop(done: () => void): void;
}

/**
 * Recovers and starts a server on a host. Nothing in it returns a promise; a process that cannot
 * start or go on ends through `host.exit`, with a documented code and a reason.
 */
export function startServer(
  config: ServerConfig,
  host: Host,
  parts: ServerParts = {},
): RunningServer | null {
  try {
    return new Revival(
      config,
      host,
      (now, view, refused) => new Server(now, host, parts, { view, refused }),
    );
  } catch (error) {
    if (!(error instanceof StorageError)) throw error;
    host.exit(error.exitCode, error.message);
    return null;
  }
}

/** A leader that leaves waits so long for what is under way. */
const standDownMsMax = 2_000;

/** Session ids of a server that is alone start with this server id, though its own is 0. */
const soloSessionSid = 1;

class Server implements ServerLife {
  readonly view: ShellView;
  readonly #core: Core;
  readonly #turn: Turn;
  readonly #links: Links;
  readonly #sessions: Sessions;
  readonly #storage: Storage;
  readonly #ports: Ports;
  readonly #effects: Effects;
  #afterLeading: () => void = () => undefined;
  #isFinished = false;

  constructor(
    config: ServerConfig,
    host: Host,
    parts: ServerParts,
    life: {
      readonly view: ShellView | null;
      readonly refused: (failure: StorageFailure) => void;
    },
  ) {
    const options = storageOptions(config, host, parts.settings);
    const storage = (parts.openStorage ?? openStorage)(options, host.disk);
    this.#storage = isLogged(config, parts.settings)
      ? storage
      : withoutLog(storage, (run) => host.defer(run));
    const tree = createTree({
      extendedTypesEnabled: config.extendedTypesEnabled,
      hashSeed: Math.floor(host.random() * 2 ** 31),
    });
    const recovered = this.#storage.recover(new TreeRecovery(tree, host), config.commitLogCount);
    logRecovery(host, recovered);
    const { lack } = recovered;
    if (lack !== null) awaitRepair(config, host, lack, () => this.#isRepaired);
    const clients = parts.clients ?? plainClients(host.transport);
    const auth = createAuth({
      superDigest: config.superDigest,
      ...digestRulesOf(parts.settings),
      ...(clients.hasCertificates
        ? { x509: { superUser: parts.settings?.security.x509SuperUser ?? null } }
        : {}),
      ...((parts.clientSasl ?? null) === null
        ? {}
        : { sasl: { superUser: parts.settings?.security.saslSuperUser ?? null } }),
    });
    const next = nextMembers(config, tree);
    const peer = peerOf(config, host, recovered, { ...parts, next });
    this.#core = {
      config,
      host,
      peers: parts.peers ?? plainPeers(host.transport),
      clients,
      clientLimits: clientLimitsOf(parts.settings, host),
      clientSasl: parts.clientSasl ?? null,
      requiredSchemes: requiredSchemesOf(parts.settings),
      tree,
      storage: this.#storage,
      peer,
      members:
        config.ensemble === null
          ? null
          : new Membership(config.ensemble, next, config, host, parts.memberFiles ?? null),
      watches: createWatchTable<Client>(),
      auth,
      access: { skipAcl: config.skipAcl, schemes: auth },
      observerMaster: observerMasterOf(parts.settings),
      electionPort: electionPortOf(config, parts.settings),
      upstream: null,
      takesClients: true,
      isReadOnly: false,
      sessionRules: sessionRulesOf(config, parts),
      locals: createLocalSessions({ tickMs: config.tickMs, countMax: localSessionsMax }),
      sessions: new Map(),
      counters: zeroCounters(),
      audit: parts.audit === undefined ? null : new Audit({ ...parts.audit, auth }),
      digests: new Digests(),
      latency: new Latency(),
      timings: newTimings(),
      leadingSinceMs: null,
      nowMs: host.nowMs(),
      wallMs: host.wallMs(),
      turn: 0,
      outstandingCount: 0,
      wake: () => this.#turn.wake(),
      dirty: (client) => this.#turn.dirty(client),
    };
    const core = this.#core;
    core.peers.memberHosts = () => core.members?.hosts() ?? [];
    this.#links = new Links(core, (event) => this.#turn.emit(event));
    this.#sessions = new Sessions(core, {
      ids: createSessionIds(
        config.ensemble === null ? soloSessionSid : config.sid,
        host.wallMs(),
        Math.floor(host.random() * 2 ** 15),
      ),
      onInput: (client) => this.#turn.ready(client),
      onGone: (client) => this.#gone(client),
    });
    const watching = new Watching(core);
    const requests = new Requests(core, this.#sessions, watching);
    const snapshots = new Snapshots(core, (link) =>
      this.#turn.emit({ type: 'linkProgress', link: link.id }),
    );
    const readOnly = new ReadOnlyMode(core, this.#sessions);
    this.#effects = new Effects(core, {
      links: this.#links,
      snapshots,
      commits: new Commits(core, this.#sessions, requests, watching),
      sessions: this.#sessions,
      requests,
      readOnly,
      emit: (event) => this.#turn.emit(event),
      mesh: () => this.#ports.mesh,
      changeMembers: (ensemble) => this.#changeMembers(ensemble),
      stoodDown: () => this.#afterLeading(),
    });
    const sessions = this.#sessions;
    const effects = this.#effects;
    const links = this.#links;
    const handoverMs = parts.fsyncHandoverMs ?? parts.settings?.storage.fsyncHandoverMs ?? 0;
    const handover = new Handover(core, handoverMs, (event) => this.#turn.emit(event));
    const turnParts = { links, effects, requests, sessions, snapshots, readOnly, handover };
    this.#turn = new Turn(core, turnParts);
    this.view = life.view ?? new ShellView(core, sessions);
    this.view.adopt(core, sessions);
    this.#ports = new Ports(core, {
      sessions,
      view: this.view,
      emit: (event) => this.#turn.emit(event),
    });
    this.#storage.onDurable = (zxid) => this.#turn.emit({ type: 'durable', zxid });
    this.#storage.onFailure = life.refused;
    core.members?.renew(tree);
    if (next === null && (config.nextEnsemble ?? null) !== null) core.members?.storeNext(null);
    this.#ports.open();
    this.#turn.wake();
  }

  get clientPort(): number | null {
    return this.#ports.clientPort;
  }

  get configNow(): ServerConfig {
    const { config, members } = this.#core;
    if (members === null) return config;
    return { ...config, ensemble: members.active, nextEnsemble: members.next };
  }

  abandon(reason: string, done: () => void): void {
    this.#afterLeading = () => undefined;
    this.#end(reason, done);
  }

  get #isRepaired(): boolean {
    return this.#isFinished || this.#storage.lack === null;
  }

  /**
   * A leader leaves politely: it takes no more proposals, what is under way is committed, and the
   * others elect while its process ends. Everyone else may go at once.
   */
  handOver(): void {
    const { host, config } = this.#core;
    const isLeading = this.#effects.leadership !== null && config.ensemble !== null;
    host.log(
      'info',
      isLeading ? 'asked to hand over' : 'asked to hand over, and does not lead',
      {},
    );
    if (isLeading) this.#turn.emit({ type: 'resign', reason: 'it was asked to hand over' });
  }

  stop(done: () => void): void {
    if (this.view.isDraining) return;
    this.view.isDraining = true;
    const { host, config, tree } = this.#core;
    host.log('info', 'stopping', { zxid: `0x${zxidHex(tree.lastZxid)}` });
    this.#ports.closeToClients();
    this.#afterLeading = () => this.#finish(done);
    if (this.#effects.leadership === null || config.ensemble === null) return this.#finish(done);
    this.#turn.emit({ type: 'resign', reason: 'this server is stopping' });
    host.timer(standDownMsMax, () => this.#finish(done));
  }

  #finish(done: () => void): void {
    this.#end('this server is stopping', done);
  }

  #end(reason: string, done: () => void): void {
    if (this.#isFinished) return;
    this.#isFinished = true;
    this.#ports.close();
    this.#sessions.closeAll(reason);
    this.#links.closeAll();
    this.#turn.stop();
    this.#storage.close(done);
  }

  #gone(client: Client): void {
    this.#core.counters.bytesReceived += client.connection.receivedBytes;
    this.#core.clientLimits.large?.releaseAll(client);
    this.#ports.released(client.connection.remote);
  }

  #changeMembers(ensemble: Ensemble): void {
    const { members, tree, host, config } = this.#core;
    if (members === null) return;
    const before = members.own;
    members.activate(ensemble);
    members.renew(tree);
    const { own } = members;
    host.log('info', 'the members have changed', {
      version: ensemble.version.toString(16),
      members: ensemble.servers.map((server) => server.sid).join(' '),
    });
    this.#ports.moveTo(own);
    if (own === null || before === null || config.sid !== this.#core.peer.view().leader) return;
    if (!isSameQuorumPlace(own, before))
      this.#turn.emit({ type: 'resign', reason: 'its quorum port has moved' });
  }
}

/** An observer may go without; not one that a change of members may turn into a voter. */
function isLogged(config: ServerConfig, settings: ServerSettings | undefined): boolean {
  const own = config.ensemble?.servers.find((server) => server.sid === config.sid);
  const mayGoWithout = own?.role === 'observer' && !config.reconfigEnabled;
  return !mayGoWithout || settings?.storage.observersSync !== false;
}

/** Either setting asks for it. */
function requiredSchemesOf(settings: ServerSettings | undefined): readonly string[] | null {
  if (settings === undefined) return null;
  const { saslRequired, authRequired, authSchemes } = settings.security;
  if (!saslRequired && !authRequired) return null;
  return [...(saslRequired ? ['sasl'] : []), ...(authRequired ? authSchemes : [])];
}

function digestRulesOf(settings: ServerSettings | undefined): Partial<AuthOptions> {
  if (settings === undefined) return {};
  const { digestEnabled: digestSchemeEnabled, digestAlgorithm } = settings.security;
  return { digestSchemeEnabled, digestAlgorithm };
}

function storageOptions(
  config: ServerConfig,
  host: Host,
  settings: ServerSettings | undefined,
): StorageOptions {
  return {
    dataDir: config.dataDir,
    dataLogDir: config.dataLogDir,
    isStandalone: config.ensemble === null,
    snapCount: config.snapCount,
    snapBytesMax: config.snapBytesMax,
    preallocateBytes: config.preallocateBytes,
    forceSync: config.forceSync,
    snapshotTrustEmpty: config.snapshotTrustEmpty,
    snapshotSizeFactor: config.snapshotSizeFactor,
    ...(settings === undefined
      ? {}
      : {
          fsyncWarningMs: settings.storage.fsyncWarningMs,
          logBytesMax: settings.storage.logBytesMax,
          snapshotCompression: settings.storage.snapshotCompression || 'none',
          snapshotSections: {
            digest: config.digestEnabled,
            lastZxid: settings.storage.snapshotZxid,
          },
          dataDirAutocreate: settings.storage.dataDirAutocreate,
          databaseAutocreate: settings.storage.databaseAutocreate,
        }),
    host,
  };
}

/** A server that is alone shares its sessions with nobody, and is its own quorum. */
function sessionRulesOf(config: ServerConfig, parts: ServerParts): SessionRules {
  const rules = parts.sessionRules ?? parts.settings?.sessions;
  if (config.ensemble === null || rules === undefined) return plainSessions;
  const { localSessionsEnabled, localSessionsUpgradingEnabled, readOnlyModeEnabled } = rules;
  return { localSessionsEnabled, localSessionsUpgradingEnabled, readOnlyModeEnabled };
}

const plainSessions: SessionRules = {
  localSessionsEnabled: false,
  localSessionsUpgradingEnabled: false,
  readOnlyModeEnabled: false,
};

function peerOf(
  config: ServerConfig,
  host: Host,
  recovered: Recovered,
  parts: ServerParts & { readonly next: Ensemble | null },
): ZabPeer {
  if (config.ensemble === null) return new SoloPeer(recovered.lastZxid);
  return (parts.createPeer ?? createPeer)({
    sid: config.sid,
    ensemble: config.ensemble,
    next: parts.next,
    reconfigEnabled: config.reconfigEnabled,
    ensembleOf: ensembleOfTxn,
    tickMs: config.tickMs,
    initLimitTicks: config.initLimitTicks,
    syncLimitTicks: config.syncLimitTicks,
    notificationMsMin: config.electionNotificationMsMin,
    notificationMsMax: config.electionNotificationMsMax,
    commitLogCount: config.commitLogCount,
    ...learnerOptions(parts.settings),
    random: () => host.random(),
    lastZxid: recovered.lastZxid,
    acceptedEpoch: recovered.acceptedEpoch ?? 0,
    currentEpoch: recovered.currentEpoch ?? 0,
    lacksHistory: recovered.lack !== null,
    isDamaged: recovered.lack !== null && recovered.lack.code !== 'EMPTY',
    isBornWithAll: parts.isBornWithAll ?? parts.settings?.storage.isBornWithAll ?? false,
    isPromiseKnown: recovered.lack?.isPromiseKnown ?? true,
    recentLog: recovered.recentLog,
    nowMs: host.nowMs(),
  });
}

function logRecovery(host: Host, recovered: Recovered): void {
  host.log('info', recovered.wasEmpty ? 'starting with an empty disk' : 'recovered', {
    zxid: `0x${zxidHex(recovered.lastZxid)}`,
    acceptedEpoch: recovered.acceptedEpoch ?? 'none',
    currentEpoch: recovered.currentEpoch ?? 'none',
  });
}
