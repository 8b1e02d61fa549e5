import { createInterface } from 'node:readline/promises';
import type { Interface } from 'node:readline/promises';

import type { ConnectOptions } from '../index.ts';
import { complete } from './completion.ts';
import type { HistoryFile } from './history-file.ts';
import { historyLinesMax } from './history-file.ts';
import { failureText, Shell } from './shell.ts';

export interface PromptOptions {
  readonly input: NodeJS.ReadableStream;
  readonly output: NodeJS.WritableStream;
  readonly errors: NodeJS.WritableStream;
  /** A person types: there is a prompt, completion and history. */
  readonly isTerminal: boolean;
  readonly history: HistoryFile | null;
  /** Begin with a session, not with the prompt. */
  readonly waitsForConnection: boolean;
}

/**
 * Asks for commands until `quit` or the end of the input; the exit code is the last command's.
 * Where a person types, the prompt does not wait for the session.
 *
 * @throws ZkError CONNECTION_LOSS when a connection is waited for in vain.
 */
export async function prompt(
  server: string,
  connectOptions: ConnectOptions,
  options: PromptOptions,
): Promise<number> {
  const { output, errors, isTerminal } = options;
  let lines: Interface | null = null;
  let isAsking = false;
  /** What comes while a line is typed stands above it. */
  const write = (stream: NodeJS.WritableStream, text: string): void => {
    if (isAsking) output.write('\r\u001b[K');
    stream.write(`${text}\n`);
    ask();
  };
  const shell = new Shell(server, connectOptions, {
    print: (text) => write(output, text),
    complain: (text) => write(errors, text),
    tellsOfSession: true,
    onState: () => ask(),
  });
  const ask = (): void => {
    if (lines === null || !isAsking) return;
    lines.setPrompt(`[zk: ${shell.server}(${shell.state}) ${shell.history.length}] `);
    lines.prompt(true);
  };
  shell.print(`Connecting to ${server}`);
  const connecting = shell.connected();
  if (options.waitsForConnection) await connecting;
  shell.print(`Welcome to ZooKeeper!\nJLine support is ${isTerminal ? 'enabled' : 'disabled'}`);
  void connecting.catch((error: unknown) => {
    if (!shell.isQuitting) shell.complain(failureText(error));
  });
  lines = openLines(shell, options);
  await run(shell, lines, options, (isNow) => {
    isAsking = isTerminal && isNow;
    ask();
  });
  isAsking = false;
  lines.close();
  await shell.close();
  return shell.exitCode;
}

function openLines(shell: Shell, { input, output, isTerminal, history }: PromptOptions): Interface {
  if (!isTerminal) return createInterface({ input });
  return createInterface({
    input,
    output,
    terminal: true,
    historySize: historyLinesMax,
    history: history?.load() ?? [],
    removeHistoryDuplicates: true,
    completer: (line: string) => complete(line, shell.zkIfConnected),
  });
}

async function run(
  shell: Shell,
  lines: Interface,
  { history }: PromptOptions,
  ask: (isNow: boolean) => void,
): Promise<void> {
  lines.once('close', () => ask(false));
  ask(true);
  for await (const line of lines) {
    ask(false);
    history?.add(line);
    await shell.runLine(line);
    if (shell.isQuitting) return;
    ask(true);
  }
}
