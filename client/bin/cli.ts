import { createInterface } from 'node:readline/promises';

import { ZkError, ZooKeeper } from '../index.ts';
import type { ConnectOptions } from '../index.ts';
import { UsageError, wordsOf } from './command-line.ts';
import { commands } from './commands.ts';
import { errorText } from './format.ts';
import type { Terminal } from './terminal.ts';

const usage = `usage: zk-cli [-server host:port[,host:port…][/chroot]] [-timeout ms] [-r] [command …]

  -server   where to connect to; default 127.0.0.1:2181
  -timeout  session timeout in ms; default 30000
  -r        also content with a server that has lost its quorum

Without a command it asks for them, one a line; help lists them.`;

interface Invocation {
  readonly server: string;
  readonly options: ConnectOptions;
  /** Empty: ask for commands. */
  readonly command: readonly string[];
}

/** @throws UsageError */
export function parseInvocation(args: readonly string[]): Invocation {
  let server = '127.0.0.1:2181';
  let sessionTimeoutMs = 30_000;
  let readOnly = false;
  let at = 0;
  for (; at < args.length && (args[at] ?? '').startsWith('-'); at += 1) {
    const name = args[at];
    if (name === '-r') {
      readOnly = true;
      continue;
    }
    at += 1;
    const value = args[at];
    if (value === undefined || (name !== '-server' && name !== '-timeout')) {
      throw new UsageError(usage);
    }
    if (name === '-server') server = value;
    else sessionTimeoutMs = Number(value);
  }
  if (!Number.isInteger(sessionTimeoutMs) || sessionTimeoutMs < 1) throw new UsageError(usage);
  return { server, options: { sessionTimeoutMs, readOnly }, command: args.slice(at) };
}

/** Exit codes, as the reference's command has them. */
const exitFailed = 1;
const exitUnknownCommand = 127;

/** Runs one command; the exit code. What failed has said so. */
export async function runCommand(terminal: Terminal, words: readonly string[]): Promise<number> {
  const [name = '', ...args] = words;
  if (name === 'help') {
    terminal.print(helpText());
    return 0;
  }
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (command === undefined) {
    terminal.complain(`Command not found: ${name}\n${helpText()}`);
    return exitUnknownCommand;
  }
  try {
    await command.run(terminal, args);
    return 0;
  } catch (error) {
    if (error instanceof ZkError) terminal.complain(errorText(error));
    else if (error instanceof UsageError) terminal.complain(`${error.message}\n${command.usage}`);
    else throw error;
    return exitFailed;
  }
}

function helpText(): string {
  const usages = [...Object.values(commands).map((command) => command.usage), 'help', 'quit'];
  return `Commands:\n${usages.map((line) => `  ${line}`).join('\n')}`;
}

/** Until `quit`, the end of the input, or of the session. */
async function prompt(terminal: Terminal, server: string): Promise<void> {
  const lines = createInterface({ input: process.stdin, output: process.stdout });
  const off = terminal.zk.onState((state, reason) => {
    terminal.complain(`\nSession ${state}: ${reason}`);
    if (state === 'expired' || state === 'closed') lines.close();
  });
  // Piped input is not asked for, and may have ended long before its last command is run.
  let isAsking = process.stdin.isTTY;
  lines.on('close', () => {
    isAsking = false;
  });
  lines.setPrompt(`[zk: ${server}] `);
  if (isAsking) lines.prompt();
  for await (const line of lines) {
    try {
      const words = wordsOf(line);
      if (words[0] === 'quit') break;
      if (words.length > 0) await runCommand(terminal, words);
    } catch (error) {
      if (!(error instanceof UsageError)) throw error;
      terminal.complain(error.message);
    }
    if (isAsking) lines.prompt();
  }
  off();
  lines.close();
}

/**
 * The command itself; its exit code.
 *
 * @throws UsageError, ZkError when there is no server.
 */
export async function runCli(args: readonly string[]): Promise<number> {
  const { server, options, command } = parseInvocation(args);
  const print = (text: string): void => void process.stdout.write(`${text}\n`);
  const complain = (text: string): void => void process.stderr.write(`${text}\n`);
  await using zk = await ZooKeeper.connect(server, options);
  const terminal = { zk, print, complain };
  if (command.length > 0) return runCommand(terminal, command);
  await prompt(terminal, server);
  return 0;
}
