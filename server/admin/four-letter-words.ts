import { connectionLine, dumpText, watchesByPathText, watchesBySessionText } from './listings.ts';
import { decimalText, isAnswering, monitorValues, stateName } from './monitor.ts';
import type { MemberState, ServerView } from './server-view.ts';

/** Source: four-letter-words, section 1. */
export const fourLetterWords: ReadonlySet<string> = new Set(
  'conf cons crst dirs dump envi gtmk hash isro mntr ruok srst srvr stat stmk wchc wchp wchs'.split(
    ' ',
  ),
);

/** Answered also while the server has no quorum. */
const alwaysServed: ReadonlySet<string> = new Set(['ruok', 'envi', 'gtmk', 'stmk', 'isro']);

/** The reference's mask at start. Nothing here traces, so nothing changes it. */
const traceMask = '306';

const notServing = 'This ZooKeeper instance is not currently serving requests';

/**
 * The text that answers a four-letter word; the connection is closed after it. Empty for a word
 * that does not exist: closed without a word.
 *
 * `enabled` is `4lw.commands.whitelist`, with `*` for all; `srvr` always is. A word that the view
 * cannot answer for is not executed either.
 */
export function answerFourLetterWord(
  word: string,
  view: ServerView,
  enabled: ReadonlySet<string>,
): string {
  if (!fourLetterWords.has(word)) return '';
  if (!isEnabled(word, enabled)) return refusal(word);
  if (!alwaysServed.has(word) && !isAnswering(view.state())) {
    return word === 'hash' ? notServing : `${notServing}\n`;
  }
  return answerOf(word, view) ?? refusal(word);
}

function isEnabled(word: string, enabled: ReadonlySet<string>): boolean {
  return word === 'srvr' || enabled.has(word) || enabled.has('*');
}

function refusal(word: string): string {
  return `${word} is not executed because it is not in the whitelist.\n`;
}

/** `null`: the view has no answer. */
function answerOf(word: string, view: ServerView): string | null {
  switch (word) {
    case 'ruok':
      return 'imok';
    case 'isro':
      return readOnlyText(view.state());
    case 'srvr':
      return `${versionLine(view)}${serverLines(view)}`;
    case 'stat':
      return statText(view);
    case 'mntr':
      return monitorText(view);
    case 'conf':
      return configurationText(view);
    case 'cons':
      return `${view.connections().map(connectionLine).join('')}\n`;
    case 'crst':
      view.resetConnectionStats();
      return 'Connection stats reset.\n';
    case 'srst':
      view.resetStats();
      return 'Server stats reset.\n';
    case 'dump':
      return dumpText(view);
    case 'envi':
      return environmentText(view);
    case 'wchs':
      return watchSummaryText(view);
    case 'wchc':
      return watchesBySessionText(view);
    case 'wchp':
      return watchesByPathText(view);
    case 'dirs':
      return directoriesText(view);
    case 'hash':
      return digestsText(view);
    default:
      return traceMask;
  }
}

function readOnlyText(state: MemberState): string {
  if (state.serving) return 'rw';
  return state.readOnly === true ? 'ro' : 'null';
}

function versionLine(view: ServerView): string {
  const line = `Zookeeper version: ${view.versionText}\n`;
  return view.state().readOnly === true
    ? `${line}READ-ONLY mode; serving only read-only clients\n`
    : line;
}

/** From Latency on: what `srvr` and `stat` share. */
function serverLines(view: ServerView): string {
  const state = view.state();
  const latency = view.latency();
  const counters = view.counters();
  const average = decimalText(latency.avgMs);
  let text =
    `Latency min/avg/max: ${Math.round(latency.minMs)}/${average}/${Math.round(latency.maxMs)}\n` +
    `Received: ${counters.packetsReceived}\n` +
    `Sent: ${counters.packetsSent}\n` +
    `Connections: ${state.connectionCount}\n` +
    `Outstanding: ${state.outstandingCount}\n` +
    `Zxid: ${state.zxid}\n` +
    `Mode: ${stateName(state)}\n` +
    `Node count: ${state.znodeCount}\n`;
  if (state.role === 'leading') {
    const { last, min, max } = counters.proposalSizes ?? { last: -1, min: -1, max: -1 };
    text += `Proposal sizes last/min/max: ${last}/${min}/${max}\n`;
  }
  return text;
}

function statText(view: ServerView): string {
  let text = `${versionLine(view)}Clients:\n`;
  for (const connection of view.connections()) {
    const { remote, queued, received, sent } = connection;
    text += ` /${remote}[1](queued=${queued},recved=${received},sent=${sent})\n`;
  }
  return `${text}\n${serverLines(view)}`;
}

function monitorText(view: ServerView): string {
  let text = '';
  for (const { key, value, isFloat } of monitorValues(view)) {
    text += `zk_${key}\t${isFloat ? decimalText(Number(value)) : value}\n`;
  }
  return text;
}

function configurationText(view: ServerView): string {
  const text = view
    .configuration()
    .map(([key, value]) => `${key}=${value}\n`)
    .join('');
  const membership = view.state().readOnly === true ? '' : (view.membership?.() ?? '');
  return membership === '' ? text : `${text}membership: \n${membership}`;
}

function environmentText(view: ServerView): string {
  const entries = view.environment?.() ?? [];
  let text = `Environment:\nzookeeper.version=${view.versionText}\n`;
  for (const [key, value] of entries) text += `${key}=${value}\n`;
  return text;
}

function watchSummaryText(view: ServerView): string | null {
  const state: MemberState = view.state();
  if (state.watcherCount === undefined) return null;
  return (
    `${state.watcherCount} connections watching ${state.watchPathCount} paths\n` +
    `Total watches:${state.watchCount}\n`
  );
}

function directoriesText(view: ServerView): string {
  const entries = new Map(view.configuration());
  const data = entries.get('dataDirSize') ?? '0';
  const log = entries.get('dataLogSize') ?? '0';
  return `datadir_size: ${data}\nlogdir_size: ${log}\n`;
}

function digestsText(view: ServerView): string | null {
  const digests = view.digests?.();
  if (digests === undefined) return null;
  return digests.map(({ zxid, digest }) => `${zxid.replace(/^0x/, '')}: ${digest}\n`).join('');
}
