import { readFileSync } from 'node:fs';

import { ZkError } from '../index.ts';
import { Arguments, UsageError } from './command-line.ts';
import { errorText, statText } from './format.ts';
import { watchOption } from './terminal.ts';
import type { Command, Terminal } from './terminal.ts';

/** The ensemble's members, and changes of them. */
export const memberCommands: Readonly<Record<string, Command>> = {
  config: { usage: 'config [-c] [-w] [-s]', run: config },
  reconfig: {
    usage:
      'reconfig [-s] [-v version] [[-file path] | ' +
      '[-members serverID=host:port1:port2;port3[,...]*]] | ' +
      '[-add serverId=host:port1:port2;port3[,...]]* [-remove serverId[,...]*]',
    run: reconfig,
  },
};

async function config(terminal: Terminal, words: readonly string[]): Promise<void> {
  const args = new Arguments(words, ['s', 'w', 'c']);
  const { data, stat } = await terminal.zk.getConfig(watchOption(terminal, args.has('w')));
  const text = data?.toString() ?? 'null';
  terminal.print(args.has('c') ? clientText(text) : text);
  if (args.has('s')) terminal.print(statText(stat));
}

/** `version host:port,host:port`; who has no address for clients leaves a gap, as there. */
function clientText(text: string): string {
  const version = /^version=(.*)$/m.exec(text)?.[1] ?? '';
  const hosts = [...text.matchAll(/^server\.\d+=([^;\n]*)(?:;([^\n]*))?$/gm)].map(
    ([, server = '', client = '']) => {
      if (client === '' || client.includes(':')) return client;
      const host = /^(\[[^\]]*\]|[^:]*):/.exec(server)?.[1] ?? '';
      return `${host}:${client}`;
    },
  );
  return `${version} ${hosts.join(',')}`;
}

async function reconfig({ zk, print }: Terminal, words: readonly string[]): Promise<void> {
  const args = new Arguments(words, ['s'], ['v', 'add', 'remove', 'members', 'file']);
  const [joining, leaving, listed] = ['add', 'remove', 'members'].map((name) => args.value(name));
  const file = args.value('file');
  const members = listed ?? (file === undefined ? undefined : membersIn(file));
  if (members !== undefined && (joining !== undefined || leaving !== undefined)) {
    throw new UsageError(
      "Can't use -file or -members together with -add or -remove " +
        '(mixing incremental and non-incremental modes is not allowed)',
    );
  }
  if (listed !== undefined && file !== undefined) {
    throw new UsageError(
      "Can't use -file and -members together (conflicting non-incremental modes)",
    );
  }
  if (members === undefined && joining === undefined && leaving === undefined) {
    throw new UsageError();
  }
  const version = args.value('v');
  if (version !== undefined && !/^[0-9a-f]+$/i.test(version)) {
    throw new UsageError(`-v ${version} is no version: the hexadecimal number behind version=`);
  }
  const change = {
    ...(joining === undefined ? {} : { joining }),
    ...(leaving === undefined ? {} : { leaving }),
    ...(members === undefined ? {} : { members }),
    ...(version === undefined ? {} : { version: Number.parseInt(version, 16) as never }),
  };
  const node = await zk.reconfig(change).catch(withoutPath);
  print(`Committed new configuration:\n${node.data?.toString() ?? 'null'}`);
  if (args.has('s')) print(statText(node.stat));
}

/** The reference names no path here; what is wrong is about the members. */
function withoutPath(error: unknown): never {
  if (!(error instanceof ZkError)) throw error;
  throw new UsageError(errorText(error).replace(error.path ?? '', ''));
}

/** The server lines of a file, as a list. @throws UsageError */
function membersIn(file: string): string {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw new UsageError(`Error processing ${file}: ${(error as Error).message}`);
  }
  const lines = text.split('\n').map((line) => line.trim());
  const members = lines.filter((line) => line.startsWith('server.'));
  if (members.length > 0) return members.join(',');
  throw new UsageError(`Error processing ${file}: it has no line server.N=host:port:port;port`);
}
