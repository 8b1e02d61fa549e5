import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
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
}

function run(command: string, ...more: readonly string[]): Promise<Outcome> {
  return new Promise((done) => {
    execFile(process.execPath, [script, command, cfg, ...more], (error, stdout, stderr) => {
      done({ code: typeof error?.code === 'number' ? error.code : 0, text: stdout + stderr });
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
  assert.match(unknown.text, /^usage: zk-server start\|/);
  const cfgKept = cfg;
  cfg = join(directory, 'none.cfg');
  const missing = await run('start');
  cfg = cfgKept;
  assert.notEqual(missing.code, 0);
  assert.match(missing.text, /none\.cfg/);
});

test('status and stop of a server that does not run', async () => {
  const status = await run('status');
  assert.equal(status.code, 1);
  assert.match(status.text, /no answer from 127\.0\.0\.1:/);
  const stop = await run('stop');
  assert.deepEqual(stop, { code: 0, text: 'not running\n' });
});

test('start runs it in the background, status says its mode, a second start is refused', async () => {
  const started = await run('start');
  assert.equal(started.code, 0);
  assert(lives(pid()));
  await serving();
  assert.match((await run('status')).text, /^Client port found: \d+.*\nMode: standalone\n$/);
  const again = await run('start');
  assert.equal(again.code, 1);
  assert.equal(again.text, `already running as process ${pid()}\n`);
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
  assert.equal((await run('stop')).code, 0);
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
