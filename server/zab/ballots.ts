import type { Core } from './core.ts';
import type { Vote } from './vote.ts';
import { agrees } from './vote.ts';

/** The last vote of each server, of one kind: those of a round, or those of servers that have settled. */
export class Ballots {
  readonly #core: Core;
  readonly #votes = new Map<number, Vote>();
  /** One mark for each voter, used during one count only. */
  readonly #marks: number[] = [];

  constructor(core: Core) {
    this.#core = core;
  }

  put(from: number, vote: Vote): void {
    this.#votes.set(from, vote);
  }

  of(from: number): Vote | undefined {
    return this.#votes.get(from);
  }

  clear(): void {
    this.#votes.clear();
  }

  /** A quorum of the voters has voted like that. */
  areFor(wanted: Vote): boolean {
    const { quorum } = this.#core;
    const { voters } = quorum;
    this.#marks.length = voters.length;
    for (let at = 0; at < voters.length; at += 1) {
      const vote = this.#votes.get(voters[at] ?? -1);
      this.#marks[at] = vote !== undefined && agrees(vote, wanted) ? 1 : 0;
    }
    return quorum.reaches(this.#marks, 1);
  }

  /** So has every voter of whom a vote is to be expected. */
  areAllFor(wanted: Vote, unreachable: ReadonlySet<number>): boolean {
    if (!this.areFor(wanted)) return false;
    const { voters } = this.#core.quorum;
    return this.#marks.every((mark, at) => mark === 1 || unreachable.has(voters[at] ?? -1));
  }
}
