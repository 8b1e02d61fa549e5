import { closeSync, existsSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { hostname, userInfo } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import type { LoadedConfig } from '../config/load-config.ts';
import { loadFiles, runServer, splitProperties } from '../main.ts';

const usage = `usage: zk-server [--config DIR] COMMAND [zoo.cfg]

  start             in the background; the log goes to <dataDir>/zk-server.log, or as
                    zookeeper-<user>-server-<host>.out to $ZOO_LOG_DIR
  start-foreground  until it is stopped
  stop              the one that start began; waits until it has ended
  restart           stop, then start
  status            what the running one says of itself
  hand-over         a leader lets another one lead, and goes on as a follower
  version           of this server
  print-cmd         what start runs

zoo.cfg defaults to $ZOOCFG (zoo.cfg) in DIR, $ZOOCFGDIR, conf or here; a name without / is looked for
there too. The process id is in $ZOOPIDFILE, or <dataDir>/zookeeper_server.pid.`;

/** A server that does not end by itself is killed after this long. */
const stopWaitMs = 30_000;

/** One that ends sooner than this after its start has failed to start. */
const startWaitMs = 1000;

const pollMs = 100;

type Properties = Readonly<Record<string, string>>;

async function main(): Promise<number | undefined> {
  const { properties, rest } = splitProperties(process.argv.slice(2));
  const { values, positionals } = parseArgs({
    args: rest,
    allowPositionals: true,
    options: { config: { type: 'string' } },
  });
  const [command = '', given] = positionals;
  const path = configPath(values.config ?? process.env['ZOOCFGDIR'] ?? null, given ?? null);
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
    case 'hand-over':
      return handOver(path, properties);
    case 'version':
      console.log(
        `ZkEnsemble, version ${version()} (protocols and files of Apache ZooKeeper 3.9.5)`,
      );
      return 0;
    case 'print-cmd':
      console.log(
        commandLine(path, properties)
          .map((word) => `"${word}"`)
          .join(' '),
      );
      return 0;
    default:
      console.error(usage);
      return 2;
  }
}

/** A name with a slash is a path; any other is looked for where configurations are. */
function configPath(directory: string | null, given: string | null): string {
  if (given?.includes('/') === true) return resolve(given);
  const name = given ?? process.env['ZOOCFG'] ?? 'zoo.cfg';
  const places = [directory, 'conf', '.'].filter((place) => place !== null);
  const found = places.map((place) => join(place, name)).find((path) => existsSync(path));
  return resolve(found ?? join(directory ?? '.', name));
}

function version(): string {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { readonly version: string }).version;
}

/** What runs in the background. */
function commandLine(path: string, properties: Properties): [string, ...string[]] {
  const flags = Object.entries(properties).map(([name, value]) => `-D${name}=${value}`);
  const script = new URL('zk-server.js', import.meta.url).pathname;
  return [process.execPath, script, 'start-foreground', path, ...flags];
}

/** As the reference's script begins: where the configuration is, on stderr. */
function load(path: string, properties: Properties): LoadedConfig {
  console.error(`Using config: ${path}`);
  return loadFiles(path, properties);
}

async function start(path: string, properties: Properties): Promise<number> {
  const { dataDir } = load(path, properties).config;
  const pidPath = pidPathOf(dataDir);
  process.stdout.write('Starting zookeeper ... ');
  const running = runningPid(pidPath);
  if (running !== null) {
    console.log(`already running as process ${running}.`);
    return 1;
  }
  const logPath = logPathOf(dataDir);
  const log = openSync(logPath, 'a');
  const [command, ...args] = commandLine(path, properties);
  const { spawn } = await import('node:child_process');
  const child = spawn(command, args, { detached: true, stdio: ['ignore', log, log] });
  closeSync(log);
  const { pid } = child;
  if (pid === undefined) {
    console.log('FAILED TO START');
    return 1;
  }
  try {
    writeFileSync(pidPath, `${pid}\n`);
  } catch (error) {
    child.kill();
    console.log('FAILED TO WRITE PID');
    console.error(`${pidPath}: ${(error as Error).message}`);
    return 1;
  }
  const ended = new Promise<true>((done) => child.once('exit', () => done(true)));
  if (await Promise.race([ended, delay(startWaitMs, false)])) {
    rmSync(pidPath, { force: true });
    console.log('FAILED TO START');
    console.error(`Its reason is at the end of ${logPath}.`);
    return 1;
  }
  child.unref();
  console.log('STARTED');
  return 0;
}

async function stop(path: string, properties: Properties): Promise<number> {
  const pidPath = pidPathOf(load(path, properties).config.dataDir);
  process.stdout.write('Stopping zookeeper ... ');
  if (!existsSync(pidPath)) {
    console.log(`no zookeeper to stop (could not find file ${pidPath})`);
    return 0;
  }
  const pid = runningPid(pidPath);
  if (pid !== null) process.kill(pid, 'SIGTERM');
  for (let waitedMs = 0; runningPid(pidPath) !== null; waitedMs += pollMs) {
    if (pid !== null && waitedMs >= stopWaitMs) process.kill(pid, 'SIGKILL');
    await delay(pollMs);
  }
  rmSync(pidPath, { force: true });
  console.log('STOPPED');
  return 0;
}

function handOver(path: string, properties: Properties): number {
  const pid = runningPid(pidPathOf(load(path, properties).config.dataDir));
  if (pid === null) {
    console.error('no zookeeper runs here that start began; send SIGUSR2 to one in the foreground');
    return 1;
  }
  process.kill(pid, 'SIGUSR2');
  console.log('Handing over ... its log says what came of it');
  return 0;
}

async function status(path: string, properties: Properties): Promise<number> {
  const { clientAddress, raw } = load(path, properties).config;
  if (clientAddress === null) {
    console.log('Client port not found. Terminating.');
    console.error(`${path} has no clientPort, and its server line none. Name one to be asked at.`);
    return 1;
  }
  if (!raw.has('clientPort')) {
    console.log('Client port not found in static config file. Looking in dynamic config file.');
  }
  const { port } = clientAddress;
  const isAny = clientAddress.host === '0.0.0.0';
  const shown = isAny ? 'localhost' : clientAddress.host;
  console.log(`Client port found: ${port}. Client address: ${shown}. Client SSL: false.`);
  try {
    const answer = await ask(isAny ? '127.0.0.1' : clientAddress.host, port, 'srvr');
    const mode = /^Mode: .*$/m.exec(answer)?.[0];
    if (mode === undefined) throw new Error(answer.trim() || 'an empty answer');
    console.log(mode);
    return 0;
  } catch (error) {
    console.log('Error contacting service. It is probably not running.');
    console.error((error as Error).message);
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
  return process.env['ZOOPIDFILE'] ?? join(dataDir, 'zookeeper_server.pid');
}

function logPathOf(dataDir: string): string {
  const directory = process.env['ZOO_LOG_DIR'];
  if (directory === undefined) return join(dataDir, 'zk-server.log');
  return join(directory, `zookeeper-${userInfo().username}-server-${hostname()}.out`);
}

/** `null` when there is no file, or no such process. */
function runningPid(pidPath: string): number | null {
  if (!existsSync(pidPath)) return null;
  const pid = Number(readFileSync(pidPath, 'utf8').trim());
  // 0 would be every process of this terminal.
  if (!Number.isSafeInteger(pid) || pid <= 0) return null;
  try {
    process.kill(pid, 0);
    return pid;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM' ? pid : null;
  }
}

const exitCode = await main();
if (exitCode !== undefined) process.exitCode = exitCode;
