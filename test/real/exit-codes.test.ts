// Goal: a start by arguments works, and a start that fails ends with the code of its reason.
// Method: the server as a process of its own, with and without what it needs.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempDisposableSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { test } from 'node:test';
import { freePorts } from '../support/ports.ts';
import { RawSession } from '../support/raw-session.ts';
import { until } from '../support/real-ensemble.ts';

const main = resolve(import.meta.dirname, '../../server/main.ts');

/** A server that runs or has ended. */
class Started implements AsyncDisposable {
  code: number | null = null;
  text = '';
  readonly #child;
  readonly #ended: Promise<void>;

  constructor(args: readonly string[], environment: Readonly<Record<string, string>> = {}) {
    const env = { ...process.env, ...environment };
    this.#child = spawn(process.execPath, [main, ...args], { env });
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream.on('data', (chunk: Buffer) => (this.text += chunk.toString()));
    }
    this.#ended = new Promise((done) => {
      this.#child.once('close', (code) => {
        this.code = code ?? -1;
        done();
      });
    });
  }

  signal(name: NodeJS.Signals): void {
    this.#child.kill(name);
  }

  /** Its exit code. */
  async end(): Promise<number | null> {
    await this.#ended;
    return this.code;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#ended;
  }
}

function directory(): { readonly path: string } & Disposable {
  const made = mkdtempDisposableSync(join(tmpdir(), 'zkensemble-exit-'));
  return { path: made.path, [Symbol.dispose]: () => made.remove() };
}

function cfg(path: string, lines: readonly string[]): string {
  const name = join(path, 'zoo.cfg');
  writeFileSync(name, `${lines.join('\n')}\n`);
  return name;
}

test('clientPort dataDir tickTime maxClientCnxns are a server that is alone, with the properties of JVMFLAGS', async () => {
  using place = directory();
  const [port = 0] = await freePorts(1);
  const environment = { JVMFLAGS: '-Xmx1g -Dzookeeper.admin.enableServer=false -Dfile.encoding=u' };
  await using server = new Started([`${port}`, join(place.path, 'data'), '500', '1'], environment);
  await until('it serves', 20_000, () => {
    assert.equal(server.code, null, server.text);
    return server.text.includes('clients may connect');
  });
  const only = await RawSession.open(port, { timeoutMs: 1 });
  assert.equal(only.timeoutMs, 1000, 'twice the tick');
  await assert.rejects(RawSession.open(port, { timeoutMs: 1 }), 'one connection of an address');
  assert.match(
    server.text,
    /warning: JVMFLAGS: -Xmx1g: .*\nwarning: .*: file\.encoding=u: No Java/,
  );
});

test('0: stopped by a signal, in order', async () => {
  using place = directory();
  const [port = 0] = await freePorts(1);
  const lines = [`dataDir=${place.path}`, `clientPort=${port}`, 'admin.enableServer=false'];
  await using server = new Started([cfg(place.path, lines)]);
  await until('it serves', 20_000, () => server.text.includes('clients may connect'));
  server.signal('SIGTERM');
  assert.equal(await server.end(), 0);
});

test('2: no arguments, too many, or a configuration that is refused', async () => {
  using place = directory();
  const wrong = cfg(place.path, ['dataDir=/data', 'clientPort=2181', 'tickTime=x']);
  for (const [args, words] of [
    [[], /^usage: /],
    [['1', '2', '3', '4', '5'], /^usage: /],
    [[join(place.path, 'none.cfg')], /cannot be read/],
    [[wrong], /zoo\.cfg:3: tickTime=x: .*\nInvalid config, exiting abnormally\n$/],
  ] as const) {
    await using server = new Started(args);
    assert.equal(await server.end(), 2);
    assert.match(server.text, words);
  }
});

test('3: the data directory is no directory, or may not be made', async () => {
  using place = directory();
  const file = join(place.path, 'file');
  writeFileSync(file, '');
  const [port = 0] = await freePorts(1);
  const rest = [`clientPort=${port}`, 'admin.enableServer=false'];
  for (const lines of [
    [`dataDir=${file}`],
    [`dataDir=${place.path}/absent`, 'datadir.autocreate=false'],
  ]) {
    await using server = new Started([cfg(place.path, [...lines, ...rest])]);
    assert.equal(await server.end(), 3, server.text);
  }
});

test('4: the admin port of a server that is alone is taken; 14: its client port', async () => {
  using place = directory();
  mkdirSync(join(place.path, 'data'));
  const [free = 0] = await freePorts(1);
  const holder = createServer().listen(0, '127.0.0.1');
  await new Promise((done) => holder.once('listening', done));
  const { port: taken } = holder.address() as { port: number };
  const rest = [
    `dataDir=${place.path}/data`,
    'clientPortAddress=127.0.0.1',
    'admin.serverAddress=127.0.0.1',
  ];
  for (const [code, clientPort, adminPort] of [
    [4, free, taken],
    [14, taken, free],
  ] as const) {
    const ports = [`clientPort=${clientPort}`, `admin.serverPort=${adminPort}`];
    await using server = new Started([cfg(place.path, [...rest, ...ports])]);
    assert.equal(await server.end(), code, server.text);
    assert.match(server.text, code === 4 ? /change admin\.serverPort/ : /change clientPort/);
  }
  await new Promise((done) => holder.close(done));
});
