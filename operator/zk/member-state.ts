/** Body of `GET /state` of a server. Zxids are hex with 0x. The server's own copy is its admin room's. */
export interface MemberState {
  readonly sid: number;
  readonly role: 'standalone' | 'looking' | 'leading' | 'following' | 'observing';
  readonly phase: 'election' | 'discovery' | 'synchronization' | 'broadcast';
  /** Takes requests of clients now. */
  readonly serving: boolean;
  readonly draining: boolean;
  readonly leader: number | null;
  readonly epoch: number;
  readonly acceptedEpoch: number;
  readonly zxid: string;
  readonly lastLoggedZxid: string;
  readonly uptimeMs: number;
  readonly configVersion: string;
  readonly servers: readonly {
    readonly sid: number;
    readonly role: 'participant' | 'observer';
    readonly address: string;
  }[];
  /** Leader only. `lag`: transactions proposed and not acknowledged by it. */
  readonly learners: readonly {
    readonly sid: number;
    readonly role: 'follower' | 'observer';
    readonly synced: boolean;
    readonly lastAckedZxid: string;
    readonly lag: number;
  }[];
  /** Release of the server, where it says so. */
  readonly version?: string;
}
