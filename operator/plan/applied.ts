/** What of a plan has happened. Status is computed from this, never from the plan alone. */
export interface Applied {
  /** The pod whose eviction was accepted. */
  readonly evicted: string | null;
  /** A disruption budget does not allow the eviction now. */
  readonly evictionBlocked: string | null;
  /** Objects of this name belong to somebody else and were left alone. */
  readonly taken: readonly string[];
  /** The API server refused an object: which one and why. */
  readonly refused: { readonly object: string; readonly message: string } | null;
  /** Growth that the storage class or the API server refused. */
  readonly growthRefused: string | null;
}

export const nothingApplied: Applied = {
  evicted: null,
  evictionBlocked: null,
  taken: [],
  refused: null,
  growthRefused: null,
};
