/** The `state` of a notification. */
export const ServerState = { LOOKING: 0, FOLLOWING: 1, LEADING: 2, OBSERVING: 3 } as const;
export type ServerState = (typeof ServerState)[keyof typeof ServerState];

/**
 * A server's vote on the election port. Numbers are signed 64-bit on the wire; -2^63 stands for
 * "no vote of my own" and is exact as a double.
 */
export interface Notification {
  readonly state: ServerState;
  /** Server id that is voted for. */
  readonly leader: number;
  readonly zxid: number;
  readonly electionEpoch: number;
  readonly peerEpoch: number;
  readonly version: number;
  /** Text of the sender's active configuration; `null` before version 2. */
  readonly config: string | null;
}
