import type { WatchKind, WatchListener, WatchOption, ZooKeeper } from '../index.ts';

/** Whom a command asks and where it prints. */
export interface Terminal {
  readonly zk: ZooKeeper;
  /** What was asked for. */
  readonly print: (text: string) => void;
  /** What was done and what went wrong: the error output, as the reference has it. */
  readonly complain: (text: string) => void;
  /** The one listener of all watches. */
  readonly watch: WatchListener;
  /** Tells of watches that are no more because that was asked for. */
  readonly removed: (path: string, kinds: readonly WatchKind[]) => void;
}

export interface Command {
  readonly usage: string;
  /** Lines behind the usage, where the reference has them. */
  readonly optionHelp?: string;
  readonly run: (terminal: Terminal, words: readonly string[]) => Promise<void>;
}

export function watchOption({ watch }: Terminal, isWanted: boolean): WatchOption {
  return isWanted ? { watch } : {};
}
