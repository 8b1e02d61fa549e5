import { closeSync, existsSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { loadFiles, runServer, splitProperties } from '../main.ts';

const usage = `usage: zk-server start|start-foreground|stop|restart|status [zoo.cfg]

  start             in the background; the log goes to <dataDir>/zk-server.log
  start-foreground  until it is stopped
  stop              the one that start began; waits until it has ended
  restart           stop, then start
  status            what the running one says of itself

zoo.cfg defaults to $ZOOCFGDIR/zoo.cfg, then conf/zoo.cfg, then zoo.cfg.`;

/** A server that does not end by itself is killed after this long. */
const stopWaitMs = 30_000;

const pollMs = 100;

type Properties = Readonly<Record<string, string>>;

async function main(): Promise<number | undefined> {
  const { properties, rest } = splitProperties(process.argv.slice(2));
  const { positionals } = parseArgs({ args: rest, allowPositionals: true, options: {} });
  const [command = '', given] = positionals;
  const path = resolve(given ?? defaultPath());
  switch (command) {
    case 'start-foreground':
      await runServer(path, properties);
      return undefined;
    case 'start':
      return start(path, properties);
    case 'stop':
      return stop(path, properties);
    case 'restart': {
      const code = await stop(path, properties);
      return code === 0 ? start(path, properties) : code;
    }
    case 'status':
      return status(path, properties);
    default:
      console.error(usage);
      return 2;
  }
}

function defaultPath(): string {
  const directory = process.env['ZOOCFGDIR'];
  const candidates = [directory === undefined ? null : join(directory, 'zoo.cfg'), 'conf/zoo.cfg'];
  return candidates.find((path) => path !== null && existsSync(path)) ?? 'zoo.cfg';
}

async function start(path: string, properties: Properties): Promise<number> {
  const { dataDir } = loadFiles(path, properties).config;
  const pidPath = pidPathOf(dataDir);
  const running = runningPid(pidPath);
  if (running !== null) {
    console.error(`already running as process ${running}`);
    return 1;
  }
  const logPath = join(dataDir, 'zk-server.log');
  const log = openSync(logPath, 'a');
  const flags = Object.entries(properties).map(([name, value]) => `-D${name}=${value}`);
  const script = new URL('zk-server.js', import.meta.url).pathname;
  const { spawn } = await import('node:child_process');
  const child = spawn(process.execPath, [script, 'start-foreground', path, ...flags], {
    detached: true,
    stdio: ['ignore', log, log],
  });
  closeSync(log);
  const { pid } = child;
  if (pid === undefined) {
    console.error('the process could not be started');
    return 1;
  }
  writeFileSync(pidPath, `${pid}\n`);
  child.unref();
  console.log(`started as process ${pid}; log: ${logPath}`);
  return 0;
}

async function stop(path: string, properties: Properties): Promise<number> {
  const pidPath = pidPathOf(loadFiles(path, properties).config.dataDir);
  const pid = runningPid(pidPath);
  if (pid === null) {
    console.log('not running');
    return 0;
  }
  process.kill(pid, 'SIGTERM');
  for (let waitedMs = 0; runningPid(pidPath) !== null; waitedMs += pollMs) {
    if (waitedMs >= stopWaitMs) process.kill(pid, 'SIGKILL');
    await delay(pollMs);
  }
  rmSync(pidPath, { force: true });
  console.log(`process ${pid} has stopped`);
  return 0;
}

async function status(path: string, properties: Properties): Promise<number> {
  const { clientAddress } = loadFiles(path, properties).config;
  if (clientAddress === null) {
    console.error('the configuration has no client port to ask');
    return 1;
  }
  const host = clientAddress.host === '0.0.0.0' ? '127.0.0.1' : clientAddress.host;
  try {
    const answer = await ask(host, clientAddress.port, 'srvr');
    console.log(`Client port found: ${clientAddress.port}. Client address: ${host}.`);
    console.log(/^Mode: .*$/m.exec(answer)?.[0] ?? answer.trim());
    return 0;
  } catch (error) {
    console.error(`no answer from ${host}:${clientAddress.port}: ${String(error)}`);
    return 1;
  }
}

function ask(host: string, port: number, word: string): Promise<string> {
  return new Promise((resolveAnswer, reject) => {
    const socket = connect({ host, port, timeout: 5000 });
    let answer = '';
    socket.on('connect', () => socket.write(word));
    socket.on('data', (chunk) => (answer += chunk.toString('utf8')));
    socket.on('timeout', () => socket.destroy(new Error('no answer within 5 s')));
    socket.on('error', reject);
    socket.on('close', () => resolveAnswer(answer));
  });
}

function pidPathOf(dataDir: string): string {
  return join(dataDir, 'zookeeper_server.pid');
}

/** `null` when there is no file, or no such process. */
function runningPid(pidPath: string): number | null {
  if (!existsSync(pidPath)) return null;
  const pid = Number(readFileSync(pidPath, 'utf8').trim());
  try {
    process.kill(pid, 0);
    return pid;
  } catch {
    return null;
  }
}

const exitCode = await main();
if (exitCode !== undefined) process.exitCode = exitCode;
