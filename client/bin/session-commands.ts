import { Arguments, UsageError, wordsOf } from './command-line.ts';
import type { Shell } from './shell.ts';

/** A command about the shell itself; it needs no server. */
export interface SessionCommand {
  readonly usage: string;
  /** The exit code; `null` leaves that of the command before. */
  readonly run: (shell: Shell, words: readonly string[]) => Promise<number | null>;
}

/** So many lines back, besides the last one. */
const historyLines = 10;

/** Protocol and words are of this version of the reference. */
const versionText = 'ZooKeeper CLI version: 3.9.5-zkensemble';

export const sessionCommands: Readonly<Record<string, SessionCommand>> = {
  close: { usage: 'close ', run: close },
  connect: { usage: 'connect host:port', run: connect },
  history: { usage: 'history ', run: history },
  printwatches: { usage: 'printwatches on|off', run: printWatches },
  quit: { usage: 'quit ', run: quit },
  redo: { usage: 'redo cmdno', run: redo },
  version: { usage: 'version ', run: version },
};

async function close(shell: Shell): Promise<number> {
  await shell.close();
  return 0;
}

async function connect(shell: Shell, words: readonly string[]): Promise<number> {
  await shell.reconnect(words[0]);
  return 0;
}

async function history(shell: Shell): Promise<number> {
  const from = Math.max(shell.history.length - 1 - historyLines, 0);
  const lines = shell.history.slice(from).map((line, index) => `${from + index} - ${line}`);
  if (lines.length > 0) shell.print(lines.join('\n'));
  return 0;
}

async function printWatches(shell: Shell, words: readonly string[]): Promise<number> {
  const [wanted] = words;
  if (wanted === undefined) shell.print(`printwatches is ${shell.printsWatches ? 'on' : 'off'}`);
  else shell.printsWatches = wanted === 'on';
  return 0;
}

async function quit(shell: Shell): Promise<null> {
  shell.isQuitting = true;
  await shell.close();
  return null;
}

async function redo(shell: Shell, words: readonly string[]): Promise<number> {
  const text = new Arguments(words, []).at(0);
  if (!/^\d+$/.test(text)) throw new UsageError(`redo ${text}: it is no number of a command`);
  // Without lines before, a command that was given to the program has no place of its own.
  const line = Number(text) < shell.history.length - 1 ? shell.history[Number(text)] : undefined;
  if (line === undefined) throw new UsageError('Command index out of range');
  shell.history[shell.history.length - 1] = line;
  return shell.run(wordsOf(line));
}

async function version(shell: Shell): Promise<number> {
  shell.print(versionText);
  return 0;
}
