import type { Ensemble } from '../config/ensemble.ts';

/**
 * Which sets of voters are quorums: any two of them meet. Majority of the participants, or, with
 * groups, more than half of the weight in more than half of the groups that have weight.
 *
 * While a change of members is under way there is more than one ensemble, and a quorum is a set
 * that is one in each of them.
 *
 * Source: election, section 9; quorum protocol, section 13.3.
 */
export class Quorum {
  /** Server ids of the participants, ascending. Marks below are in this order. */
  readonly voters: readonly number[];
  readonly #rules: readonly QuorumRule[];

  constructor(...ensembles: readonly Ensemble[]) {
    const voters = new Set(ensembles.flatMap((one) => votersOf(one)));
    this.voters = [...voters].sort((a, b) => a - b);
    this.#rules = ensembles.map((one) => new QuorumRule(one, this.voters));
  }

  /** Index of a voter in {@link voters}; -1 for everybody else. */
  indexOf(sid: number): number {
    return this.voters.indexOf(sid);
  }

  /** A voter of weight 0 is counted but never voted for. */
  weightOf(sid: number): number {
    let weight = 0;
    for (const rule of this.#rules) weight = Math.max(weight, rule.weightAt(this.indexOf(sid)));
    return weight;
  }

  /**
   * Whether the voters whose mark is at least `atLeast` are a quorum. Marks are in the order of
   * {@link voters}: zxids acknowledged, or 1 and 0 for a plain set.
   */
  reaches(marks: readonly number[], atLeast: number): boolean {
    for (const rule of this.#rules) if (!rule.reaches(marks, atLeast)) return false;
    return true;
  }
}

/** What one ensemble asks of a set of voters. */
class QuorumRule {
  /** Weight of each voter; 0 for one that has no vote in this ensemble. */
  readonly #weights: readonly number[];
  readonly #isVoter: readonly boolean[];
  readonly #voterCount: number;
  /** Group index of each voter; -1 outside every group. `null`: simple majority. */
  readonly #groupOf: readonly number[] | null;
  readonly #groupWeights: readonly number[];
  readonly #groupsNeeded: number;
  /** Sums per group, used during one call only. */
  readonly #sums: number[];

  constructor(ensemble: Ensemble, voters: readonly number[]) {
    const own = votersOf(ensemble);
    const grouped = ensemble.groups.size > 0;
    const weightOf = (sid: number): number => (grouped ? (ensemble.weights.get(sid) ?? 1) : 1);
    const groups = [...ensemble.groups.values()];
    this.#isVoter = voters.map((sid) => own.includes(sid));
    this.#voterCount = own.length;
    this.#weights = voters.map((sid) => (own.includes(sid) ? weightOf(sid) : 0));
    this.#groupOf = grouped
      ? voters.map((sid) =>
          own.includes(sid) ? groups.findIndex((sids) => sids.includes(sid)) : -1,
        )
      : null;
    this.#groupWeights = groups.map((_, group) =>
      this.#weights.reduce(
        (sum, weight, at) => sum + (this.#groupOf?.[at] === group ? weight : 0),
        0,
      ),
    );
    const weighty = this.#groupWeights.filter((weight) => weight > 0).length;
    this.#groupsNeeded = Math.floor(weighty / 2) + 1;
    this.#sums = groups.map(() => 0);
  }

  weightAt(index: number): number {
    return this.#weights[index] ?? 0;
  }

  reaches(marks: readonly number[], atLeast: number): boolean {
    if (this.#groupOf !== null) return this.#groupsReach(marks, atLeast, this.#groupOf);
    let count = 0;
    for (let at = 0; at < marks.length; at += 1) {
      if ((marks[at] ?? 0) >= atLeast && this.#isVoter[at] === true) count += 1;
    }
    return count * 2 > this.#voterCount;
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

function votersOf(ensemble: Ensemble): number[] {
  return ensemble.servers
    .filter((server) => server.role === 'participant')
    .map((server) => server.sid);
}
