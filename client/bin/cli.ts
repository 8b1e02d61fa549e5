import { homedir } from 'node:os';
import { join } from 'node:path';

import type { ConnectOptions } from '../index.ts';
import { UsageError } from './command-line.ts';
import { helpText, Shell } from './shell.ts';

const usage = `usage: zk-cli [-server host:port[,host:port…][/chroot]] [-timeout ms] [-r] [-waitforconnection]
              [-client-configuration file] [command …]

  -server                where to connect to; default localhost:2181
  -timeout               session timeout in ms; default 30000
  -r                     also content with a server that has lost its quorum
  -waitforconnection     asks for commands once there is a session
  -client-configuration  properties of TLS and SASL, zookeeper.ssl.… as the reference names them

Without a command it asks for them, one a line; help lists them.`;

interface Invocation {
  readonly server: string;
  readonly options: ConnectOptions;
  readonly waitsForConnection: boolean;
  /** A file with properties. */
  readonly configuration: string | null;
  /** Empty: ask for commands. */
  readonly command: readonly string[];
}

/** What stands in front of the command; an option that is not known is a command, as there. */
const valued: ReadonlySet<string> = new Set(['-server', '-timeout', '-client-configuration']);
const flags: ReadonlySet<string> = new Set(['-r', '-waitforconnection']);

/** @throws UsageError */
export function parseInvocation(args: readonly string[]): Invocation {
  const values = new Map<string, string>();
  let at = 0;
  for (; at < args.length; at += 1) {
    const name = args[at] ?? '';
    if (flags.has(name)) {
      values.set(name, '');
      continue;
    }
    if (!valued.has(name)) break;
    at += 1;
    const value = args[at];
    if (value === undefined) {
      throw new UsageError(`Error: no argument found for option ${name}\n${usage}`);
    }
    values.set(name, value);
  }
  const sessionTimeoutMs = Number(values.get('-timeout') ?? 30_000);
  if (!Number.isInteger(sessionTimeoutMs) || sessionTimeoutMs < 1) {
    throw new UsageError(`-timeout ${values.get('-timeout')}: it is no number of ms\n${usage}`);
  }
  return {
    server: values.get('-server') ?? 'localhost:2181',
    options: { sessionTimeoutMs, readOnly: values.has('-r') },
    waitsForConnection: values.has('-waitforconnection'),
    configuration: values.get('-client-configuration') ?? null,
    command: args.slice(at),
  };
}

/**
 * The command itself; its exit code.
 *
 * @throws UsageError, ZkError when there is no server.
 */
export async function runCli(args: readonly string[]): Promise<number> {
  if (args[0] === '-help' || args[0] === '--help') {
    process.stdout.write(`${usage}\n\n${helpText()}\n`);
    return 0;
  }
  const { server, options, command, configuration, waitsForConnection } = parseInvocation(args);
  const connectOptions = { ...options, ...(await securityOf(configuration)) };
  if (command.length > 0) return runOne(server, connectOptions, command);
  const isTerminal = process.stdin.isTTY && process.stdout.isTTY;
  const { prompt } = await import('./prompt.ts');
  const { HistoryFile } = await import('./history-file.ts');
  return prompt(server, connectOptions, {
    input: process.stdin,
    output: process.stdout,
    errors: process.stderr,
    isTerminal,
    history: isTerminal ? new HistoryFile(historyPath()) : null,
    waitsForConnection,
  });
}

/** Read where it is asked for alone: a shell without it starts faster. */
async function securityOf(configuration: string | null): Promise<ConnectOptions> {
  const jvmFlags = process.env['CLIENT_JVMFLAGS'] ?? '';
  if (configuration === null && jvmFlags === '') return {};
  const security = await import('./client-security.ts');
  return security.securityOf(configuration, jvmFlags);
}

async function runOne(
  server: string,
  connectOptions: ConnectOptions,
  command: readonly string[],
): Promise<number> {
  const shell = new Shell(server, connectOptions, {
    print: (text) => void process.stdout.write(`${text}\n`),
    complain: (text) => void process.stderr.write(`${text}\n`),
    tellsOfSession: false,
  });
  const code = await shell.run(command);
  await shell.close();
  return code;
}

function historyPath(): string {
  return process.env['ZK_CLI_HISTORY'] ?? join(homedir(), '.zk-cli-history');
}
