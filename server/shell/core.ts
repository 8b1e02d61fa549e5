import type { Auth } from '../auth/auth.ts';
import type { ServerConfig } from '../config/server-config.ts';
import type { ClientNetwork } from '../net/client-network.ts';
import type { PeerNetwork } from '../net/peer-network.ts';
import type { SessionId } from '../protocol/session-id.ts';
import type { LocalSessions } from '../session/door.ts';
import type { AccessRules } from '../prep/access.ts';
import type { WriteOp } from '../prep/door.ts';
import type { Storage } from '../storage/door.ts';
import { Distribution } from '../util/distribution.ts';
import type { StoredTree } from '../tree/door.ts';
import type { WatchTable } from '../watch/door.ts';
import type { ZabPeer } from '../zab/door.ts';
import type { Audit } from './audit.ts';
import type { Client, Latency, Pending } from './client.ts';
import type { ClientLimits } from './client-limits.ts';
import type { ClientSasl } from './client-sasl.ts';
import type { Digests } from './digests.ts';
import type { Host } from './host.ts';
import type { Membership } from './membership.ts';

/**
 * What the parts of a server share. The tree is replaced as a whole when a leader sends its own
 * or the log is cut; nobody keeps a reference to it beyond a turn.
 */
export interface Core {
  readonly config: ServerConfig;
  readonly host: Host;
  readonly peers: PeerNetwork;
  readonly clients: ClientNetwork;
  readonly clientLimits: ClientLimits;
  /** `null`: no mechanism is configured. */
  readonly clientSasl: ClientSasl | null;
  /** A client must hold an id of one of these before it asks for anything; `null`: no matter. */
  readonly requiredSchemes: readonly string[] | null;
  tree: StoredTree;
  readonly storage: Storage;
  peer: ZabPeer;
  /** Where followers serve observers; `null`: they do not. */
  readonly observerMaster: ObserverMasterOptions | null;
  readonly electionPort: ElectionPortOptions;
  /** `null`: a server that is alone. */
  readonly members: Membership | null;
  readonly watches: WatchTable<Client>;
  readonly auth: Auth;
  readonly access: AccessRules;
  /** Where writes go: to this leader itself, or to the one followed. `null`: clients are not served. */
  upstream: Upstream | null;
  /** False at a leader that leaves clients to the others (`leaderServes=no`). */
  takesClients: boolean;
  /** It has no quorum and answers reads of clients that are content with that; `upstream` refuses the rest. */
  isReadOnly: boolean;
  readonly sessionRules: SessionRules;
  /** Sessions that no other server knows. */
  readonly locals: LocalSessions;
  /** Clients by session, from the handshake on. */
  readonly sessions: Map<SessionId, Client>;
  readonly counters: ShellCounters;
  /** `null`: nobody asked for one. */
  readonly audit: Audit | null;
  /** What `hash` shows. */
  readonly digests: Digests;
  readonly latency: Latency;
  readonly timings: Timings;
  /** Monotonic ms; `null`: it does not lead. */
  leadingSinceMs: number | null;
  /** Monotonic ms of this turn. */
  nowMs: number;
  /** Wall clock of this turn, ms since 1970. */
  wallMs: number;
  /** Number of this turn. */
  turn: number;
  /** Requests taken from clients and not answered. */
  outstandingCount: number;
  /** A turn is wanted soon. */
  wake(): void;
  /** The client has replies to send this turn. */
  dirty(client: Client): void;
}

/** What kinds of sessions there are. */
export interface SessionRules {
  /** New sessions are known to their server alone. */
  readonly localSessionsEnabled: boolean;
  /** They become known to all with their first ephemeral; otherwise that is refused. */
  readonly localSessionsUpgradingEnabled: boolean;
  /** Without a quorum, clients that want no more are served reads. */
  readonly readOnlyModeEnabled: boolean;
}

/** One port on every follower, at which observers come. */
export interface ObserverMasterOptions {
  readonly port: number;
  /** What waits for an observer that takes too little; above it the observer has to come again. */
  readonly backlogBytesMax: number;
}

/** How patient the election port is. */
export interface ElectionPortOptions {
  /** Attempts to bind it; 0: for ever. */
  readonly bindAttemptsMax: number;
  /** Time for a connection to say who it is; `null`: any. */
  readonly greetingMsMax: number | null;
  readonly keepAlive: boolean;
}

/** Writes and sessions, as a server that leads or one that follows handles them. */
export interface Upstream {
  /** The request waits as `pending` of the client; its transaction will answer it. */
  write(client: Client, pending: Pending, op: WriteOp): void;
  sync(client: Client, pending: Pending): void;
  createSession(client: Client): void;
  /** Answered by `Sessions.revalidated`. */
  revalidate(client: Client): void;
  /** False: the session is not (or no longer) known here, and its requests are dropped. */
  touch(client: Client): boolean;
  /** Monotonic ms when the session ends unless it is touched; `null`: another server decides. */
  deadlineMs(id: SessionId): number | null;
  /** Leadership or link has ended. */
  stop(): void;
}

/** Times of many of a kind, ms. */
export interface Timings {
  /** From a request's arrival to its answer: those without a transaction, and those with one. */
  readonly read: Distribution;
  readonly update: Distribution;
  readonly election: Distribution;
}

export function newTimings(): Timings {
  return {
    read: new Distribution(),
    update: new Distribution(),
    election: new Distribution(),
  };
}

/** Mutable totals; see admin/server-view. */
export interface ShellCounters {
  packetsReceived: number;
  packetsSent: number;
  bytesReceived: number;
  bytesSent: number;
  connectionsRejected: number;
  connectionsDropped: number;
  sessionsCreated: number;
  sessionsExpired: number;
  writes: number;
  reads: number;
  commits: number;
  proposals: number;
  elections: number;
  digestMismatches: number;
  authFailures: number;
  connectionRequests: number;
  revalidations: number;
}

export function zeroCounters(): ShellCounters {
  return {
    packetsReceived: 0,
    packetsSent: 0,
    bytesReceived: 0,
    bytesSent: 0,
    connectionsRejected: 0,
    connectionsDropped: 0,
    sessionsCreated: 0,
    sessionsExpired: 0,
    writes: 0,
    reads: 0,
    commits: 0,
    proposals: 0,
    elections: 0,
    digestMismatches: 0,
    authFailures: 0,
    connectionRequests: 0,
    revalidations: 0,
  };
}

/** Exit codes of the process that this room chooses. Documented in docs/operations. */
export const ExitCode = {
  OK: 0,
  /** A port of the configuration could not be bound. */
  BIND_FAILED: 14,
  /** The server's own data contradict each other. */
  DATA_INCONSISTENT: 13,
} as const;
