import { createMetrics } from '../../server/admin/metrics.ts';
import { monitorValues } from '../../server/admin/monitor.ts';
import { FullView, stateOfLeader, stateOfStandalone } from './fake-view.ts';
import { referenceMetrics } from './reference-metrics.ts';

/** What the numbers of this server mean; ms where nothing else stands. */
const meanings: Readonly<Record<string, string>> = {
  approximate_data_size: 'bytes of paths and data',
  auth_failed_count: 'proofs of identity that were refused',
  avg_latency: 'from a request’s arrival to its answer, since start or `srst`',
  bytes_received_count: 'bytes from clients',
  commit_count: 'transactions applied',
  connection_drop_count: 'client connections that ended',
  connection_drop_probability: '0: connections are never dropped by chance',
  connection_rejected: 'connections over `maxClientCnxns`, `maxCnxns` or the rate of new ones',
  connection_request_count: 'handshakes for a new session',
  connection_revalidate_count: 'handshakes with a session that exists',
  digest_mismatches_count: 'trees that differ from the leader’s; has to stay 0',
  election_time: 'elections',
  ephemerals_count: 'ephemeral nodes',
  fsynctime: 'syncs of the log; without quantiles',
  global_sessions: 'sessions that all servers know',
  last_client_response_size: 'bytes',
  last_proposal_size: 'bytes',
  leader_uptime: 'since it leads',
  learners: 'connected followers and observers',
  local_sessions: 'sessions that this server alone knows',
  looking_count: 'elections taken part in',
  max_client_response_size: 'bytes',
  max_file_descriptor_count: 'files that the process may have open',
  max_latency: 'as avg_latency',
  max_proposal_size: 'bytes',
  min_client_response_size: 'bytes',
  min_latency: 'as avg_latency',
  min_proposal_size: 'bytes',
  num_alive_connections: 'client connections',
  open_file_descriptor_count: 'files that the process has open',
  outstanding_requests: 'taken and not answered',
  packets_received: 'frames from clients, four-letter words too',
  packets_sent: 'frames to clients',
  pending_syncs: 'learners that are not level yet',
  process_cpu_seconds_total: 'of the process, s',
  process_max_fds: 'as max_file_descriptor_count',
  process_open_fds: 'as open_file_descriptor_count',
  process_resident_memory_bytes: 'of the process',
  process_start_time_seconds: 's since 1970',
  process_virtual_memory_bytes: 'of the process',
  proposal_count: 'transactions proposed; leader',
  quorum_size: 'servers that vote',
  readlatency: 'requests without a transaction',
  response_bytes: 'bytes to clients',
  snapshottime: 'snapshots written; without quantiles',
  stale_sessions_expired: 'sessions that ended for silence',
  synced_followers: 'followers level with the leader',
  synced_non_voting_followers: '0: who follows without a vote counts as an observer',
  synced_observers: 'observers level with this server',
  updatelatency: 'requests with a transaction',
  uptime: 'since start',
  watch_count: 'watches',
  znode_count: 'nodes',
};

const stage = 'a stage of the reference’s pipeline; requests pass none such here';
const unmeasured = 'not measured';

/** Why a name of the reference is absent; the first that fits. */
const reasons: readonly (readonly [RegExp, string])[] = [
  [/^jvm_/, 'of the Java machine; `nodejs_*` stand here'],
  [/^response_packet_/, 'answers are not cached'],
  [/dead_watcher/, 'watches leave with their connection, at once'],
  [/^(netty_|socket_closing)/, 'of the reference’s network library'],
  [/^(prep_|sync_process|om_|outstanding_changes|request_commit|requests_|session_queues)/, stage],
  [/(commit_?proc|_in_session_queue|session_queue|_final_proc|commit_process)/, stage],
  [
    /^(write_batch|concurrent_|learner_request_|proposal_process|skip_learner|close_session_)/,
    stage,
  ],
  [/(write_committed_time|ack_creation|pending_session_queue|learner_handler_qp)/, stage],
  [/^unrecoverable_error/, 'the process ends instead; see exit codes'],
  [/^(restore_|snapshot_error|snapshot_rate)/, 'not offered'],
  [/./, unmeasured],
];

/** Names that this server exposes in any role, suffixes of summaries removed. */
export async function ownNames(): Promise<ReadonlySet<string>> {
  const view = new FullView();
  const names = new Set<string>();
  for (const state of [stateOfLeader, stateOfStandalone]) {
    view.current = state;
    const text = await createMetrics(view).text();
    for (const match of text.matchAll(/^# TYPE (\S+) /gm)) names.add(match[1] ?? '');
  }
  for (const name of ['fsynctime', 'snapshottime']) {
    if (names.delete(`${name}_count`) && names.delete(`${name}_sum`)) names.add(name);
  }
  return names;
}

/** Keys of `mntr` in any role, with `zk_`. */
export function ownKeys(): ReadonlySet<string> {
  const view = new FullView();
  const keys = new Set<string>();
  for (const state of [stateOfLeader, stateOfStandalone]) {
    view.current = state;
    for (const { key } of monitorValues(view)) keys.add(`zk_${key}`);
  }
  return keys;
}

/** docs/metrics.md. */
export async function metricsTable(): Promise<string> {
  const own = await ownNames();
  const keys = ownKeys();
  const names = [...referenceMetrics.keys()].sort();
  const here = names.filter((name) => own.has(name));
  const absent = Map.groupBy(
    names.filter((name) => !own.has(name)),
    (name) => reasons.find(([pattern]) => pattern.test(name))?.[1] ?? unmeasured,
  );
  const ours = [...own].filter((name) => !referenceMetrics.has(name)).sort();
  const lines = here.map((name) => {
    const key = keys.has(`zk_${name}`) ? `zk_${name}` : keyOf(name, keys);
    return `| \`${name}\` | ${key} | ${referenceMetrics.get(name)} | ${meanings[name] ?? '?'} |`;
  });
  const reasonLines = [...absent].map(([reason, all]) => {
    const listed = all.map((name) => `\`${name}\``).join(', ');
    return `| ${reason} | ${listed} |`;
  });
  return `${intro(here.length, names.length)}
| \`/metrics\` | \`mntr\` | type | meaning; times in ms |
|---|---|---|---|
${lines.join('\n')}

## Absent

| why | names |
|---|---|
${reasonLines.join('\n')}

## Ours

What the reference does not tell; the text of \`/metrics\` says what each is.

${ours.map((name) => `\`${name}\``).join(', ')}
`;
}

function keyOf(name: string, keys: ReadonlySet<string>): string {
  return keys.has(`zk_cnt_${name}`) ? `zk_avg_${name} …` : '–';
}

function intro(here: number, all: number): string {
  return `# Metrics

Written by \`node test/admin/print-metrics-table.ts\`, held by \`test/admin/metrics-table.test.ts\`. Of the ${all} names that Apache ZooKeeper 3.9.5 exposes with its
Prometheus provider, ${here} are here, on the admin port and on that of \`metricsProvider.httpPort\`, under the same names. A name that is absent was not measured: it is not zero.
Quantiles are of the last one to two minutes, if they are asked for that often; counts and sums since start or \`srst\`.

The reference's own alert rules ask for \`znode_count\`, \`num_alive_connections\`, \`watch_count\`, \`ephemerals_count\`, \`approximate_data_size\`, \`outstanding_requests\`, \`avg_latency\`,
\`election_time_count\`, \`quorum_size\`, \`open_file_descriptor_count\`, \`max_file_descriptor_count\`, \`fsynctime_sum\`, \`snapshottime_sum\`: all are here. Those for the Java machine have no subject.
`;
}
