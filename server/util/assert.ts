/** One of our own invariants does not hold. Never caught: the process ends and restarts clean. */
export class AssertionFailure extends Error {
  override readonly name: string = 'AssertionFailure';
}

/**
 * States an invariant, positively worded. On in production.
 *
 * @throws AssertionFailure when the condition does not hold.
 */
export function assert(condition: boolean, invariant: string): asserts condition {
  if (!condition) throw new AssertionFailure(invariant);
}
