import { operationWord } from './operation-words.ts';
import type { ConnectionView, ServerView, SessionView } from './server-view.ts';

/** A listing that would be longer stops here: nobody may ask for memory without bound. Units of text. */
export const listingLengthMax: number = 4 * 1024 * 1024;

/** Stands for the rest of a listing. */
const cutMark = '\t...\n';

/** A line of `cons`. Without a session there is less to say. */
export function connectionLine(connection: ConnectionView): string {
  const { remote, queued, received, sent, sessionId, latency } = connection;
  const head = ` /${remote}[1](queued=${queued},recved=${received},sent=${sent}`;
  if (sessionId === null) return `${head})\n`;
  const cxid = connection.lastCxid >= 0 ? `,lcxid=0x${connection.lastCxid.toString(16)}` : '';
  return (
    `${head},sid=${sessionId},lop=${operationWord(connection.lastOperation)}` +
    `,est=${Math.round(connection.establishedWallMs)},to=${connection.timeoutMs}${cxid}` +
    `,lzxid=${zxidText(connection.lastZxid)},lresp=${Math.round(connection.lastResponseMs ?? 0)}` +
    `,llat=${Math.round(connection.lastLatencyMs)},minlat=${Math.round(latency.minMs)}` +
    `,avglat=${Math.round(latency.avgMs)},maxlat=${Math.round(latency.maxMs)})\n`
  );
}

/** `dump`: sessions, their ephemerals, connections. `null`: the view shows no sessions. */
export function dumpText(view: ServerView): string | null {
  const sessions = view.sessions?.();
  if (sessions === undefined || view.visitEphemerals === undefined) return null;
  const { role } = view.state();
  const decides = role === 'leading' || role === 'standalone';
  const listed = sessionsText(sessions, view.localSessions?.() ?? null, decides);
  return `${listed}${ephemeralsText(view)}${connectionsText(view.connections())}`;
}

/** `wchc`: paths by session. */
export function watchesBySessionText(view: ServerView): string | null {
  return watchesText(view, (path, sessionId) => [sessionId, path]);
}

/** `wchp`: sessions by path. */
export function watchesByPathText(view: ServerView): string | null {
  return watchesText(view, (path, sessionId) => [path, sessionId]);
}

/** `EEE MMM dd HH:mm:ss zzz yyyy`, in UTC. */
export function dateText(wallMs: number): string {
  const [weekday = '', day, month, year, time] = new Date(wallMs).toUTCString().split(' ');
  return `${weekday.slice(0, 3)} ${month} ${day} ${time} UTC ${year}`;
}

/** No zxid yet is -1, and shown in all 64 bits. */
function zxidText(hex: string): string {
  return hex === '0x-1' ? '0xffffffffffffffff' : hex;
}

/** A member that decides on expiry lists by it, any other by id. On its own it always decides. */
function sessionsText(
  sessions: readonly SessionView[],
  locals: readonly SessionView[] | null,
  decides: boolean,
): string {
  let head = 'SessionTracker dump:\n';
  if (locals !== null) head += sessionSetsText('Local Session Sets', locals);
  if (!decides || sessions.some((session) => session.expiresWallMs === null)) {
    const lines = sessions
      .map(({ sessionId, timeoutMs }) => `${sessionId}\t${timeoutMs}ms\n`)
      .sort((a, b) => a.length - b.length || (a < b ? -1 : 1));
    return `${head}Global Sessions(${sessions.length}):\n${lines.join('')}`;
  }
  return head + sessionSetsText(locals === null ? 'Session Sets' : 'Global Session Sets', sessions);
}

function sessionSetsText(name: string, sessions: readonly SessionView[]): string {
  const buckets = Map.groupBy(sessions, (session) => session.expiresWallMs ?? 0);
  const times = [...buckets.keys()].sort((a, b) => a - b);
  let text = `${name} (${times.length})/(${sessions.length}):\n`;
  for (const time of times) {
    const due = buckets.get(time) ?? [];
    text += `${due.length} expire at ${dateText(time)}:\n`;
    for (const { sessionId } of due) text += `\t${sessionId}\n`;
  }
  return text;
}

function ephemeralsText(view: ServerView): string {
  const bySession = new Map<string, string[]>();
  view.visitEphemerals?.((sessionId, path) => {
    const paths = bySession.get(sessionId);
    if (paths === undefined) bySession.set(sessionId, [path]);
    else paths.push(path);
  });
  const head = `ephemeral nodes dump:\nSessions with Ephemerals (${bySession.size}):\n`;
  return `${head}${groupsText(bySession, ':')}`;
}

function connectionsText(connections: readonly ConnectionView[]): string {
  let text = `Connections dump:\nConnections Sets (1)/(${connections.length}):\n`;
  for (const { remote, sessionId } of connections) {
    text += `\tip: /${remote} sessionId: ${sessionId ?? '0x0'}\n`;
  }
  return text;
}

function watchesText(
  view: ServerView,
  keyAndItem: (path: string, sessionId: string) => readonly [string, string],
): string | null {
  if (view.visitWatches === undefined) return null;
  const groups = new Map<string, string[]>();
  const room = new ListingRoom();
  view.visitWatches((path, sessionId) => {
    if (!room.takes(path, sessionId)) return;
    const [key, item] = keyAndItem(path, sessionId);
    const items = groups.get(key);
    if (items === undefined) groups.set(key, [item]);
    else items.push(item);
  });
  const text = groupsText(groups, '');
  return room.isFull && !text.endsWith(cutMark) ? `${text}${cutMark}\n` : `${text}\n`;
}

/** What may be collected for one listing: beyond it nothing is kept. */
export class ListingRoom {
  isFull = false;
  #length = 0;

  takes(path: string, sessionId: string): boolean {
    if (this.#length > listingLengthMax) this.isFull = true;
    else this.#length += path.length + sessionId.length;
    return !this.isFull;
  }
}

function groupsText(groups: ReadonlyMap<string, readonly string[]>, behindKey: string): string {
  let text = '';
  for (const [key, items] of groups) {
    text += `${key}${behindKey}\n`;
    for (const item of items) {
      if (text.length > listingLengthMax) return `${text}${cutMark}`;
      text += `\t${item}\n`;
    }
  }
  return text;
}
