import type { WatcherEvent } from '../server/protocol/requests/watch.ts';
import type { Zxid } from '../server/protocol/zxid.ts';
import type { Host, HostRing } from './hosts.ts';
import type { SaslLogin } from './sasl.ts';
import type { WatchListener, WatchTable } from './watches.ts';

/**
 * connecting: never had a server · connected · suspended: had one, looks for the next ·
 * expired, closed: over, for good.
 */
export type SessionState = 'connecting' | 'connected' | 'suspended' | 'expired' | 'closed';

export type SessionEvent =
  | { readonly type: 'opened'; readonly nowMs: number }
  | { readonly type: 'received'; readonly chunk: Buffer; readonly nowMs: number }
  | { readonly type: 'lost'; readonly reason: string; readonly nowMs: number }
  /** What a `look` has found. */
  | {
      readonly type: 'looked';
      readonly host: Host;
      readonly hasQuorum: boolean;
      readonly nowMs: number;
    }
  | { readonly type: 'tick'; readonly nowMs: number };

/** In the order in which they are to be done. */
export type SessionEffect =
  | { readonly type: 'dial'; readonly host: Host }
  /** Asks that host, beside the connection, whether it has a quorum; answered by `looked`. */
  | { readonly type: 'look'; readonly host: Host }
  | { readonly type: 'send'; readonly bytes: Buffer }
  /** Sends what waits, then closes; of that connection nothing more is to be told. */
  | { readonly type: 'hangUp' }
  | { readonly type: 'state'; readonly state: SessionState; readonly reason: string }
  | {
      readonly type: 'watch';
      readonly event: WatcherEvent;
      readonly zxid: Zxid;
      readonly listeners: ReadonlySet<WatchListener>;
    };

export interface SessionOptions {
  readonly hosts: HostRing;
  readonly watches: WatchTable;
  readonly sessionTimeoutMs: number;
  /** Also content with a server that has lost its quorum. */
  readonly isReadOnlyAllowed: boolean;
  readonly frameBytesMax: number;
  /** Present: every connection proves it before anything else. */
  readonly sasl: { readonly login: SaslLogin; readonly nonce: () => string } | null;
  /** Uniform in [0, 1). */
  readonly random: () => number;
}
