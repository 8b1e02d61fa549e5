/** What a tool says: text for its output, or a problem or a question for the person in front of it. */
export type Said = string | { readonly problem: string } | { readonly question: string };

/** A tool at work: says things, takes the answer to a question, ends with its exit code. */
export type Work = Generator<Said, number, string>;
export type AsyncWork = AsyncGenerator<Said, number, string>;

/** What was asked for cannot be done: bad arguments or a bad file. The message has the remedy. */
export class ToolRefusal extends Error {
  override readonly name: string = 'ToolRefusal';
  readonly exitCode: number;

  constructor(message: string, exitCode: number = 1) {
    super(message);
    this.exitCode = exitCode;
  }
}
