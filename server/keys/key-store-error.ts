/** A key or trust store that cannot be used: which file, what is wrong, what to do. No secrets. */
export class KeyStoreError extends Error {
  override readonly name: string = 'KeyStoreError';
  readonly location: string;

  constructor(location: string, problem: KeyStoreProblem) {
    super(`${location}: ${problem.message} ${problem.remedy}`);
    this.location = location;
  }
}

/** What is wrong with the bytes of a store; whoever knows its file turns it into the error. */
export class KeyStoreProblem extends Error {
  override readonly name: string = 'KeyStoreProblem';
  readonly remedy: string;

  constructor(message: string, remedy: string) {
    super(message);
    this.remedy = remedy;
  }
}
