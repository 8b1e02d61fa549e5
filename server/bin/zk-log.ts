import { parseArgs } from 'node:util';
import type { Zxid } from '../protocol/zxid.ts';
import { createNodeDisk } from '../storage/node-disk.ts';
import { checkLogs, logRanges } from '../tools/log-check.ts';
import { chopLog, dumpLog, recoverLog } from '../tools/log-tool.ts';
import { purge } from '../tools/purge-tool.ts';
import { ToolRefusal, type AsyncWork, type Work } from '../tools/saying.ts';
import { runTool } from './run-tool.ts';

const usage = `usage: zk-log COMMAND

  dump FILE [--from ZXID] [--to ZXID] [-v] [--data]
      Prints the transactions as TxnLogToolkit does. -v adds offset, length, checksum and digest,
      --data the data in base64.
  check FILE|DIR…
      Reads logs as a server does at its start: checksums, transactions, holes, torn ends.
  range FILE|DIR…
      What each log covers: count, first and last zxid, times.
  recover FILE [-y] [-v]
      Writes FILE.fixed with right checksums. Asks for each, unless -y.
  chop FILE -z ZXID
      Writes FILE.chopped<zxid> with the transactions up to that one. FILE stays. Also: truncate.
  purge DATALOGDIR [DATADIR] -n COUNT
      Removes snapshots beyond the newest COUNT (at least 3) that are whole, and logs before them.

Also as TxnLogToolkit: zk-log [-d|-r|-c] [-v] [-y] FILE [-z ZXID]. A ZXID is decimal, or hex behind 0x.
Times are in the zone of the environment (TZ).`;

const options = {
  dump: { type: 'boolean', short: 'd' },
  recover: { type: 'boolean', short: 'r' },
  chop: { type: 'boolean', short: 'c' },
  verbose: { type: 'boolean', short: 'v' },
  yes: { type: 'boolean', short: 'y' },
  help: { type: 'boolean', short: 'h' },
  data: { type: 'boolean' },
  zxid: { type: 'string', short: 'z' },
  from: { type: 'string' },
  to: { type: 'string' },
  count: { type: 'string', short: 'n' },
} as const;

type Values = ReturnType<typeof parse>['values'];

const commands = ['dump', 'check', 'range', 'recover', 'chop', 'truncate', 'purge'];

async function main(): Promise<number> {
  const { values, positionals } = parse();
  if (values.help === true) {
    console.log(usage);
    return 0;
  }
  const [first = '', ...rest] = positionals;
  return commands.includes(first)
    ? runTool(workOf(first, rest, values))
    : runTool(workOf(modeOf(values), positionals, values));
}

function parse(): ReturnType<
  typeof parseArgs<{ options: typeof options; allowPositionals: true }>
> {
  try {
    return parseArgs({ options, allowPositionals: true });
  } catch (error) {
    return refuse((error as Error).message);
  }
}

/** The mode of TxnLogToolkit's options. */
function modeOf(values: Values): string {
  if (values.recover === true) return 'recover';
  return values.chop === true ? 'chop' : 'dump';
}

function workOf(command: string, files: readonly string[], values: Values): Work | AsyncWork {
  const disk = createNodeDisk();
  const isVerbose = values.verbose === true;
  const [file] = files;
  if (file === undefined) return refuse(`${command} needs a file.`);
  switch (command) {
    case 'check':
      return checkLogs(disk, files);
    case 'range':
      return logRanges(disk, files);
    case 'recover':
      return recoverLog(disk, file, { isYes: values.yes === true, isVerbose });
    case 'chop':
    case 'truncate':
      if (values.zxid === undefined) return refuse('chop needs -z ZXID, the last one to keep.');
      return chopLog(disk, file, zxidOf('-z', values.zxid));
    case 'purge':
      if (values.count === undefined) return refuse('purge needs -n COUNT, at least 3.');
      return purge(disk, { dataLogDir: file, dataDir: files[1] ?? file }, countOf(values.count));
    default:
      return dumpLog(disk, file, {
        from: values.from === undefined ? null : zxidOf('--from', values.from),
        to: values.to === undefined ? null : zxidOf('--to', values.to),
        isVerbose,
        withData: values.data === true,
      });
  }
}

function zxidOf(option: string, text: string): Zxid {
  const value = /^(0[xX][0-9a-fA-F]+|\d+)$/.test(text) ? Number(text) : NaN;
  if (Number.isSafeInteger(value)) return value as Zxid;
  return refuse(`${option} ${text} is no zxid: write it in decimal, or in hex behind 0x.`);
}

function countOf(text: string): number {
  if (/^\d+$/.test(text)) return Number(text);
  return refuse(`'${text}' can not be parsed to integer.`);
}

function refuse(problem: string): never {
  throw new ToolRefusal(`${problem}\n\n${usage}`);
}

try {
  process.exitCode = await main();
} catch (error) {
  if (!(error instanceof ToolRefusal)) throw error;
  console.error(error.message);
  process.exitCode = error.exitCode;
}
