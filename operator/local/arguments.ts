import { parseArgs } from 'node:util';

export interface LocalArguments {
  readonly stateDir: string;
  /** `null`: the port of the last run, or any free one. */
  readonly port: number | null;
  /** `null`: the smallest ensemble, where there is none yet. */
  readonly file: string | null;
  readonly isHelp: boolean;
}

/** A command line that means nothing. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

export const usage = `Usage: zke [up] [options]        (or: npm start -- [options])

Starts a small Kubernetes on this machine, the ZkEnsemble operator, and an ensemble whose
members run as local processes. Ctrl-C stops everything; the next start finds the data again.

Options:
  -f, --file FILE       apply this file; default: ensemble.yaml, where there is no ensemble yet
      --state-dir DIR   where objects, volumes and logs live; default: .zkensemble
      --port PORT       port of the Kubernetes API on 127.0.0.1; default: that of the last run
  -h, --help            show this
`;

/** @throws UsageError that says which word is wrong. */
export function parseArguments(words: readonly string[]): LocalArguments {
  let parsed;
  try {
    parsed = parseArgs({
      args: [...words],
      allowPositionals: true,
      options: {
        file: { type: 'string', short: 'f' },
        'state-dir': { type: 'string' },
        port: { type: 'string' },
        help: { type: 'boolean', short: 'h' },
      },
    });
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
  const { values, positionals } = parsed;
  const [command = 'up', extra] = positionals;
  if (extra !== undefined) throw new UsageError(`unexpected word "${extra}"`);
  if (command !== 'up' && command !== 'help') {
    throw new UsageError(`no command "${command}": there is up`);
  }
  if (values['state-dir'] === '') throw new UsageError('--state-dir needs a directory');
  return {
    stateDir: values['state-dir'] ?? '.zkensemble',
    port: values.port === undefined ? null : portOf(values.port),
    file: values.file ?? null,
    isHelp: values.help === true || command === 'help',
  };
}

function portOf(text: string): number {
  const port = Number(text);
  if (Number.isInteger(port) && port >= 1 && port <= 65_535) return port;
  throw new UsageError(`--port ${text}: must be a number from 1 to 65535`);
}
