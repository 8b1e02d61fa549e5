import { createWriteStream } from 'node:fs';
import type { WriteStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { ZkError, ZooKeeper } from '../../client/index.ts';
import type { Stat } from '../../client/index.ts';
import { Prng } from '../sim/prng.ts';

// The part of the load that needs requests under way at the same time, and watches over
// reconnects: our own client.
//
//   node pipelines.ts ROOT SERVERS NAME SEED HISTORY
//
// Its input and the lines of its history are those of `harness load`, in go/load.go.

const depthMax = 30;
const pauseMsMax = 150;
const sessionTimeoutMs = 10_000;
const pipelineCount = 2;
const watcherCount = 2;
/** Reads of one reader that may be under way. */
const waitingMax = 200;
/** Registers that go/load.go uses at a time, and for how long. */
const registersAtATime = 3;
const registerLifeNs = 8_000_000_000;

const [root = '', servers = '', name = '', seed = '', historyPath = ''] = process.argv.slice(2);
const history: WriteStream = createWriteStream(historyPath);
const chance: Prng = new Prng(Number(seed), name);
const end = new AbortController();

/** A line of the history; only what the judge reads of such operations. */
function record(line: Readonly<Record<string, unknown>>): void {
  history.write(`${JSON.stringify(line)}\n`);
}

function bad(client: string, check: string, why: string): void {
  record({ c: client, f: 'bad', k: check, why, b: 0, e: Number(process.hrtime.bigint()) });
}

/** A session, and another one when it has ended. */
class Sessions {
  readonly name: string;
  readonly #hosts: string;
  #current: ZooKeeper | null = null;

  constructor(client: string, hosts: string = servers) {
    this.name = client;
    this.#hosts = hosts;
  }

  async get(): Promise<ZooKeeper> {
    while (this.#current === null || this.#current.state === 'expired') {
      try {
        this.#current = await ZooKeeper.connect(this.#hosts, {
          sessionTimeoutMs,
          connectTimeoutMs: 5_000,
        });
      } catch (error) {
        if (!(error instanceof ZkError)) throw error;
        await delay(100);
      }
    }
    return this.#current;
  }

  async close(): Promise<void> {
    await this.#current?.close();
  }
}

/** Again until it succeeds. */
async function insist<T>(sessions: Sessions, act: (zk: ZooKeeper) => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await act(await sessions.get());
    } catch (error) {
      if (!(error instanceof ZkError)) throw error;
      await delay(50);
    }
  }
}

async function make(sessions: Sessions, path: string): Promise<void> {
  await insist(sessions, async (zk) => {
    await zk.create(path, '0').catch((error: unknown) => {
      if (!(error instanceof ZkError && error.code === 'NODE_EXISTS')) throw error;
    });
  });
}

/**
 * Many writes at a time, none waits for another: what took effect is a beginning of what was
 * sent, each write once. Each writes the version that it has to make.
 */
async function pipelines(sessions: Sessions, random: Prng): Promise<void> {
  const path = `${root}/pipe/${sessions.name}`;
  await make(sessions, path);
  let version = 0;
  for (let round = 1; !end.signal.aborted; round += 1) {
    const zk = await sessions.get();
    const length = random.int(2, depthMax);
    const sent = Array.from({ length }, (_, index) =>
      set(zk, sessions.name, path, `${round}-${version + index + 1}`),
    );
    const stats = await Promise.all(sent);
    for (const [index, stat] of stats.entries()) {
      if (stat === null || stat.version === version + index + 1) continue;
      bad(sessions.name, 'pipelines', `write ${version + index + 1} made version ${stat.version}`);
    }
    const answered = stats.findLastIndex((stat) => stat !== null) + 1;
    version =
      answered === length
        ? version + length
        : await lookAfter(sessions, path, { round, from: version, answered, length });
    await delay(random.int(1, pauseMsMax));
  }
}

interface Pipeline {
  readonly round: number;
  /** Version before it. */
  readonly from: number;
  readonly answered: number;
  readonly length: number;
}

/** The version that a pipeline has left behind of which not every write was answered. */
async function lookAfter(sessions: Sessions, path: string, sent: Pipeline): Promise<number> {
  const { data, stat } = await insist(sessions, async (zk) => {
    await zk.sync(path);
    return zk.get(path);
  });
  const { version } = stat;
  const value = data?.toString('utf8') ?? '';
  const isWhole = version >= sent.from + sent.answered && version <= sent.from + sent.length;
  const isInOrder = version === sent.from || value === `${sent.round}-${version}`;
  if (!isWhole || !isInOrder) {
    const { round, from, answered, length } = sent;
    const what = `round ${round}, ${answered} of ${length} answered behind version ${from}`;
    bad(sessions.name, 'pipelines', `${what}: left version ${version} with ${value}`);
  }
  return version;
}

/** `null`: nobody knows whether it was done. */
async function set(
  zk: ZooKeeper,
  client: string,
  path: string,
  value: string,
): Promise<Stat | null> {
  const line = {
    c: client,
    s: String(zk.sessionId),
    f: 'set',
    k: path,
    v: value,
    x: -1,
    b: Number(process.hrtime.bigint()),
  };
  try {
    const stat = await zk.set(path, value);
    const e = Number(process.hrtime.bigint());
    record({ ...line, e, r: 'ok', ver: stat.version, z: Number(stat.mzxid) });
    return stat;
  } catch (error) {
    if (!(error instanceof ZkError)) throw error;
    record({ ...line, e: Number(process.hrtime.bigint()), r: 'unknown', why: error.code });
    return null;
  }
}

/** Whoever reads a change on the session that watched for it was told of it before. */
async function watches(sessions: Sessions, random: Prng): Promise<void> {
  const path = `${root}/told/${sessions.name}`;
  await make(sessions, path);
  const writers = new Sessions(`${sessions.name}-writer`);
  for (let round = 1; !end.signal.aborted; round += 1) {
    const zk = await sessions.get();
    let isTold = false;
    try {
      const { stat } = await zk.get(path, { watch: () => (isTold = true) });
      const writing = set(await writers.get(), writers.name, path, String(round));
      for (;;) {
        const { stat: now } = await zk.get(path);
        if (now.version > stat.version) {
          if (!isTold)
            bad(sessions.name, 'watches', `version ${now.version} came before its event`);
          break;
        }
        if (end.signal.aborted) break;
        await delay(random.int(1, pauseMsMax));
      }
      await writing;
    } catch (error) {
      if (!(error instanceof ZkError)) throw error;
      await delay(random.int(1, pauseMsMax));
    }
  }
  await writers.close();
}

/**
 * Sync and read in one packet to one server, again and again without waiting for the answers: what
 * a leader that was deposed while it stood still finds waiting when it goes on.
 */
async function reads(sessions: Sessions, random: Prng): Promise<void> {
  let waiting: Promise<void>[] = [];
  while (!end.signal.aborted) {
    const slot = Math.floor(Number(process.hrtime.bigint()) / registerLifeNs);
    const path = `${root}/r/${slot}-${random.int(0, registersAtATime - 1)}`;
    waiting.push(syncedRead(await sessions.get(), sessions.name, path));
    if (waiting.length > waitingMax) {
      await Promise.all(waiting);
      waiting = [];
    }
    await delay(random.int(1, pauseMsMax));
  }
  await Promise.all(waiting);
}

async function syncedRead(zk: ZooKeeper, client: string, path: string): Promise<void> {
  const line = {
    c: client,
    s: String(zk.sessionId),
    f: 'sget',
    k: path,
    b: Number(process.hrtime.bigint()),
  };
  const [synced, read] = await Promise.allSettled([zk.sync(path), zk.get(path)]);
  if (synced.status === 'rejected') return;
  const e = Number(process.hrtime.bigint());
  if (read.status === 'fulfilled') {
    const { data, stat } = read.value;
    const value = data?.toString('utf8') ?? '';
    record({ ...line, e, r: 'ok', v: value, ver: stat.version, z: Number(stat.mzxid) });
    return;
  }
  if (!(read.reason instanceof ZkError)) throw read.reason;
  if (read.reason.code === 'NO_NODE') record({ ...line, e, r: 'no', why: 'node does not exist' });
}

/** Readers stay with one server each. */
function hostsOf(kind: string, index: number): string {
  return kind === 'r' ? (servers.split(',')[index] ?? servers) : servers;
}

async function main(): Promise<void> {
  const all: Sessions[] = [];
  const work: Promise<void>[] = [];
  const start = (kind: string, count: number, act: typeof pipelines): void => {
    for (let index = 0; index < count; index += 1) {
      const sessions = new Sessions(`${name}${kind}${index}`, hostsOf(kind, index));
      all.push(sessions);
      work.push(act(sessions, chance.fork(sessions.name)));
    }
  };
  start('p', pipelineCount, pipelines);
  start('w', watcherCount, watches);
  start('r', servers.split(',').length, reads);
  for await (const line of createInterface({ input: process.stdin })) {
    if (line === 'quiet') {
      end.abort();
      await Promise.all(work);
      console.log('quiet');
    } else if (line === 'close') {
      await Promise.all(all.map((sessions) => sessions.close()));
      await new Promise<void>((done) => history.end(done));
      console.log('closed');
      break;
    }
  }
}

await main();
process.exit(0);
