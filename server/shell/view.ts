import type {
  ConnectionView,
  Counters,
  LatencyView,
  MemberState,
  ServerView,
  SessionView,
  TimingView,
} from '../admin/server-view.ts';
import { shownConfiguration } from '../config/secrets.ts';
import { addressesText, ensembleText } from '../config/ensemble-text.ts';
import { electionAddressesOf, quorumAddressesOf } from '../config/server-addresses.ts';
import { OpCode } from '../protocol/op-code.ts';
import type { Zxid } from '../protocol/zxid.ts';
import { zxidHex } from '../protocol/zxid.ts';
import type { Distribution } from '../util/distribution.ts';
import type { Client } from './client.ts';
import type { Core } from './core.ts';
import { zeroCounters } from './core.ts';
import { hexOf } from './leadership.ts';
import { lackText } from './repair.ts';
import type { Sessions } from './sessions.ts';

/** What `srvr` and `envi` call this server. The protocol's version leads, as tools parse it. */
export const versionText = '3.9.5-zkensemble-0.1.0';

const opNames: ReadonlyMap<number, string> = new Map(
  Object.entries(OpCode).map(([name, code]) => [code, wordOf(name)]),
);

/** Shows a running server to four-letter words, metrics and the state page. */
export class ShellView implements ServerView {
  readonly versionText: string = versionText;
  isDraining = false;
  /** Why the disk takes nothing, so that this server is no part of the quorum; `null`: it does. */
  diskProblem: string | null = null;
  #core: Core;
  #sessions: Sessions;
  readonly #startedMs: number;

  constructor(core: Core, sessions: Sessions) {
    this.#core = core;
    this.#sessions = sessions;
    this.#startedMs = core.host.nowMs();
  }

  /** The server has begun another life, behind the same view. */
  adopt(core: Core, sessions: Sessions): void {
    this.#core = core;
    this.#sessions = sessions;
  }

  state(): MemberState {
    const state = this.#stateOfLife();
    if (this.diskProblem === null) return state;
    const role = state.role === 'standalone' ? 'standalone' : 'looking';
    return { ...state, role, phase: 'election', serving: false, leader: null, learners: [] };
  }

  #stateOfLife(): MemberState {
    const { config, members, peer, tree, watches, host, outstandingCount, upstream } = this.#core;
    const { isReadOnly, locals, observerMaster, leadingSinceMs } = this.#core;
    const zab = peer.view();
    return {
      sid: config.sid,
      role: config.ensemble === null ? 'standalone' : zab.role,
      phase: zab.phase,
      lacking: this.#lacking(),
      diskProblem: this.diskProblem,
      serving: upstream !== null && !isReadOnly && !this.isDraining,
      readOnly: isReadOnly,
      draining: this.isDraining,
      leader: zab.leader,
      epoch: zab.currentEpoch,
      acceptedEpoch: zab.acceptedEpoch,
      zxid: hex(tree.lastZxid),
      lastLoggedZxid: hex(zab.lastLogged),
      znodeCount: tree.nodeCount,
      ephemeralCount: tree.ephemeralCount,
      watchCount: watches.watchCount,
      watchPathCount: watches.pathCount,
      watcherCount: watches.watcherCount,
      sessionCount: tree.sessions.size,
      localSessionCount: locals.count,
      connectionCount: this.#sessions.clients.size,
      outstandingCount,
      approximateDataBytes: tree.approximateDataBytes,
      ...(zab.master === null || zab.master === undefined ? {} : { observerMaster: zab.master }),
      ...(observerMaster === null ? {} : { servesObservers: true }),
      electionMs: zab.electionMs,
      uptimeMs: host.nowMs() - this.#startedMs,
      ...(leadingSinceMs === null ? {} : { leadingMs: host.nowMs() - leadingSinceMs }),
      configVersion: (members?.active.version ?? 0).toString(16),
      servers: (members?.active.servers ?? []).map((server) => ({
        sid: server.sid,
        role: server.role,
        address: addressesText(server),
      })),
      learners: zab.learners.map((learner) => ({
        sid: learner.sid,
        role: learner.role,
        synced: learner.synced,
        lastAckedZxid: hex(learner.lastAcked),
        lag: Math.max(0, zab.lastLogged - learner.lastAcked),
      })),
    };
  }

  #lacking(): string | null {
    const { lack } = this.#core.storage;
    return lack === null ? null : lackText(lack);
  }

  connections(): readonly ConnectionView[] {
    return [...this.#sessions.clients].map(connectionView);
  }

  configuration(): readonly (readonly [string, string])[] {
    const { config, members } = this.#core;
    const clientAddress = members?.own?.clientAddress ?? config.clientAddress;
    const entries: [string, string][] = [
      ['clientPort', String(clientAddress?.port ?? -1)],
      ['secureClientPort', String(this.#core.clients.secure?.address.port ?? -1)],
      ['dataDir', `${config.dataDir}/version-2`],
      ['dataDirSize', String(this.#core.storage.stats.snapshotBytesOnDisk)],
      ['dataLogDir', `${config.dataLogDir}/version-2`],
      ['dataLogSize', String(this.#core.storage.stats.logBytesOnDisk)],
      ['tickTime', String(config.tickMs)],
      ['maxClientCnxns', String(config.clientConnectionsPerAddressMax)],
      ['minSessionTimeout', String(config.sessionTimeoutMsMin)],
      ['maxSessionTimeout', String(config.sessionTimeoutMsMax)],
      ['clientPortListenBacklog', '-1'],
      ['serverId', String(config.sid)],
    ];
    if (members === null) return entries;
    entries.push(
      ['initLimit', String(config.initLimitTicks)],
      ['syncLimit', String(config.syncLimitTicks)],
      ['electionAlg', '3'],
    );
    const { own } = members;
    if (own !== null) {
      entries.push(
        ['electionPort', portsText(electionAddressesOf(own))],
        ['quorumPort', portsText(quorumAddressesOf(own))],
        ['peerType', own.role === 'observer' ? '1' : '0'],
      );
    }
    return entries;
  }

  clientAddress(): string {
    const { config, members } = this.#core;
    const address = members?.own?.clientAddress ?? config.clientAddress;
    return address === null || address === undefined ? '' : `${address.host}:${address.port}`;
  }

  initialConfiguration(): string {
    return shownConfiguration(this.#core.config.raw);
  }

  visitWatches(visit: (path: string, sessionId: string) => void): void {
    this.#core.watches.forEach((path, client) => visit(path, hexOf(client.sessionId)));
  }

  /** Where this server decides on their ends, without those that are ending. */
  sessions(): readonly SessionView[] {
    const { host, upstream, peer, tree } = this.#core;
    const offsetMs = host.wallMs() - host.nowMs();
    const sessions = [...tree.sessions].map(([id, timeoutMs]) => {
      const deadlineMs = upstream?.deadlineMs(id) ?? null;
      const expiresWallMs = deadlineMs === null ? null : deadlineMs + offsetMs;
      return { sessionId: hexOf(id), timeoutMs, expiresWallMs };
    });
    const decides = peer.view().role === 'leading';
    return decides ? sessions.filter(({ expiresWallMs }) => expiresWallMs !== null) : sessions;
  }

  localSessions(): readonly SessionView[] | null {
    const { host, locals, sessionRules, isReadOnly } = this.#core;
    if (!sessionRules.localSessionsEnabled && !isReadOnly) return null;
    const offsetMs = host.wallMs() - host.nowMs();
    return locals.list().map(({ id, timeoutMs, deadlineMs }) => {
      return { sessionId: hexOf(id), timeoutMs, expiresWallMs: deadlineMs + offsetMs };
    });
  }

  visitEphemerals(visit: (sessionId: string, path: string) => void): void {
    const { tree } = this.#core;
    for (const id of tree.sessions.keys()) {
      for (const path of tree.ephemerals(id)) visit(hexOf(id), path);
    }
  }

  membership(): string {
    const { members } = this.#core;
    return members === null ? '' : ensembleText(members.active);
  }

  digests(): readonly { readonly zxid: string; readonly digest: bigint }[] {
    return this.#core.digests.list().map(({ zxid, digest }) => ({ zxid: hex(zxid), digest }));
  }

  environment(): readonly (readonly [string, string])[] {
    return this.#core.host.environment();
  }

  latency(): LatencyView {
    return this.#core.latency.view;
  }

  counters(): Counters {
    const { counters, storage } = this.#core;
    let bytesReceived = counters.bytesReceived;
    for (const client of this.#sessions.clients) bytesReceived += client.connection.receivedBytes;
    const { fsyncCount, fsyncMsTotal, fsyncMsMax } = storage.stats;
    const { snapshotCount, snapshotMsLast, snapshotMsTotal } = storage.stats;
    return {
      ...counters,
      bytesReceived,
      fsyncCount,
      fsyncMsTotal,
      fsyncMsMax,
      snapshotCount,
      snapshotMsLast,
      snapshotMsTotal,
    };
  }

  timings(): readonly (readonly [string, TimingView])[] {
    const { read, update, election } = this.#core.timings;
    return [
      ['readlatency', this.#timing(read)],
      ['updatelatency', this.#timing(update)],
      ['election_time', this.#timing(election)],
    ];
  }

  #timing(distribution: Distribution): TimingView {
    const { count, sum, min, max } = distribution;
    const nowMs = this.#core.host.nowMs();
    return { count, sum, min, max, quantiles: (parts) => distribution.quantiles(parts, nowMs) };
  }

  descriptors(): { readonly open: number; readonly max: number } | null {
    return this.#core.host.descriptors?.() ?? null;
  }

  resetStats(): void {
    for (const timing of Object.values(this.#core.timings) as Distribution[]) timing.reset();
    Object.assign(this.#core.counters, zeroCounters());
    this.#core.latency.reset();
  }

  resetConnectionStats(): void {
    for (const client of this.#sessions.clients) client.resetStats();
  }
}

function connectionView(client: Client): ConnectionView {
  const { remote } = client.connection;
  return {
    remote: remote.host.includes(':')
      ? `[${remote.host}]:${remote.port}`
      : `${remote.host}:${remote.port}`,
    sessionId: client.phase === 'open' ? hexOf(client.sessionId) : null,
    timeoutMs: client.timeoutMs,
    queued: client.pendingCount,
    received: client.receivedCount,
    sent: client.sentCount,
    lastOperation: client.lastOpCode === 0 ? 'NA' : (opNames.get(client.lastOpCode) ?? 'NA'),
    lastCxid: client.lastXid,
    lastZxid: hex(client.lastZxid),
    establishedWallMs: client.establishedWallMs,
    lastLatencyMs: client.latency.lastMs,
    latency: client.latency.view,
  };
}

function portsText(places: readonly { readonly port: number }[]): string {
  return places.map(({ port }) => port).join('|');
}

function hex(zxid: Zxid): string {
  return `0x${zxidHex(zxid)}`;
}

/** GET_DATA → getData. */
function wordOf(name: string): string {
  return name.toLowerCase().replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
}
