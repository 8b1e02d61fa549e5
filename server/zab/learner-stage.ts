import type { Phase } from './effects.ts';

/**
 * How far a learner has come with its leader.
 *
 * ```
 * dial      no link yet
 * hello     FOLLOWERINFO or OBSERVERINFO sent; LEADERINFO is awaited
 * promise   the promise of the new epoch goes to the disk
 * choice    ACKEPOCH sent; DIFF, TRUNC or SNAP is awaited
 * cut       the log is being cut
 * stream    a snapshot is being received
 * install   and put on disk
 * collect   transactions, up to NEWLEADER
 * settle    the history goes to the disk, then the own currentEpoch
 * acked     NEWLEADER acknowledged; UPTODATE is awaited
 * serve     broadcast
 * ```
 */
export type LearnerStage =
  | 'dial'
  | 'hello'
  | 'promise'
  | 'choice'
  | 'cut'
  | 'stream'
  | 'install'
  | 'collect'
  | 'settle'
  | 'acked'
  | 'serve';

export const phaseOfStage: Readonly<Record<LearnerStage, Phase>> = {
  dial: 'discovery',
  hello: 'discovery',
  promise: 'discovery',
  choice: 'discovery',
  cut: 'synchronization',
  stream: 'synchronization',
  install: 'synchronization',
  collect: 'synchronization',
  settle: 'synchronization',
  acked: 'synchronization',
  serve: 'broadcast',
};

/** Which limit holds for the leader's silence; `none` while it waits for this server's disk. */
export const silenceOfStage: Readonly<Record<LearnerStage, 'connect' | 'init' | 'sync' | 'none'>> =
  {
    dial: 'connect',
    hello: 'init',
    promise: 'none',
    choice: 'init',
    cut: 'none',
    stream: 'init',
    install: 'none',
    collect: 'init',
    settle: 'none',
    acked: 'init',
    serve: 'sync',
  };
