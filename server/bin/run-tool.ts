import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { ToolRefusal, type AsyncWork, type Work } from '../tools/saying.ts';

/** Collected before it is written: a tool says a line at a time. */
const outputBytesMax: number = 64 * 1024;

/**
 * Lets a tool work: text to the output, problems to stderr, questions to whoever sits there. Returns
 * the exit code. A reader that goes away ends the work.
 */
export async function runTool(work: Work | AsyncWork): Promise<number> {
  const output = new Output();
  try {
    return await runSteps(work, output);
  } catch (error) {
    if (!(error instanceof ToolRefusal)) throw error;
    await output.flush();
    process.stderr.write(`${error.message}\n`);
    return error.exitCode;
  } finally {
    // Files that it began are cleared away, also when it was left before its end.
    await work.return(1);
    await output.flush();
  }
}

async function runSteps(work: Work | AsyncWork, output: Output): Promise<number> {
  let answer = '';
  let answers: AsyncIterator<string> | null = null;
  while (true) {
    const step = await work.next(answer);
    if (step.done === true) return step.value;
    if (output.isClosed) return 0;
    const said = step.value;
    if (typeof said === 'string') {
      await output.write(said);
    } else if ('problem' in said) {
      await output.flush();
      process.stderr.write(`${said.problem}\n`);
    } else {
      await output.write(said.question);
      await output.flush();
      answers ??= createInterface({ input: process.stdin })[Symbol.asyncIterator]();
      const line = await answers.next();
      if (line.done === true) {
        throw new ToolRefusal('There is nobody to answer. Say -y to repair all without asking.');
      }
      answer = line.value;
    }
  }
}

/** The output, in pieces that are worth a write. */
class Output {
  isClosed = false;
  #text = '';

  constructor() {
    process.stdout.on('error', () => (this.isClosed = true));
  }

  async write(text: string): Promise<void> {
    this.#text += text;
    if (this.#text.length >= outputBytesMax) await this.flush();
  }

  async flush(): Promise<void> {
    const text = this.#text;
    this.#text = '';
    if (text === '' || this.isClosed || process.stdout.write(text)) return;
    await Promise.race([once(process.stdout, 'drain'), once(process.stdout, 'close')]).catch(
      () => undefined,
    );
  }
}
