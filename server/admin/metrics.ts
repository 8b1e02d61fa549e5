import { collectDefaultMetrics, Counter, Gauge, Registry } from 'prom-client';
import type { MonitorValue } from './monitor.ts';
import { monitorValues, votersCount } from './monitor.ts';
import type { Counters, MemberState, ServerView, TimingView } from './server-view.ts';

export interface Metrics {
  readonly contentType: string;
  /** Everything as it is now, in the text format of Prometheus. */
  text(): Promise<string>;
}

export interface MetricsOptions {
  /** `process_*` and `nodejs_*`: once a process. Default true. */
  readonly processMetrics?: boolean;
}

/** Names of the reference's counters; everything else that `mntr` shows is a gauge. */
const counterKeys: ReadonlySet<string> = new Set([
  'bytes_received_count',
  'response_bytes',
  'commit_count',
  'proposal_count',
  'connection_rejected',
  'connection_drop_count',
  'looking_count',
  'stale_sessions_expired',
  'digest_mismatches_count',
  'connection_request_count',
  'connection_revalidate_count',
]);

/** Summaries have their own names here: `fsynctime_sum`, not `sum_fsynctime`. */
const summaryKey =
  /^(avg|min|max|cnt|sum|p\d+)_(fsynctime|snapshottime|readlatency|updatelatency|election_time)$/;

/** As the reference has them: the median everywhere, tails for latencies. */
const medianAlone: readonly number[] = [0.5];
const withTails: readonly number[] = [0.5, 0.9, 0.99];

const roles = ['standalone', 'looking', 'leading', 'following', 'observing'] as const;
const phases = ['election', 'discovery', 'synchronization', 'broadcast'] as const;

/**
 * The reference's metrics under its names, without prefix, and beside them what it does not
 * tell: role, epoch, zxid and lag, prefixed `zk_`. A zxid is two metrics, because 64 bits do not
 * fit the double of a sample.
 *
 * Source: four-letter-words, section 4.
 */
export function createMetrics(view: ServerView, options: MetricsOptions = {}): Metrics {
  const process = new Registry();
  if (options.processMetrics ?? true) collectDefaultMetrics({ register: process });
  return {
    contentType: process.contentType,
    async text() {
      const state = view.state();
      const counters = view.counters();
      const sheet = new Sheet();
      putReference(sheet, monitorValues(view), counters);
      const timings = (view.timings?.() ?? []).map(summaryText).join('');
      putMember(sheet, view.versionText, state);
      putQuorum(sheet, state);
      putTotals(sheet, state, counters);
      return `${await sheet.text()}${timings}${await process.metrics()}`;
    },
  };
}

/** Written here: what was added up elsewhere is no summary of the library's. */
function summaryText([name, timing]: readonly [string, TimingView]): string {
  const parts = name.endsWith('latency') ? withTails : medianAlone;
  const found = timing.quantiles(parts);
  const lines = parts.map((part, at) => `${name}{quantile="${part}"} ${found[at] ?? NaN}\n`);
  const head = `# HELP ${name} ${name}\n# TYPE ${name} summary\n`;
  return `${head}${lines.join('')}${name}_sum ${timing.sum}\n${name}_count ${timing.count}\n`;
}

type Labels = Readonly<Record<string, string>>;

/** The samples of one answer: what is not put is not there, so no series outlives its subject. */
class Sheet {
  readonly #registry = new Registry();
  readonly #gauges = new Map<string, Gauge>();

  gauge(name: string, value: number, labels: Labels = {}, help: string = name): void {
    let gauge = this.#gauges.get(name);
    if (gauge === undefined) {
      const labelNames = Object.keys(labels);
      gauge = new Gauge({ name, help, labelNames, registers: [this.#registry] });
      this.#gauges.set(name, gauge);
    }
    gauge.set(labels, value);
  }

  /** `total` since start, or since `srst`. */
  counter(name: string, total: number, help: string = name): void {
    new Counter({ name, help, registers: [this.#registry] }).inc(Math.max(0, total));
  }

  text(): Promise<string> {
    return this.#registry.metrics();
  }
}

function putReference(sheet: Sheet, values: readonly MonitorValue[], counters: Counters): void {
  for (const { key, value } of values) {
    if (typeof value !== 'number' || summaryKey.test(key)) continue;
    if (counterKeys.has(key)) sheet.counter(key, value);
    else sheet.gauge(key, value);
  }
  sheet.counter('fsynctime_count', counters.fsyncCount);
  sheet.counter('fsynctime_sum', counters.fsyncMsTotal);
  sheet.counter('snapshottime_count', counters.snapshotCount);
  sheet.counter('snapshottime_sum', counters.snapshotMsTotal ?? 0);
}

function putMember(sheet: Sheet, version: string, state: MemberState): void {
  sheet.gauge('zk_member_info', 1, { myid: String(state.sid), version }, 'Who this is; always 1.');
  for (const role of roles) {
    const isRole = role === state.role ? 1 : 0;
    sheet.gauge('zk_member_role', isRole, { role }, '1 for the role of this server.');
  }
  for (const phase of phases) {
    const isPhase = phase === state.phase ? 1 : 0;
    sheet.gauge('zk_zab_state', isPhase, { state: phase }, '1 for the phase of agreement.');
  }
  const own = state.servers.find((server) => server.sid === state.sid);
  const isVoting = own?.role === 'participant' ? 1 : 0;
  sheet.gauge('zk_member_voting', isVoting, {}, '1 if this server votes.');
  sheet.gauge('zk_member_serving', state.serving ? 1 : 0, {}, '1 while it takes requests.');
  sheet.gauge('zk_member_draining', state.draining ? 1 : 0, {}, '1 while it is leaving.');
  const isLacking = (state.lacking ?? null) === null ? 0 : 1;
  sheet.gauge('zk_member_lacking_history', isLacking, {}, '1 while its disk does not count.');
  const isRefused = (state.diskProblem ?? null) === null ? 0 : 1;
  sheet.gauge('zk_member_disk_refuses', isRefused, {}, '1 while its disk takes no writes.');
  sheet.gauge('zk_epoch', state.acceptedEpoch, {}, 'Highest epoch promised.');
  sheet.gauge('zk_current_epoch', state.epoch, {}, 'Epoch whose history was taken over.');
  putZxid(sheet, 'zk_zxid', state.zxid, 'applied');
  putZxid(sheet, 'zk_last_logged_zxid', state.lastLoggedZxid, 'logged');
  putZxid(sheet, 'zk_config_version', state.configVersion, 'of the membership');
}

function putZxid(sheet: Sheet, name: string, hex: string, what: string): void {
  const zxid = Number.parseInt(hex, 16);
  // Before the first transaction there may be none.
  if (Number.isNaN(zxid) || zxid < 0) return;
  const epoch = Math.floor(zxid / 2 ** 32);
  sheet.gauge(`${name}_epoch`, epoch, {}, `Epoch of the last zxid ${what}.`);
  sheet.gauge(`${name}_counter`, zxid % 2 ** 32, {}, `Counter of the last zxid ${what}.`);
}

/** What only a leader knows: who keeps up, and how many may yet be lost. */
function putQuorum(sheet: Sheet, state: MemberState): void {
  const voters = votersCount(state);
  sheet.gauge('zk_voters', voters, {}, 'Servers of the configuration that vote.');
  if (state.role !== 'leading') return;
  const participants = new Set(
    state.servers.filter(({ role }) => role === 'participant').map(({ sid }) => sid),
  );
  let inSync = participants.has(state.sid) ? 1 : 0;
  for (const learner of state.learners) {
    const peer = String(learner.sid);
    sheet.gauge(
      'zk_follower_lag_txns',
      learner.lag,
      { peer },
      'Transactions proposed and not acknowledged by the learner.',
    );
    sheet.gauge('zk_peer_connected', 1, { peer }, '1 while the learner is connected.');
    if (learner.synced && participants.has(learner.sid)) inSync += 1;
  }
  sheet.gauge('zk_voters_in_sync', inSync, {}, 'Voters level with the leader, itself included.');
  const spare = inSync - (Math.floor(voters / 2) + 1);
  sheet.gauge('zk_quorum_spare', spare, {}, 'Voters in sync beyond the smallest majority.');
}

function putTotals(sheet: Sheet, state: MemberState, counters: Counters): void {
  sheet.counter('zk_elections_total', counters.elections, 'Elections this server took part in.');
  sheet.gauge('zk_election_duration_seconds', state.electionMs / 1_000, {}, 'The last election.');
  sheet.counter('zk_sessions_created_total', counters.sessionsCreated, 'Sessions opened.');
  sheet.counter('zk_sessions_expired_total', counters.sessionsExpired, 'Sessions expired.');
  sheet.counter('zk_reads_total', counters.reads, 'Reads answered.');
  sheet.counter('zk_writes_total', counters.writes, 'Writes answered.');
  sheet.gauge('zk_fsync_seconds_max', counters.fsyncMsMax / 1_000, {}, 'The slowest log sync.');
  sheet.gauge('zk_snapshot_seconds_last', counters.snapshotMsLast / 1_000, {}, 'Last snapshot.');
}
