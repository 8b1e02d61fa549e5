import { parseArgs } from 'node:util';
import { createNodeDisk } from '../storage/node-disk.ts';
import { ToolRefusal, type AsyncWork } from '../tools/saying.ts';
import { checkSnapshots } from '../tools/snapshot-check.ts';
import { compareSnapshots, dumpSnapshot, summarizeSnapshot } from '../tools/snapshot-tool.ts';
import { runTool } from './run-tool.ts';

const usage = `usage: zk-snapshot COMMAND

  dump FILE [-d|--data] [-json|--json]
      Prints nodes and sessions as SnapshotFormatter does. -d prints data in base64 instead of its
      length, -json names and sizes in the form that ncdu reads.
  summary FILE PATH DEPTH
      What the subtree at PATH holds, as SnapshotRecursiveSummary does; 0: down to the last level.
  compare -l LEFT -r RIGHT -b BYTES -n NODES [-d]
      Nodes that differ by more than BYTES of data or NODES descendants, as SnapshotComparer does.
  check FILE|DIR…
      Reads snapshots as a server does at its start: records, checksums.

Also as SnapshotFormatter: zk-snapshot [-d|-json] FILE. Compressed files are read as they are.
Times are in the zone of the environment (TZ).`;

const options = {
  data: { type: 'boolean', short: 'd' },
  json: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
  left: { type: 'string', short: 'l' },
  right: { type: 'string', short: 'r' },
  bytes: { type: 'string', short: 'b' },
  nodes: { type: 'string', short: 'n' },
  debug: { type: 'boolean' },
} as const;

type Values = ReturnType<typeof parse>['values'];

const commands = ['dump', 'summary', 'compare', 'check'];

/** As the reference's tool ends for wrong arguments. */
const exitUsage = 2;

async function main(): Promise<number> {
  const { values, positionals } = parse();
  if (values.help === true) {
    console.log(usage);
    return 0;
  }
  const [first = '', ...rest] = positionals;
  return commands.includes(first)
    ? runTool(workOf(first, rest, values))
    : runTool(workOf('dump', positionals, values));
}

function parse(): ReturnType<
  typeof parseArgs<{ options: typeof options; allowPositionals: true }>
> {
  // The reference writes this one with a single dash.
  const args = process.argv.slice(2).map((arg) => (arg === '-json' ? '--json' : arg));
  try {
    return parseArgs({ args, options, allowPositionals: true });
  } catch (error) {
    return refuse((error as Error).message);
  }
}

function workOf(command: string, words: readonly string[], values: Values): AsyncWork {
  const [file, start, depth] = words;
  if (command === 'compare') return compareOf(values);
  if (file === undefined) return refuse(`${command} needs a snapshot file.`);
  switch (command) {
    case 'check':
      return checkSnapshots(createNodeDisk(), words);
    case 'summary':
      if (start === undefined) return refuse('summary needs the path of a node to start from.');
      return summarizeSnapshot(file, start, integerOf('DEPTH', depth));
    default:
      return dumpSnapshot(
        file,
        values.json === true ? 'json' : values.data === true ? 'data' : 'text',
      );
  }
}

function compareOf(values: Values): AsyncWork {
  const { left, right } = values;
  const required = { l: left, r: right, b: values.bytes, n: values.nodes };
  const missing = Object.entries(required).filter(([, value]) => value === undefined);
  if (left === undefined || right === undefined || missing.length > 0) {
    return refuse(`Missing required options: ${missing.map(([name]) => name).join(', ')}`);
  }
  return compareSnapshots(left, right, {
    bytesMax: integerOf('-b', values.bytes),
    nodesMax: integerOf('-n', values.nodes),
    isVerbose: values.data === true || values.debug === true,
  });
}

function integerOf(name: string, text: string | undefined): number {
  const value = /^-?\d+$/.test(text ?? '') ? Number(text) : NaN;
  if (Number.isSafeInteger(value)) return value;
  return refuse(`${name} ${text ?? ''} is no number: write it in decimal.`);
}

function refuse(problem: string): never {
  throw new ToolRefusal(`${problem}\n\n${usage}`, exitUsage);
}

try {
  process.exitCode = await main();
} catch (error) {
  if (!(error instanceof ToolRefusal)) throw error;
  console.error(error.message);
  process.exitCode = error.exitCode;
}
