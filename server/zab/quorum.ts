import type { Ensemble } from '../config/ensemble.ts';

/**
 * Which sets of voters are quorums: any two of them meet. Majority of the participants, or, with
 * groups, more than half of the weight in more than half of the groups that have weight.
 *
 * Source: election, section 9.
 */
export class Quorum {
  /** Server ids of the participants, ascending. Marks below are in this order. */
  readonly voters: readonly number[];
  readonly #weights: readonly number[];
  /** Group index of each voter; -1 outside every group. `null`: simple majority. */
  readonly #groupOf: readonly number[] | null;
  readonly #groupWeights: readonly number[];
  readonly #groupsNeeded: number;
  /** Sums per group, used during one call only. */
  readonly #sums: number[];

  constructor(ensemble: Ensemble) {
    const participants = ensemble.servers.filter((server) => server.role === 'participant');
    const voters = participants.map((server) => server.sid).sort((a, b) => a - b);
    const grouped = ensemble.groups.size > 0;
    const weights = voters.map((sid) => (grouped ? (ensemble.weights.get(sid) ?? 1) : 1));
    const groups = [...ensemble.groups.values()];
    const groupOf = voters.map((sid) => groups.findIndex((sids) => sids.includes(sid)));
    const groupWeights = groups.map((_, group) =>
      voters.reduce((sum, _, at) => sum + (groupOf[at] === group ? (weights[at] ?? 0) : 0), 0),
    );
    this.voters = voters;
    this.#weights = weights;
    this.#groupOf = grouped ? groupOf : null;
    this.#groupWeights = groupWeights;
    this.#groupsNeeded = Math.floor(groupWeights.filter((weight) => weight > 0).length / 2) + 1;
    this.#sums = groups.map(() => 0);
  }

  /** Index of a voter in {@link voters}; -1 for everybody else. */
  indexOf(sid: number): number {
    return this.voters.indexOf(sid);
  }

  /** A voter of weight 0 is counted but never voted for. */
  weightOf(sid: number): number {
    return this.#weights[this.indexOf(sid)] ?? 0;
  }

  /**
   * Whether the voters whose mark is at least `atLeast` are a quorum. Marks are in the order of
   * {@link voters}: zxids acknowledged, or 1 and 0 for a plain set.
   */
  reaches(marks: readonly number[], atLeast: number): boolean {
    if (this.#groupOf !== null) return this.#groupsReach(marks, atLeast, this.#groupOf);
    let count = 0;
    for (const mark of marks) if (mark >= atLeast) count += 1;
    return count * 2 > this.voters.length;
  }

  #groupsReach(marks: readonly number[], atLeast: number, groupOf: readonly number[]): boolean {
    const sums = this.#sums;
    sums.fill(0);
    for (let at = 0; at < marks.length; at += 1) {
      const group = groupOf[at] ?? -1;
      if (group < 0 || (marks[at] ?? 0) < atLeast) continue;
      sums[group] = (sums[group] ?? 0) + (this.#weights[at] ?? 0);
    }
    let reached = 0;
    for (let group = 0; group < sums.length; group += 1) {
      const weight = this.#groupWeights[group] ?? 0;
      if (weight > 0 && (sums[group] ?? 0) * 2 > weight) reached += 1;
    }
    return reached >= this.#groupsNeeded;
  }
}
