import type {
  ConnectionView,
  Counters,
  LatencyView,
  MemberState,
  ServerView,
  SessionView,
  TimingView,
} from '../../server/admin/server-view.ts';

const latency: LatencyView = { minMs: 0, avgMs: 5.04421, maxMs: 492 };

export const stateOfLeader: MemberState = {
  sid: 2,
  role: 'leading',
  phase: 'broadcast',
  serving: true,
  draining: false,
  leader: 2,
  epoch: 3,
  acceptedEpoch: 4,
  zxid: '0x300000097',
  lastLoggedZxid: '0x300000099',
  znodeCount: 37,
  ephemeralCount: 1,
  watchCount: 1,
  watchPathCount: 1,
  watcherCount: 1,
  sessionCount: 9,
  connectionCount: 2,
  outstandingCount: 0,
  approximateDataBytes: 463,
  electionMs: 212,
  uptimeMs: 7_800.4,
  leadingMs: 5_000,
  configVersion: '100000000',
  servers: [
    { sid: 1, role: 'participant', address: 'a:2888:3888' },
    { sid: 2, role: 'participant', address: 'b:2888:3888' },
    { sid: 3, role: 'participant', address: 'c:2888:3888' },
    { sid: 4, role: 'observer', address: 'd:2888:3888' },
  ],
  learners: [
    { sid: 1, role: 'follower', synced: true, lastAckedZxid: '0x300000099', lag: 0 },
    { sid: 3, role: 'follower', synced: false, lastAckedZxid: '0x300000090', lag: 9 },
    { sid: 4, role: 'observer', synced: true, lastAckedZxid: '0x300000098', lag: 1 },
  ],
};

export const stateOfStandalone: MemberState = {
  ...stateOfLeader,
  sid: 0,
  role: 'standalone',
  leader: null,
  epoch: 0,
  acceptedEpoch: 0,
  zxid: '0x97',
  lastLoggedZxid: '0x97',
  servers: [],
  learners: [],
};

export const connected: ConnectionView = {
  remote: '127.0.0.1:33636',
  sessionId: '0x100001efe93001c',
  timeoutMs: 10_000,
  queued: 0,
  received: 3,
  sent: 3,
  lastOperation: 'getData',
  lastCxid: 2,
  lastZxid: '0x97',
  establishedWallMs: 1_795_317_285_069,
  lastLatencyMs: 1,
  lastResponseMs: 2_038_275,
  latency: { minMs: 0, avgMs: 0.2, maxMs: 1 },
};

export const unconnected: ConnectionView = {
  ...connected,
  remote: '127.0.0.1:33678',
  sessionId: null,
  received: 1,
  sent: 0,
};

const counters: Counters = {
  packetsReceived: 242,
  packetsSent: 262,
  bytesReceived: 9_857,
  bytesSent: 8_131,
  connectionsRejected: 1,
  connectionsDropped: 3,
  sessionsCreated: 12,
  sessionsExpired: 2,
  writes: 140,
  reads: 80,
  commits: 139,
  proposals: 141,
  elections: 5,
  digestMismatches: 0,
  fsyncCount: 4,
  fsyncMsTotal: 10,
  fsyncMsMax: 6.2,
  snapshotCount: 1,
  snapshotMsLast: 17,
  responseSizes: { last: 88, min: 16, max: 449 },
  proposalSizes: { last: 48, min: 36, max: 123 },
};

/** A server that always says the same, and remembers what it was told to reset. */
export class FakeView implements ServerView {
  readonly versionText: string = '3.9.5-fake, built on 2026-02-11 20:18 UTC';
  readonly resets: string[] = [];
  current: MemberState = stateOfStandalone;
  totals: Counters = counters;

  state(): MemberState {
    return this.current;
  }
  connections(): readonly ConnectionView[] {
    return [connected, unconnected];
  }
  configuration(): readonly (readonly [string, string])[] {
    return [
      ['clientPort', '23181'],
      ['secureClientPort', '-1'],
      ['dataDir', '/data/version-2'],
      ['dataDirSize', '67109358'],
      ['dataLogDir', '/data/version-2'],
      ['dataLogSize', '67109358'],
      ['tickTime', '2000'],
      ['maxClientCnxns', '60'],
      ['minSessionTimeout', '4000'],
      ['maxSessionTimeout', '40000'],
      ['clientPortListenBacklog', '-1'],
      ['serverId', '0'],
    ];
  }
  latency(): LatencyView {
    return latency;
  }
  counters(): Counters {
    return this.totals;
  }
  resetStats(): void {
    this.resets.push('stats');
  }
  resetConnectionStats(): void {
    this.resets.push('connections');
  }
}

/** One that offers everything that is optional. */
export class FullView extends FakeView {
  timings(): readonly (readonly [string, TimingView])[] {
    const quantiles = (parts: readonly number[]): number[] => parts.map(() => 4);
    const timing: TimingView = { count: 3, sum: 10, min: 2, max: 4, quantiles };
    return ['readlatency', 'updatelatency', 'election_time'].map((name) => [name, timing]);
  }
  descriptors(): { readonly open: number; readonly max: number } {
    return { open: 23, max: 1024 };
  }
  localSessions(): readonly SessionView[] | null {
    return null;
  }
  visitWatches(visit: (path: string, sessionId: string) => void): void {
    visit('/g/fl', '0x100001efe93001c');
    visit('/other', '0x100001efe93001c');
    visit('/g/fl', '0x2');
  }
  sessions(): readonly SessionView[] {
    const timeoutMs = 10_000;
    return [
      { sessionId: '0x2', timeoutMs, expiresWallMs: 1_795_317_296_000 },
      { sessionId: '0x100001efe93000d', timeoutMs, expiresWallMs: 1_795_317_294_000 },
      { sessionId: '0x100001efe930012', timeoutMs, expiresWallMs: 1_795_317_294_000 },
    ];
  }
  visitEphemerals(visit: (sessionId: string, path: string) => void): void {
    visit('0x2', '/g/fl');
  }
  membership(): string {
    return 'server.1=a:2888:3888:participant;0.0.0.0:2181\nversion=100000000';
  }
  environment(): readonly (readonly [string, string])[] {
    return [
      ['host.name', 'zk-0'],
      ['os.name', 'Linux'],
    ];
  }
  digests(): readonly { readonly zxid: string; readonly digest: bigint }[] {
    return [{ zxid: '0x80', digest: 58_388_365_619n }];
  }
}
