import type { ChildProcess } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import type { Interface } from 'node:readline';
import { clientHost, clientHostCount } from './network.ts';
import type { Network } from './network.ts';

const node = resolve(import.meta.dirname, '../../node_modules/.bin/node');
const pipelinesScript = join(import.meta.dirname, 'pipelines.ts');

/** Nothing may wait for longer once nothing is wrong any more. */
const answerMsMax = 60_000;

interface Worker {
  readonly child: ChildProcess;
  readonly lines: Interface;
}

/** What every process of a load is told. */
export interface LoadOptions {
  /** Path of the program of go/. */
  readonly program: string;
  /** Node below which it works. */
  readonly root: string;
  readonly connectString: string;
  readonly seed: number;
  /** Where histories and what the processes print go. */
  readonly directory: string;
}

/** The clients: one process on each of their machines, and one with pipelines on the first. */
export class Load {
  readonly histories: readonly string[];
  readonly #workers: readonly Worker[];

  constructor(network: Network, options: LoadOptions) {
    const { program, root, connectString, seed, directory } = options;
    const names = Array.from({ length: clientHostCount }, (_, index) => `c${index}`);
    this.histories = [...names, 'p'].map((name) => join(directory, `${name}.history`));
    const argsOf = (name: string, index: number): string[] => [
      root,
      connectString,
      name,
      String(seed + index),
      this.histories[index] ?? '',
    ];
    const log = openSync(join(directory, 'clients.log'), 'a');
    const start = (host: string, command: readonly string[]): Worker => {
      const child = network.spawn(host, command, ['pipe', 'pipe', log]);
      if (child.stdout === null) throw new Error('a client without an output');
      return { child, lines: createInterface({ input: child.stdout }) };
    };
    const go = names.map((name, index) =>
      start(clientHost(index), [program, 'load', ...argsOf(name, index)]),
    );
    const ours = start(clientHost(0), [node, pipelinesScript, ...argsOf('p', clientHostCount)]);
    closeSync(log);
    this.#workers = [...go, ours];
  }

  /** Everything that was asked is answered or given up; the sessions stay. */
  quiet(): Promise<void> {
    return this.#tell('quiet', 'quiet');
  }

  /** The sessions end, but for those that were left alone. */
  close(): Promise<void> {
    return this.#tell('close', 'closed');
  }

  kill(): void {
    for (const { child } of this.#workers) child.kill('SIGKILL');
  }

  /** @throws Error when one has not answered in time, or has ended. */
  async #tell(word: string, answer: string): Promise<void> {
    await Promise.all(
      this.#workers.map(
        ({ child, lines }, index) =>
          new Promise<void>((done, fail) => {
            const name = this.histories[index] ?? '';
            const giveUp = (why: string): void => fail(new Error(`the clients of ${name} ${why}`));
            const timer = setTimeout(
              giveUp,
              answerMsMax,
              `wait, ${answerMsMax} ms after "${word}"`,
            );
            const onExit = (code: number | null): void => giveUp(`ended with ${code}`);
            child.once('exit', onExit);
            lines.on('line', (line) => {
              if (line !== answer) return;
              clearTimeout(timer);
              child.off('exit', onExit);
              done();
            });
            child.stdin?.write(`${word}\n`);
          }),
      ),
    );
  }
}
