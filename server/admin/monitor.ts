import type { Counters, MemberState, ServerView, SizeView, TimingView } from './server-view.ts';

/** One line of `mntr`, one member of the `monitor` command. */
export interface MonitorValue {
  /** Without the prefix `zk_`. */
  readonly key: string;
  readonly value: number | string;
  /** Printed with a fraction always: `0.0`. */
  readonly isFloat: boolean;
}

/**
 * What `mntr` shows, under the reference's keys. Only what this server measures: a key that is
 * absent was not measured, it is not zero.
 *
 * Source: four-letter-words, section 2, mntr.
 */
export function monitorValues(view: ServerView): MonitorValue[] {
  const state = view.state();
  const values: MonitorValue[] = [
    text('version', view.versionText),
    text('server_state', stateName(state)),
  ];
  if (state.role !== 'standalone' && state.readOnly !== true) {
    values.push(text('peer_state', `${state.role} - ${state.phase}`));
  }
  const master = state.observerMaster ?? state.leader;
  if (state.role === 'observing' && master !== null) {
    values.push(whole('observer_master_id', master));
  }
  const counters = view.counters();
  values.push(...gauges(view, state, counters));
  if (state.role === 'leading') values.push(...leaderGauges(state, counters));
  if (state.role === 'following' && state.servesObservers === true) {
    values.push(whole('synced_observers', syncedObservers(state)));
  }
  values.push(...totals(counters));
  for (const [name, timing] of view.timings?.() ?? []) values.push(...timingValues(name, timing));
  return values;
}

/** Whether clients get answers: all of them, or those that only read. */
export function isAnswering(state: MemberState): boolean {
  return state.serving || state.readOnly === true;
}

/** `srvr`'s Mode, `mntr`'s server_state. */
export function stateName(state: MemberState): string {
  if (state.readOnly === true) return 'read-only';
  switch (state.role) {
    case 'standalone':
    case 'looking':
      break;
    case 'leading':
      return 'leader';
    case 'following':
      return 'follower';
    case 'observing':
      return 'observer';
  }
  return state.role;
}

/** At least one digit behind the point, at most `digits`: `0.0`, `2.5`, `4.1429`. */
export function decimalText(value: number, digits: number = 4): string {
  const rounded = Number(value.toFixed(digits));
  return Number.isInteger(rounded) ? `${rounded}.0` : String(rounded);
}

/** How many servers of the configuration vote. */
export function votersCount(state: MemberState): number {
  return state.servers.filter((server) => server.role === 'participant').length;
}

function gauges(view: ServerView, state: MemberState, counters: Counters): MonitorValue[] {
  const latency = view.latency();
  const responses = sizes('client_response_size', counters.responseSizes);
  const values = [
    whole('approximate_data_size', state.approximateDataBytes),
    whole('auth_failed_count', counters.authFailures ?? 0),
    float('avg_latency', latency.avgMs),
    whole('max_latency', latency.maxMs),
    whole('min_latency', latency.minMs),
    float('connection_drop_probability', 0),
    whole('ephemerals_count', state.ephemeralCount),
    whole('global_sessions', state.sessionCount),
    whole('local_sessions', state.localSessionCount ?? 0),
    whole('num_alive_connections', state.connectionCount),
    whole('outstanding_requests', state.outstandingCount),
    whole('packets_received', counters.packetsReceived),
    whole('packets_sent', counters.packetsSent),
    whole('uptime', state.uptimeMs),
    whole('watch_count', state.watchCount),
    whole('znode_count', state.znodeCount),
    ...responses,
  ];
  const descriptors = view.descriptors?.() ?? null;
  if (descriptors !== null) {
    values.push(whole('open_file_descriptor_count', descriptors.open));
    values.push(whole('max_file_descriptor_count', descriptors.max));
  }
  const isMember = state.role !== 'standalone' && state.readOnly !== true;
  if (isMember) values.push(whole('quorum_size', votersCount(state)));
  return values;
}

function leaderGauges(state: MemberState, counters: Counters): MonitorValue[] {
  const synced = state.learners.filter((learner) => learner.synced);
  const followers = synced.filter((learner) => learner.role === 'follower').length;
  return [
    ...(state.leadingMs === undefined ? [] : [whole('leader_uptime', state.leadingMs)]),
    whole('learners', state.learners.length),
    whole('synced_followers', followers),
    whole('synced_non_voting_followers', 0),
    whole('synced_observers', syncedObservers(state)),
    whole('pending_syncs', state.learners.length - synced.length),
    ...sizes('proposal_size', counters.proposalSizes),
  ];
}

function syncedObservers(state: MemberState): number {
  return state.learners.filter(({ role, synced }) => role === 'observer' && synced).length;
}

function totals(counters: Counters): MonitorValue[] {
  return [
    whole('bytes_received_count', counters.bytesReceived),
    whole('response_bytes', counters.bytesSent),
    whole('commit_count', counters.commits),
    whole('proposal_count', counters.proposals),
    whole('connection_rejected', counters.connectionsRejected),
    whole('connection_drop_count', counters.connectionsDropped),
    whole('looking_count', counters.elections),
    whole('stale_sessions_expired', counters.sessionsExpired),
    whole('digest_mismatches_count', counters.digestMismatches),
    whole('connection_request_count', counters.connectionRequests ?? 0),
    whole('connection_revalidate_count', counters.revalidations ?? 0),
    float('avg_fsynctime', counters.fsyncMsTotal / Math.max(1, counters.fsyncCount)),
    whole('max_fsynctime', counters.fsyncMsMax),
    whole('cnt_fsynctime', counters.fsyncCount),
    whole('sum_fsynctime', counters.fsyncMsTotal),
    float(
      'avg_snapshottime',
      (counters.snapshotMsTotal ?? 0) / Math.max(1, counters.snapshotCount),
    ),
    whole('cnt_snapshottime', counters.snapshotCount),
    whole('sum_snapshottime', counters.snapshotMsTotal ?? 0),
  ];
}

/** Names of those whose percentiles the reference shows, too. */
const advanced: ReadonlySet<string> = new Set(['readlatency', 'updatelatency']);

function timingValues(name: string, timing: TimingView): MonitorValue[] {
  const values = [
    float(`avg_${name}`, timing.sum / Math.max(1, timing.count)),
    whole(`min_${name}`, timing.min),
    whole(`max_${name}`, timing.max),
    whole(`cnt_${name}`, timing.count),
    whole(`sum_${name}`, timing.sum),
  ];
  if (!advanced.has(name)) return values;
  const [p50 = 0, p95 = 0, p99 = 0, p999 = 0] = timing.quantiles([0.5, 0.95, 0.99, 0.999]);
  const percentiles = Object.entries({ p50, p95, p99, p999 });
  values.push(...percentiles.map(([key, value]) => whole(`${key}_${name}`, value || 0)));
  return values;
}

function sizes(key: string, view: SizeView | undefined): MonitorValue[] {
  if (view === undefined) return [];
  return [
    whole(`last_${key}`, view.last),
    whole(`max_${key}`, view.max),
    whole(`min_${key}`, view.min),
  ];
}

function whole(key: string, value: number): MonitorValue {
  return { key, value: Math.round(value), isFloat: false };
}

function float(key: string, value: number): MonitorValue {
  return { key, value, isFloat: true };
}

function text(key: string, value: string): MonitorValue {
  return { key, value, isFloat: false };
}
