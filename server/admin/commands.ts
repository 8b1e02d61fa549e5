import { operationWord } from './operation-words.ts';
import type { MonitorValue } from './monitor.ts';
import { decimalText, monitorValues, stateName } from './monitor.ts';
import type { Json } from './pretty-json.ts';
import { Decimal } from './pretty-json.ts';
import type { ConnectionView, LatencyView, ServerView, SizeView } from './server-view.ts';

/** The members of a command's answer, or what is wrong. */
export type CommandAnswer =
  | { readonly values: Readonly<Record<string, Json>> }
  | { readonly error: string };

export interface Command {
  /** The name under which it is listed and answers. */
  readonly name: string;
  readonly aliases: readonly string[];
  /** Whether it answers without quorum too. */
  readonly isAlwaysServed: boolean;
  readonly run: (view: ServerView) => CommandAnswer;
}

/**
 * The commands of the admin server that read, and the two that reset statistics. Snapshot and
 * restore are not among them.
 *
 * Source: four-letter-words, section 3.
 */
export const commands: readonly Command[] = [
  command('configuration', ['conf', 'config'], configuration),
  command('connection_stat_reset', ['crst'], (view) => {
    view.resetConnectionStats();
    return {};
  }),
  command('connections', ['cons'], (view) => ({
    connections: view.connections().map(connection),
    secure_connections: [],
  })),
  command('dirs', [], (view) => {
    const entries = new Map(view.configuration());
    return {
      datadir_size: Number(entries.get('dataDirSize') ?? 0),
      logdir_size: Number(entries.get('dataLogSize') ?? 0),
    };
  }),
  optional('dump', [], dump),
  alwaysServed('environment', ['env', 'envi'], (view) => ({
    'zookeeper.version': view.versionText,
    ...Object.fromEntries(view.environment?.() ?? []),
  })),
  alwaysServed('get_trace_mask', ['gtmk'], () => ({ tracemask: 306 })),
  optional('hash', [], (view) => {
    const digests = view.digests?.();
    return digests === undefined ? null : { digests: digests.map(digestEntry) };
  }),
  command('is_read_only', ['isro'], () => ({ read_only: false })),
  { name: 'leader', aliases: ['lead'], isAlwaysServed: false, run: leader },
  alwaysServed('monitor', ['mntr'], (view) =>
    Object.fromEntries(monitorValues(view).map((value) => [value.key, monitorJson(value)])),
  ),
  command('ruok', [], () => ({})),
  command('server_stats', ['srvr'], serverStats),
  command('stat_reset', ['srst'], (view) => {
    view.resetStats();
    return {};
  }),
  command('stats', ['stat'], (view) => ({
    ...serverStats(view),
    connections: view.connections().map(briefConnection),
    secure_connections: [],
  })),
  command('voting_view', [], votingView),
  optional('watch_summary', ['wchs'], (view) => {
    const { watcherCount, watchPathCount, watchCount } = view.state();
    if (watcherCount === undefined) return null;
    return {
      num_connections: watcherCount,
      num_paths: watchPathCount,
      num_total_watches: watchCount,
    };
  }),
  optional('watches', ['wchc'], (view) => {
    const groups = watchGroups(view, (path, id) => [decimalId(id), path]);
    return groups === null ? null : { session_id_to_watched_paths: groups };
  }),
  optional('watches_by_path', ['wchp'], (view) => {
    const groups = watchGroups(view, (path, id) => [path, BigInt.asIntN(64, BigInt(id))]);
    return groups === null ? null : { path_to_session_ids: groups };
  }),
  alwaysServed('zabstate', [], zabState),
];

const byName: ReadonlyMap<string, Command> = new Map(
  commands.flatMap((each) => [each.name, ...each.aliases].map((name) => [name, each] as const)),
);

const notServing = 'This ZooKeeper instance is not currently serving requests';

/** The whole answer to `GET /commands/NAME`: data first, then `command` and `error`. */
export function runCommand(name: string, view: ServerView): Readonly<Record<string, Json>> {
  const found = byName.get(name);
  if (found === undefined) return { command: name, error: `Unknown command: ${name}` };
  if (!found.isAlwaysServed && !view.state().serving) {
    return { command: found.name, error: notServing };
  }
  const answer = found.run(view);
  if ('error' in answer) return { command: found.name, error: answer.error };
  return { ...answer.values, command: found.name, error: null };
}

type Values = Readonly<Record<string, Json>>;

function command(
  name: string,
  aliases: readonly string[],
  values: (view: ServerView) => Values,
): Command {
  return { name, aliases, isAlwaysServed: false, run: (view) => ({ values: values(view) }) };
}

function alwaysServed(
  name: string,
  aliases: readonly string[],
  values: (view: ServerView) => Values,
): Command {
  return { ...command(name, aliases, values), isAlwaysServed: true };
}

/** A command whose answer the view may not offer. */
function optional(
  name: string,
  aliases: readonly string[],
  valuesOrNull: (view: ServerView) => Values | null,
): Command {
  return {
    name,
    aliases,
    isAlwaysServed: false,
    run(view) {
      const values = valuesOrNull(view);
      return values === null ? { error: 'not offered by this server' } : { values };
    },
  };
}

function configuration(view: ServerView): Values {
  const entries = new Map(view.configuration());
  const numberOf = (key: string): number => Number(entries.get(key) ?? -1);
  return {
    client_port: numberOf('clientPort'),
    data_dir: entries.get('dataDir') ?? null,
    data_log_dir: entries.get('dataLogDir') ?? null,
    tick_time: numberOf('tickTime'),
    max_client_cnxns: numberOf('maxClientCnxns'),
    min_session_timeout: numberOf('minSessionTimeout'),
    max_session_timeout: numberOf('maxSessionTimeout'),
    server_id: numberOf('serverId'),
    client_port_listen_backlog: numberOf('clientPortListenBacklog'),
  };
}

function briefConnection(view: ConnectionView): Values {
  return {
    remote_socket_address: view.remote,
    interest_ops: 1,
    outstanding_requests: view.queued,
    packets_received: view.received,
    packets_sent: view.sent,
  };
}

function connection(view: ConnectionView): Values {
  if (view.sessionId === null) return briefConnection(view);
  return {
    ...briefConnection(view),
    session_id: signed(view.sessionId),
    last_operation: operationWord(view.lastOperation),
    established: Math.round(view.establishedWallMs),
    session_timeout: view.timeoutMs,
    last_cxid: view.lastCxid,
    last_zxid: signed(view.lastZxid),
    last_response_time: Math.round(view.lastResponseMs ?? 0),
    last_latency: Math.round(view.lastLatencyMs),
    ...latencies(view.latency, Math.round(view.latency.avgMs)),
  };
}

function latencies(latency: LatencyView, average: Json): Values {
  return {
    min_latency: Math.round(latency.minMs),
    avg_latency: average,
    max_latency: Math.round(latency.maxMs),
  };
}

function dump(view: ServerView): Values | null {
  const sessions = view.sessions?.();
  if (sessions === undefined || view.visitEphemerals === undefined) return null;
  const expiries: Record<string, Json[]> = {};
  for (const { sessionId, expiresWallMs } of sessions) {
    if (expiresWallMs !== null) (expiries[String(expiresWallMs)] ??= []).push(signed(sessionId));
  }
  const ephemerals: Record<string, Json[]> = {};
  view.visitEphemerals((id, path) => {
    (ephemerals[decimalId(id)] ??= []).push(path);
  });
  return { expiry_time_to_session_ids: expiries, session_id_to_ephemeral_paths: ephemerals };
}

function digestEntry(entry: { readonly zxid: string; readonly digest: bigint }): Values {
  return { zxid: signed(entry.zxid), digest: entry.digest, digest_version: 2 };
}

function leader(view: ServerView): CommandAnswer {
  const state = view.state();
  if (state.role === 'standalone') return { error: 'server is not initialized' };
  const address = state.servers.find((server) => server.sid === state.leader)?.address ?? '';
  const values = {
    is_leader: state.role === 'leading',
    leader_id: state.leader,
    leader_ip: hostOf(address),
  };
  return { values };
}

function serverStats(view: ServerView): Values {
  const state = view.state();
  const counters = view.counters();
  const responses = sizeJson(counters.responseSizes);
  const values = {
    version: view.versionText,
    read_only: false,
    server_stats: {
      packets_sent: counters.packetsSent,
      packets_received: counters.packetsReceived,
      client_response_stats: responses,
      uptime: Math.round(state.uptimeMs),
      last_processed_zxid: signed(state.zxid),
      outstanding_requests: state.outstandingCount,
      server_state: stateName(state),
      ...latencies(view.latency(), new Decimal(decimalText(view.latency().avgMs))),
      num_alive_client_connections: state.connectionCount,
    },
    client_response: responses,
    node_count: state.znodeCount,
  };
  if (state.role !== 'leading') return values;
  return { ...values, proposal_stats: sizeJson(counters.proposalSizes) };
}

function sizeJson(sizes: SizeView | undefined): Json {
  const { last, min, max } = sizes ?? { last: -1, min: -1, max: -1 };
  return { last_buffer_size: last, min_buffer_size: min, max_buffer_size: max };
}

function monitorJson({ value, isFloat }: MonitorValue): Json {
  return isFloat ? new Decimal(decimalText(Number(value))) : value;
}

function votingView(view: ServerView): Values {
  const voters: Record<string, Json> = {};
  for (const { sid, role, address } of view.state().servers) {
    if (role !== 'participant') continue;
    const [host, quorumPort, electionPort] = addressParts(address);
    voters[String(sid)] = {
      server_addresses: [`${host}:${quorumPort}`],
      election_addresses: [`${host}:${electionPort}`],
      client_address: '',
      learner_type: 'PARTICIPANT',
    };
  }
  return { current_config: voters };
}

function watchGroups(
  view: ServerView,
  keyAndItem: (path: string, sessionId: string) => readonly [string, Json],
): Record<string, Json[]> | null {
  if (view.visitWatches === undefined) return null;
  const groups: Record<string, Json[]> = {};
  view.visitWatches((path, sessionId) => {
    const [key, item] = keyAndItem(path, sessionId);
    (groups[key] ??= []).push(item);
  });
  return groups;
}

function zabState(view: ServerView): Values {
  const state = view.state();
  const zxid = BigInt(state.zxid);
  const own = state.servers.find((server) => server.sid === state.sid);
  return {
    myid: state.sid,
    is_leader: state.role === 'leading',
    voting: own?.role === 'participant',
    last_zxid: state.zxid,
    zab_epoch: zxid >> 32n,
    zab_counter: zxid & 0xffffffffn,
    zabstate: state.role === 'standalone' ? '' : state.phase,
  };
}

function signed(hex: string): bigint {
  return BigInt.asIntN(64, BigInt(hex));
}

function decimalId(hex: string): string {
  return signed(hex).toString();
}

/** `host:quorumPort:electionPort`; the host may be IPv6 in brackets. */
function addressParts(address: string): readonly [string, string, string] {
  const [, host = address, quorumPort = '', electionPort = ''] =
    /^(.*):(\d+):(\d+)$/.exec(address) ?? [];
  return [host, quorumPort, electionPort];
}

function hostOf(address: string): string {
  return addressParts(address)[0];
}
