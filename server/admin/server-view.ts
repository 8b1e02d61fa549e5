/** What the outside may know of a server: read by four-letter words, metrics and the state page. */
export interface ServerView {
  readonly versionText: string;
  state(): MemberState;
  connections(): readonly ConnectionView[];
  /** `conf`: key and value in order. */
  configuration(): readonly (readonly [string, string])[];
  latency(): LatencyView;
  counters(): Counters;
  resetStats(): void;
  resetConnectionStats(): void;

  // What a server does not offer, it does not answer for: words that need it are not executed.

  /** `wchc`, `wchp`: every watch on data, at most once for a path and a session. */
  visitWatches?(visit: (path: string, sessionId: string) => void): void;
  /** `dump`. */
  sessions?(): readonly SessionView[];
  /** `dump`: those that no other server knows; `null`: there are none by configuration. */
  localSessions?(): readonly SessionView[] | null;
  visitEphemerals?(visit: (sessionId: string, path: string) => void): void;
  /** Open files of the process and how many it may have; `null`: the system does not say. */
  descriptors?(): { readonly open: number; readonly max: number } | null;
  /** Times of many of a kind, ms, by the reference's names. */
  timings?(): readonly (readonly [name: string, timing: TimingView])[];
  /** Where clients come, `host:port`; empty: nowhere. */
  clientAddress?(): string;
  /** The lines of the configuration as it was read at start, without its secrets. */
  initialConfiguration?(): string;
  /** `conf` on a member: the text of `/zookeeper/config`. Empty: it is alone. */
  membership?(): string;
  /** `envi`: key and value in order, beside the version. */
  environment?(): readonly (readonly [string, string])[];
  /** `hash`: remembered digests of the tree, oldest first. */
  digests?(): readonly { readonly zxid: string; readonly digest: bigint }[];
}

export interface TimingView {
  readonly count: number;
  readonly sum: number;
  readonly min: number;
  readonly max: number;
  /** Of the recent past; NaN: there was nothing. */
  quantiles(parts: readonly number[]): readonly number[];
}

export interface SessionView {
  /** Hex with 0x. */
  readonly sessionId: string;
  readonly timeoutMs: number;
  /** `null` where another server decides. */
  readonly expiresWallMs: number | null;
}

/** Sizes in bytes; -1 each before the first. */
export interface SizeView {
  readonly last: number;
  readonly min: number;
  readonly max: number;
}

/** A member as the operator sees it: the body of `GET /state`. Zxids are hex with 0x. */
export interface MemberState {
  readonly sid: number;
  readonly role: 'standalone' | 'looking' | 'leading' | 'following' | 'observing';
  readonly phase: 'election' | 'discovery' | 'synchronization' | 'broadcast';
  /** Takes requests of clients now, as a member of a quorum. */
  readonly serving: boolean;
  /** Has no quorum and answers reads of clients that are content with that. */
  readonly readOnly?: boolean;
  readonly draining: boolean;
  readonly leader: number | null;
  readonly epoch: number;
  readonly acceptedEpoch: number;
  /** Why the history on its disk does not count, so that it does not vote; `null`: it does count. */
  readonly lacking?: string | null;
  /** Why its disk takes nothing, so that it is out of the quorum; `null`: it does. */
  readonly diskProblem?: string | null;
  readonly zxid: string;
  readonly lastLoggedZxid: string;
  readonly znodeCount: number;
  readonly ephemeralCount: number;
  readonly watchCount: number;
  readonly watchPathCount: number;
  /** Connections with at least one watch. */
  readonly watcherCount?: number;
  readonly sessionCount: number;
  /** Beside those: sessions that no other server knows. */
  readonly localSessionCount?: number;
  readonly connectionCount: number;
  readonly outstandingCount: number;
  readonly approximateDataBytes: number;
  readonly electionMs: number;
  /** For so long it has led; leader only. */
  readonly leadingMs?: number;
  readonly uptimeMs: number;
  readonly configVersion: string;
  readonly servers: readonly {
    readonly sid: number;
    readonly role: 'participant' | 'observer';
    readonly address: string;
  }[];
  /** Observer only: the server it is connected to; a follower, where followers serve observers. */
  readonly observerMaster?: number;
  /** Follower: observers may come to it. */
  readonly servesObservers?: boolean;
  /** A leader's learners, a follower's observers. `lag`: transactions proposed and not acknowledged by it. */
  readonly learners: readonly {
    readonly sid: number;
    readonly role: 'follower' | 'observer';
    readonly synced: boolean;
    readonly lastAckedZxid: string;
    readonly lag: number;
  }[];
}

export interface ConnectionView {
  readonly remote: string;
  /** Hex with 0x; `null` before the handshake. */
  readonly sessionId: string | null;
  readonly timeoutMs: number;
  readonly queued: number;
  readonly received: number;
  readonly sent: number;
  readonly lastOperation: string;
  readonly lastCxid: number;
  readonly lastZxid: string;
  readonly establishedWallMs: number;
  readonly lastLatencyMs: number;
  /** Monotonic ms of the last reply. */
  readonly lastResponseMs?: number;
  readonly latency: LatencyView;
}

export interface LatencyView {
  readonly minMs: number;
  readonly avgMs: number;
  readonly maxMs: number;
}

/** Totals since start (or since `srst`). */
export interface Counters {
  readonly packetsReceived: number;
  readonly packetsSent: number;
  readonly bytesReceived: number;
  readonly bytesSent: number;
  readonly connectionsRejected: number;
  readonly connectionsDropped: number;
  readonly sessionsCreated: number;
  readonly sessionsExpired: number;
  readonly writes: number;
  readonly reads: number;
  readonly commits: number;
  readonly proposals: number;
  readonly elections: number;
  readonly digestMismatches: number;
  /** Proofs of identity that were refused. */
  readonly authFailures?: number;
  /** Handshakes for a new session, and with one that exists. */
  readonly connectionRequests?: number;
  readonly revalidations?: number;
  readonly fsyncCount: number;
  readonly fsyncMsTotal: number;
  readonly fsyncMsMax: number;
  readonly snapshotCount: number;
  readonly snapshotMsLast: number;
  readonly snapshotMsTotal?: number;
  /** Replies to clients. */
  readonly responseSizes?: SizeView;
  /** Leader only. */
  readonly proposalSizes?: SizeView;
}
