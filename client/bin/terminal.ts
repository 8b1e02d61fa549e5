import type { ZooKeeper } from '../index.ts';

/** Whom a command asks and where it prints. */
export interface Terminal {
  readonly zk: ZooKeeper;
  /** What was asked for. */
  readonly print: (text: string) => void;
  /** What was done and what went wrong: the error output, as the reference has it. */
  readonly complain: (text: string) => void;
}

export interface Command {
  readonly usage: string;
  readonly run: (terminal: Terminal, words: readonly string[]) => Promise<void>;
}
