import { ZkError, ZooKeeper } from '../index.ts';
import type { ConnectOptions, SessionState, WatchEvent, WatchKind } from '../index.ts';
import { UsageError, wordsOf } from './command-line.ts';
import { commands } from './commands.ts';
import { errorText, eventText, watcherText } from './format.ts';
import { sessionCommands } from './session-commands.ts';
import type { Terminal } from './terminal.ts';

/** Exit codes, as the reference's command has them. */
const exitFailed = 1;
const exitUnknownCommand = 127;

/** What the last session of a shell is: as in the prompt. */
export type ShellState = 'CONNECTING' | 'CONNECTED' | 'CONNECTEDREADONLY' | 'CLOSED';

export interface ShellOptions {
  readonly print: (text: string) => void;
  readonly complain: (text: string) => void;
  /** Whether events of the session are told, as they are where commands are asked for. */
  readonly tellsOfSession: boolean;
  /** The state has changed. */
  readonly onState?: () => void;
}

const removedTypes: readonly (readonly [string, readonly WatchKind[]])[] = [
  ['DataWatchRemoved', ['data', 'exist']],
  ['ChildWatchRemoved', ['child']],
  ['PersistentWatchRemoved', ['persistent', 'recursive']],
];

/** Commands run here, in a session that they may end and begin anew. */
export class Shell {
  printsWatches: boolean = true;
  isQuitting: boolean = false;
  /** Every line that was run; a line that ran another one stands for that. */
  readonly history: string[] = [];
  #server: string;
  readonly #connectOptions: ConnectOptions;
  readonly #options: ShellOptions;
  #zk: ZooKeeper | null = null;
  #connecting: Promise<ZooKeeper> | null = null;
  #givingUp: AbortController = new AbortController();
  #isClosed = false;
  #exitCode = 0;

  constructor(server: string, connectOptions: ConnectOptions, options: ShellOptions) {
    this.#server = server;
    this.#connectOptions = connectOptions;
    this.#options = options;
  }

  get server(): string {
    return this.#server;
  }

  get state(): ShellState {
    if (this.#isClosed) return 'CLOSED';
    if (this.#zk?.state !== 'connected') return 'CONNECTING';
    return this.#zk.isReadOnly ? 'CONNECTEDREADONLY' : 'CONNECTED';
  }

  /** Of the last command; `quit` and the like leave it. */
  get exitCode(): number {
    return this.#exitCode;
  }

  /** The session as it is now, for what can do without. */
  get zkIfConnected(): ZooKeeper | null {
    return this.#zk?.state === 'connected' ? this.#zk : null;
  }

  print(text: string): void {
    this.#options.print(text);
  }

  complain(text: string): void {
    this.#options.complain(text);
  }

  /**
   * The session; begun with the first call, and again where that has failed.
   *
   * @throws ZkError CONNECTION_LOSS
   */
  connected(): Promise<ZooKeeper> {
    this.#connecting ??= this.#connect().catch((error: unknown) => {
      this.#connecting = null;
      throw error;
    });
    return this.#connecting;
  }

  /** Ends the session there is, and begins one with that server or the one from before. */
  async reconnect(server: string = this.#server): Promise<void> {
    await this.close();
    this.#server = server;
    this.#isClosed = false;
    this.#options.onState?.();
    await this.connected();
  }

  /** Ends the session; commands are refused until {@link reconnect}. */
  async close(): Promise<void> {
    this.#isClosed = true;
    const connecting = this.#connecting;
    this.#givingUp.abort();
    const zk = await connecting?.catch(() => null);
    this.#connecting = null;
    await zk?.close();
    this.#zk = null;
    this.#options.onState?.();
  }

  /** Runs a line and remembers it; an empty one is nothing. */
  async runLine(line: string): Promise<void> {
    if (line === '') return;
    this.history.push(line);
    const words = wordsOf(line);
    // As the reference has it, a line of blanks is no command either.
    await this.run(words.length === 0 ? [line] : words);
  }

  /** Runs one command; the exit code. What failed has said so. */
  async run(words: readonly string[]): Promise<number> {
    const [name = '', ...args] = words;
    if (name === 'help') {
      this.print(helpText());
      return (this.#exitCode = 0);
    }
    const ofSession = Object.hasOwn(sessionCommands, name) ? sessionCommands[name] : undefined;
    const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
    if (ofSession === undefined && command === undefined) {
      this.complain(`${helpText()}\nCommand not found: Command not found ${name}`);
      return (this.#exitCode = exitUnknownCommand);
    }
    try {
      if (ofSession !== undefined) {
        const code = await ofSession.run(this, args);
        if (code !== null) this.#exitCode = code;
      } else if (this.#isClosed) {
        this.print('Not connected');
      } else {
        await command?.run(this.#terminal(await this.connected()), args);
        this.#exitCode = 0;
      }
    } catch (error) {
      this.complain(failureText(error, ofSession ?? command));
      this.#exitCode = exitFailed;
    }
    return this.#exitCode;
  }

  async #connect(): Promise<ZooKeeper> {
    this.#givingUp = new AbortController();
    const { signal } = this.#givingUp;
    const zk = await ZooKeeper.connect(this.#server, { ...this.#connectOptions, signal });
    this.#zk = zk;
    this.#tell('connected', zk);
    zk.onState((state) => this.#tell(state, zk));
    return zk;
  }

  #tell(state: SessionState, zk: ZooKeeper): void {
    const name = {
      connecting: 'Disconnected',
      connected: zk.isReadOnly ? 'ConnectedReadOnly' : 'SyncConnected',
      suspended: 'Disconnected',
      expired: 'Expired',
      closed: 'Closed',
    }[state];
    if (state === 'expired' || state === 'closed') this.#isClosed = true;
    if (this.#options.tellsOfSession && this.printsWatches)
      this.print(watcherText(name, 'None', null));
    this.#options.onState?.();
  }

  #terminal(zk: ZooKeeper): Terminal {
    return {
      zk,
      print: this.#options.print,
      complain: this.#options.complain,
      watch: this.#watch,
      removed: (path, kinds) => this.#tellRemoved(path, kinds),
    };
  }

  /** One for all, so that a change is told once however often it was asked for. */
  readonly #watch = (event: WatchEvent): void => {
    if (this.printsWatches) this.print(eventText(event));
  };

  #tellRemoved(path: string, kinds: readonly WatchKind[]): void {
    if (!this.printsWatches) return;
    for (const [type, ofType] of removedTypes) {
      const isRemoved = ofType.some((kind) => kinds.includes(kind));
      if (isRemoved) this.print(watcherText('SyncConnected', type, path));
    }
  }
}

/** @throws what is no failure of a command */
export function failureText(
  error: unknown,
  command?: { readonly usage: string; readonly optionHelp?: string },
): string {
  if (error instanceof ZkError) return errorText(error);
  if (!(error instanceof UsageError)) throw error;
  if (error.message !== '') return error.message;
  const help = command?.optionHelp === undefined ? '' : `\n${command.optionHelp}`;
  return `${command?.usage}${help}`;
}

/** Usages in the order of the reference's own list. */
export function helpText(): string {
  const all = [...Object.values(commands), ...Object.values(sessionCommands)];
  const usages = all.map(({ usage }) => `\t${usage}`).sort((a, b) => (a < b ? -1 : 1));
  return [
    'ZooKeeper -server host:port -client-configuration properties-file cmd args',
    ...usages,
  ].join('\n');
}
