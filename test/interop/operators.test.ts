import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { before, test } from 'node:test';
import { ZooKeeper } from '../../client/index.ts';
import { referenceMetrics } from '../admin/reference-metrics.ts';
import { apacheMissing } from '../support/apache.ts';
import { operatorsClasspath } from '../support/apache-operators.ts';
import { freePorts } from '../support/ports.ts';
import { RealEnsemble, until } from '../support/real-ensemble.ts';

// Goal: tools that read the reference's admin server and metrics find the same names here.
// Method: Apache 3.9.5 with its Prometheus provider beside one of ours, both alone, with the same
// client at work; names of metrics and members of each command's answer are compared.

const provider = 'org.apache.zookeeper.metrics.prometheus.PrometheusMetricsProvider';
let classpath = '';

before(() => {
  assert.equal(apacheMissing(), null);
  classpath = operatorsClasspath();
});

/** The reference on ports of its own; gone when disposed of. */
class Reference implements AsyncDisposable {
  readonly #directory: string = mkdtempSync(join(tmpdir(), 'zkensemble-operators-'));
  readonly #ended: Promise<void>;
  readonly #kill: () => void;

  constructor(client: number, admin: number, metrics: number) {
    const cfg = join(this.#directory, 'zoo.cfg');
    const lines = [
      `dataDir=${join(this.#directory, 'data')}`,
      `clientPort=${client}`,
      'clientPortAddress=127.0.0.1',
      'admin.serverAddress=127.0.0.1',
      `admin.serverPort=${admin}`,
      `metricsProvider.className=${provider}`,
      'metricsProvider.httpHost=127.0.0.1',
      `metricsProvider.httpPort=${metrics}`,
    ];
    writeFileSync(cfg, `${lines.join('\n')}\n`);
    const main = 'org.apache.zookeeper.server.quorum.QuorumPeerMain';
    const child = spawn('java', ['-Xmx192m', '-cp', classpath, main, cfg], { stdio: 'ignore' });
    this.#ended = new Promise((done) => child.once('exit', () => done()));
    this.#kill = () => void child.kill('SIGKILL');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#kill();
    await this.#ended;
    rmSync(this.#directory, { recursive: true, force: true });
  }
}

async function textOf(port: number, path: string): Promise<string> {
  return (await fetch(`http://127.0.0.1:${port}${path}`)).text();
}

async function namesOf(port: number): Promise<Map<string, string>> {
  const text = await textOf(port, '/metrics');
  return new Map([...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map((m) => [m[1] ?? '', m[2] ?? '']));
}

/** Names of all members at any depth, as `.a.b[].c`; ids and paths are `*`. */
function membersOf(value: unknown, path: string = ''): string[] {
  if (Array.isArray(value)) return value.flatMap((item) => membersOf(item, `${path}[]`));
  if (typeof value !== 'object' || value === null) return path === '' ? [] : [path];
  return Object.entries(value).flatMap(([key, member]) =>
    membersOf(member, `${path}.${/^-?\d+$|^\//.test(key) ? '*' : key}`),
  );
}

async function commandMembers(port: number, name: string): Promise<ReadonlySet<string>> {
  return new Set(membersOf(JSON.parse(await textOf(port, `/commands/${name}`))));
}

async function work(zk: ZooKeeper): Promise<void> {
  await zk.create('/e', 'x', { ephemeral: true });
  await zk.exists('/e', { watch: () => undefined });
  await zk.set('/e', 'y');
}

/** What the reference tells and this server does not measure. */
const absentMembers: readonly string[] = [
  '.server_stats.fsync_threshold_exceed_count',
  '.server_stats.non_mtlsremote_conn_count',
  '.server_stats.non_mtlslocal_conn_count',
];

const compared =
  'configuration connections dirs dump get_trace_mask is_read_only leader observers ruok ' +
  'server_stats stats voting_view watch_summary watches watches_by_path zabstate';

test('metrics and commands have the names that they have in the reference', async () => {
  const [client = 0, admin = 0, metrics = 0, ownMetrics = 0] = await freePorts(4);
  await using _reference = new Reference(client, admin, metrics);
  await using ensemble = await RealEnsemble.started({
    members: [{ kind: 'ours' }],
    settings: { 'metricsProvider.className': provider, 'metricsProvider.httpPort': ownMetrics },
  });
  const own = ensemble.member(1);
  await using ours = await ZooKeeper.connect(own.address);
  await until('the reference to serve', 40_000, async () => {
    const answer = await textOf(admin, '/commands/ruok').catch(() => '');
    return answer.includes('"error" : null');
  });
  await using theirs = await ZooKeeper.connect(`127.0.0.1:${client}`);
  await work(ours);
  await work(theirs);

  const theirNames = await namesOf(metrics);
  const unknown = [...theirNames].filter(([name, type]) => referenceMetrics.get(name) !== type);
  assert.deepEqual(unknown, [], 'the recorded names are those of the reference');
  assert(theirNames.size > 150);
  const ownNames = await namesOf(ownMetrics);
  for (const [name, type] of ownNames) {
    const theirType = theirNames.get(name);
    if (theirType !== undefined) assert.equal(type, theirType, name);
  }
  const text = await textOf(ownMetrics, '/metrics');
  for (const name of ['readlatency_count', 'updatelatency_count', 'open_file_descriptor_count']) {
    assert.match(text, new RegExp(`^${name} [1-9]`, 'm'));
  }

  for (const name of compared.split(' ')) {
    const found = await commandMembers(own.adminPort, name);
    const missing = [...(await commandMembers(admin, name))].filter((each) => !found.has(each));
    assert.deepEqual(
      missing.filter((each) => !absentMembers.includes(each)),
      [],
      `members of ${name}`,
    );
  }
});
