import { ListingRoom } from './listings.ts';
import type { MonitorValue } from './monitor.ts';
import { decimalText, stateName } from './monitor.ts';
import { operationWord } from './operation-words.ts';
import type { Json } from './pretty-json.ts';
import { Decimal } from './pretty-json.ts';
import type { ConnectionView, LatencyView, ServerView, SizeView } from './server-view.ts';

// The members of each command's answer. Source: four-letter-words, section 3.

export type Values = Readonly<Record<string, Json>>;

/** The members of a command's answer, or what is wrong. */
export type CommandAnswer = { readonly values: Values } | { readonly error: string };

export function configuration(view: ServerView): Values {
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

export function connection(view: ConnectionView): Values {
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

export function briefConnection(view: ConnectionView): Values {
  return {
    remote_socket_address: view.remote,
    interest_ops: 1,
    outstanding_requests: view.queued,
    packets_received: view.received,
    packets_sent: view.sent,
  };
}

export function dump(view: ServerView): Values | null {
  const sessions = view.sessions?.();
  if (sessions === undefined || view.visitEphemerals === undefined) return null;
  const expiries: Record<string, Json[]> = {};
  for (const { sessionId, expiresWallMs } of sessions) {
    if (expiresWallMs !== null)
      (expiries[String(Math.round(expiresWallMs))] ??= []).push(signed(sessionId));
  }
  const ephemerals: Record<string, Json[]> = {};
  view.visitEphemerals((id, path) => {
    (ephemerals[decimalId(id)] ??= []).push(path);
  });
  return { expiry_time_to_session_ids: expiries, session_id_to_ephemeral_paths: ephemerals };
}

export function digestEntry(entry: { readonly zxid: string; readonly digest: bigint }): Values {
  return { zxid: signed(entry.zxid), digest: entry.digest, digest_version: 2 };
}

export function leader(view: ServerView): CommandAnswer {
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

export function serverStats(view: ServerView): Values {
  const state = view.state();
  const counters = view.counters();
  const responses = sizeJson(counters.responseSizes);
  const sizes = new Map(view.configuration().map(([key, value]) => [key, Number(value)]));
  const values = {
    version: view.versionText,
    read_only: state.readOnly === true,
    server_stats: {
      packets_sent: counters.packetsSent,
      packets_received: counters.packetsReceived,
      client_response_stats: responses,
      uptime: Math.round(state.uptimeMs),
      provider_null: false,
      data_dir_size: sizes.get('dataDirSize') ?? 0,
      log_dir_size: sizes.get('dataLogSize') ?? 0,
      last_processed_zxid: signed(state.zxid),
      outstanding_requests: state.outstandingCount,
      server_state: stateName(state),
      ...latencies(view.latency(), new Decimal(decimalText(view.latency().avgMs))),
      num_alive_client_connections: state.connectionCount,
      auth_failed_count: counters.authFailures ?? 0,
    },
    client_response: responses,
    node_count: state.znodeCount,
  };
  if (state.role !== 'leading') return values;
  return { ...values, proposal_stats: sizeJson(counters.proposalSizes) };
}

/** Followers that serve observers have some, too. */
export function observers(view: ServerView): Values {
  const all = view.state().learners.filter(({ role }) => role === 'observer');
  return {
    synced_observers: all.filter(({ synced }) => synced).length,
    observers: all.map(({ sid, lastAckedZxid }) => ({ sid, last_zxid: signed(lastAckedZxid) })),
  };
}

export function systemProperties(view: ServerView): Values {
  const entries = [...(view.environment?.() ?? [])];
  return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)));
}

export function monitorJson({ value, isFloat }: MonitorValue): Json {
  return isFloat ? new Decimal(decimalText(Number(value))) : value;
}

export function votingView(view: ServerView): Values {
  const voters: Record<string, Json> = {};
  const state = view.state();
  for (const { sid, role, address } of state.servers) {
    if (role !== 'participant') continue;
    const places = address.split('|').map(addressParts);
    voters[String(sid)] = {
      server_addresses: places.map(([host, quorumPort]) => `${host}:${quorumPort}`),
      election_addresses: places.map(([host, , electionPort]) => `${host}:${electionPort}`),
      client_address: sid === state.sid ? (view.clientAddress?.() ?? '') : '',
      learner_type: 'participant',
    };
  }
  return { current_config: voters };
}

export function watchGroups(
  view: ServerView,
  keyAndItem: (path: string, sessionId: string) => readonly [string, Json],
): { readonly groups: Record<string, Json[]>; readonly isCut: boolean } | null {
  if (view.visitWatches === undefined) return null;
  const groups: Record<string, Json[]> = {};
  const room = new ListingRoom();
  view.visitWatches((path, sessionId) => {
    if (!room.takes(path, sessionId)) return;
    const [key, item] = keyAndItem(path, sessionId);
    (groups[key] ??= []).push(item);
  });
  return { groups, isCut: room.isFull };
}

export function zabState(view: ServerView): Values {
  const state = view.state();
  const zxid = signed(state.zxid);
  const own = state.servers.find((server) => server.sid === state.sid);
  if (state.role === 'standalone') return { voting: false, zabstate: '' };
  const places = (own?.address ?? '').split('|').map(addressParts);
  return {
    myid: state.sid,
    is_leader: state.role === 'leading',
    quorum_address: addressObject(places.map(([host, port]) => [host, port])),
    election_address: addressObject(places.map(([host, , port]) => [host, port])),
    client_address: view.clientAddress?.() ?? '',
    voting: own?.role === 'participant',
    last_zxid: state.zxid,
    zab_epoch: zxid >> 32n,
    zab_counter: zxid & 0xffffffffn,
    zabstate: state.phase,
  };
}

/** What this server can reach is not tried for an answer: every address counts as reachable. */
function addressObject(places: readonly (readonly [host: string, port: string])[]): Json {
  const all = places.map(([host, port]) => `${host}:${port}`);
  const [one = ''] = all;
  return {
    empty: places.length === 0,
    all_addresses: all,
    wildcard_addresses: [...new Set(places.map(([, port]) => `0.0.0.0:${port}`))],
    all_ports: [...new Set(places.map(([, port]) => Number(port)))],
    all_host_strings: [...new Set(places.map(([host]) => host))],
    reachable_address: one,
    all_reachable_addresses: all,
    all_reachable_addresses_or_all: all,
    reachable_or_one: one,
    one,
  };
}

function latencies(latency: LatencyView, average: Json): Values {
  return {
    min_latency: Math.round(latency.minMs),
    avg_latency: average,
    max_latency: Math.round(latency.maxMs),
  };
}

function sizeJson(sizes: SizeView | undefined): Json {
  const { last, min, max } = sizes ?? { last: -1, min: -1, max: -1 };
  return { last_buffer_size: last, min_buffer_size: min, max_buffer_size: max };
}

export function decimalId(hex: string): string {
  return signed(hex).toString();
}

/** `0x` and hex digits; -1 for what is no number, as before the first zxid. */
export function signed(hex: string): bigint {
  return /^0x[0-9a-f]+$/i.test(hex) ? BigInt.asIntN(64, BigInt(hex)) : -1n;
}

/** One `host:quorumPort:electionPort`; the host may be IPv6 in brackets. */
function addressParts(address: string): readonly [string, string, string] {
  const [, host = address, quorumPort = '', electionPort = ''] =
    /^(.*):(\d+):(\d+)$/.exec(address) ?? [];
  return [host, quorumPort, electionPort];
}

function hostOf(address: string): string {
  return addressParts(address.split('|')[0] ?? address)[0];
}
