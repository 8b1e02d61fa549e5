import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { after, before, test } from 'node:test';
import { ZooKeeper } from '../../client/index.ts';
import { freePorts } from '../support/ports.ts';
import { until } from '../support/real-ensemble.ts';

// Goal: zk-server starts, shows, restarts and stops a server as its namesake does.
// Method: the command itself, on a temporary zoo.cfg; what it started is asked and looked for.

const script = resolve(import.meta.dirname, '../../server/bin/zk-server.js');
let directory = '';
let cfg = '';
let dataDir = '';
let address = '';

before(async () => {
  directory = mkdtempSync(join(tmpdir(), 'zk-server-'));
  dataDir = join(directory, 'data');
  cfg = join(directory, 'zoo.cfg');
  mkdirSync(dataDir);
  const [clientPort, adminPort] = await freePorts(2);
  address = `127.0.0.1:${clientPort}`;
  const lines = [
    '# A comment, and an empty line.',
    '',
    'tickTime=500',
    `dataDir=${dataDir}`,
    `clientPort=${clientPort}`,
    'clientPortAddress=127.0.0.1',
    `admin.serverPort=${adminPort}`,
    'admin.serverAddress=127.0.0.1',
  ];
  writeFileSync(cfg, `${lines.join('\n')}\n`);
});

after(async () => {
  await run('stop');
  rmSync(directory, { recursive: true, force: true });
});

interface Outcome {
  readonly code: number;
  readonly text: string;
  readonly problems: string;
}

function run(command: string, ...more: readonly string[]): Promise<Outcome> {
  return runWith({}, command, cfg, ...more);
}

function runWith(
  environment: Readonly<Record<string, string>>,
  ...args: readonly string[]
): Promise<Outcome> {
  const env = { ...process.env, ...environment };
  return new Promise((done) => {
    execFile(process.execPath, [script, ...args], { env }, (error, text, problems) => {
      done({ code: typeof error?.code === 'number' ? error.code : 0, text, problems });
    });
  });
}

function pid(): number {
  return Number(readFileSync(join(dataDir, 'zookeeper_server.pid'), 'utf8'));
}

function lives(id: number): boolean {
  try {
    process.kill(id, 0);
    return true;
  } catch {
    return false;
  }
}

async function serving(): Promise<void> {
  await until('status to be good', 20_000, async () => (await run('status')).code === 0);
}

test('an unknown command, and a missing file, are refused', async () => {
  const unknown = await run('begin');
  assert.equal(unknown.code, 2);
  assert.match(unknown.problems, /^usage: zk-server \[--config DIR\] COMMAND/);
  const cfgKept = cfg;
  cfg = join(directory, 'none.cfg');
  const missing = await run('start');
  cfg = cfgKept;
  assert.notEqual(missing.code, 0);
  assert.match(missing.problems, /none\.cfg/);
});

test('status and stop of a server that does not run', async () => {
  const status = await run('status');
  assert.equal(status.code, 1);
  assert.match(status.text, /\nError contacting service\. It is probably not running\.\n$/);
  assert.match(status.problems, /ECONNREFUSED/);
  const stop = await run('stop');
  const pidPath = join(dataDir, 'zookeeper_server.pid');
  assert.deepEqual(stop, {
    code: 0,
    text: `Stopping zookeeper ... no zookeeper to stop (could not find file ${pidPath})\n`,
    problems: `Using config: ${cfg}\n`,
  });
});

test('start runs it in the background, status says its mode, a second start is refused', async () => {
  const started = await run('start');
  assert.deepEqual([started.code, started.text], [0, 'Starting zookeeper ... STARTED\n']);
  assert(lives(pid()));
  await serving();
  const port = address.split(':')[1];
  assert.equal(
    (await run('status')).text,
    `Client port found: ${port}. Client address: 127.0.0.1. Client SSL: false.\nMode: standalone\n`,
  );
  const again = await run('start');
  assert.equal(again.code, 1);
  assert.equal(again.text, `Starting zookeeper ... already running as process ${pid()}.\n`);
});

test('restart is another process with the same data', async () => {
  const before = pid();
  {
    await using zk = await ZooKeeper.connect(address);
    await zk.create('/kept', 'over a restart');
  }
  assert.equal((await run('restart')).code, 0);
  assert.notEqual(pid(), before);
  assert(!lives(before));
  await serving();
  await using zk = await ZooKeeper.connect(address);
  assert.equal((await zk.get('/kept')).data?.toString(), 'over a restart');
});

test('stop ends the process before it returns', async () => {
  const running = pid();
  const stopped = await run('stop');
  assert.deepEqual([stopped.code, stopped.text], [0, 'Stopping zookeeper ... STOPPED\n']);
  assert(!lives(running));
  assert.equal((await run('status')).code, 1);
});

test('a -D property reaches the server that start begins', async () => {
  assert.equal((await run('start', '-Dzookeeper.extendedTypesEnabled=true')).code, 0);
  await serving();
  await using zk = await ZooKeeper.connect(address);
  assert.equal(await zk.create('/brief', null, { ttlMs: 60_000 }), '/brief');
  await run('stop');
});

test('a pid file of nobody, or of nonsense, stops nothing', async () => {
  const path = join(dataDir, 'zookeeper_server.pid');
  for (const text of ['', '0', 'x', '-1', '4000000']) {
    writeFileSync(path, text);
    assert.deepEqual([(await run('stop')).text], ['Stopping zookeeper ... STOPPED\n'], text);
    assert(!existsSync(path));
  }
});

test('a server that ends at once has failed to start, and its reason is in the log', async () => {
  const logs = join(directory, 'logs');
  mkdirSync(logs);
  await using _ = await held(Number(address.split(':')[1]));
  const failed = await runWith({ ZOO_LOG_DIR: logs }, 'start', cfg);
  assert.deepEqual([failed.code, failed.text], [1, 'Starting zookeeper ... FAILED TO START\n']);
  const [name = ''] = readdirSync(logs);
  assert.match(name, /^zookeeper-.+-server-.+\.out$/);
  assert.match(readFileSync(join(logs, name), 'utf8'), /EADDRINUSE/);
  assert(!existsSync(join(dataDir, 'zookeeper_server.pid')));
});

test('the configuration is found by --config, ZOOCFGDIR and ZOOCFG, as the script of the reference finds it', async () => {
  for (const [environment, args] of [
    [{}, ['--config', directory, 'print-cmd']],
    [{}, ['--config', directory, 'print-cmd', 'zoo.cfg']],
    [{ ZOOCFGDIR: directory }, ['print-cmd']],
    [{ ZOOCFGDIR: directory, ZOOCFG: 'zoo.cfg' }, ['print-cmd']],
    [{}, ['print-cmd', cfg]],
  ] as const) {
    const { code, text } = await runWith(environment, ...args);
    assert.equal(code, 0);
    assert(text.endsWith(`zk-server.js" "start-foreground" "${cfg}"\n`), text);
  }
  assert.match((await runWith({}, 'version')).text, /^ZkEnsemble, version \d+\.\d+\.\d+ /);
});

/** Somebody else has the port. */
async function held(port: number): Promise<AsyncDisposable> {
  const server = createServer();
  await new Promise<void>((done) => server.listen(port, '127.0.0.1', done));
  return {
    [Symbol.asyncDispose]: () => new Promise((done) => server.close(() => done())),
  };
}
