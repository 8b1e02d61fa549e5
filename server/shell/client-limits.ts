import type { ServerSettings } from '../config/server-settings.ts';
import { TokenBucket } from '../util/token-bucket.ts';
import type { Host } from './host.ts';
import { LargeRequests } from './large-requests.ts';
import { RequestThrottle } from './request-throttle.ts';

/** What holds clients back beyond the standard limits; each `null` unless it is configured. */
export interface ClientLimits {
  /** New sessions and those that come back take a token each. */
  readonly connections: TokenBucket | null;
  readonly throttle: RequestThrottle | null;
  readonly large: LargeRequests | null;
  /** Connections that the system queues before they are taken; `null`: its standard. */
  readonly backlogCount: number | null;
  /** The system finds out which silent clients are gone. */
  readonly keepAlive: boolean;
}

const none: ClientLimits = {
  connections: null,
  throttle: null,
  large: null,
  backlogCount: null,
  keepAlive: false,
};

export function clientLimitsOf(settings: ServerSettings | undefined, host: Host): ClientLimits {
  if (settings === undefined) return none;
  const { requests, listen } = settings;
  return {
    connections: bucketOf(requests, host.nowMs()),
    throttle:
      requests.throttleCountMax === 0
        ? null
        : new RequestThrottle(
            {
              countMax: requests.throttleCountMax,
              stallMs: requests.throttleStallMs,
              dropsLate: requests.throttleDropStale && requests.staleLatencyCheck,
            },
            host,
          ),
    large:
      requests.largeRequestThresholdBytes <= 0
        ? null
        : new LargeRequests({
            thresholdBytes: requests.largeRequestThresholdBytes,
            bytesMax: requests.largeRequestsBytesMax,
          }),
    backlogCount: listen.clientBacklog <= 0 ? null : listen.clientBacklog,
    keepAlive: listen.clientTcpKeepAlive,
  };
}

function bucketOf(requests: ServerSettings['requests'], nowMs: number): TokenBucket | null {
  const { connectionTokens: countMax, connectionTokenFillMs: fillMs } = requests;
  if (countMax === 0) return null;
  return new TokenBucket({ countMax, fillMs, fillCount: requests.connectionTokenFillCount }, nowMs);
}
