import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { test } from 'node:test';

import { complete } from '../../client/bin/completion.ts';
import { HistoryFile, historyLinesMax } from '../../client/bin/history-file.ts';
import { prompt } from '../../client/bin/prompt.ts';
import { ZooKeeper } from '../../client/index.ts';
import { FakeServer } from './fake-server.ts';

// Goal: who types has a prompt before there is a session, names and paths that complete
// themselves, and the lines of last time, but no passwords among them.
// Method: the prompt in this process, over streams that pass for a terminal.

/** Takes connections and says nothing. */
class Silent {
  readonly #sockets: Socket[] = [];
  readonly #server: Server = createServer((socket) => this.#sockets.push(socket));

  async listen(): Promise<string> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    await once(this.#server, 'close');
  }
}

/** What a person sees, and what is typed. */
class Terminal {
  readonly input = new PassThrough();
  readonly output = new PassThrough();
  shown = '';
  #waiting: (() => void) | null = null;

  constructor() {
    this.output.on('data', (chunk) => {
      this.shown += String(chunk);
      this.#waiting?.();
    });
  }

  type(text: string): void {
    this.input.write(text);
  }

  async shows(pattern: RegExp): Promise<void> {
    while (!pattern.test(this.shown)) {
      await new Promise<void>((resolve) => {
        this.#waiting = resolve;
      });
    }
  }

  run(
    server: string,
    history: HistoryFile | null = null,
    sessionTimeoutMs: number = 5_000,
  ): Promise<number> {
    const { input, output } = this;
    const options = { input, output, errors: output, isTerminal: true, history };
    return prompt(server, { sessionTimeoutMs }, { ...options, waitsForConnection: false });
  }
}

test('the prompt stands before there is a session, then says that there is one', async () => {
  await using server = new FakeServer();
  const at = `127.0.0.1:${await server.listen()}`;
  const terminal = new Terminal();
  const ended = terminal.run(at);
  await terminal.shows(/\(CONNECTED\) 0\] /);
  assert.match(terminal.shown, /\[zk: 127\.0\.0\.1:\d+\(CONNECTING\) 0\] [^]*SyncConnected/);
  terminal.type('create /a x\r');
  await terminal.shows(/Created \/a\r?\n[^]*\(CONNECTED\) 1\] /);
  terminal.type('close\r');
  await terminal.shows(/\(CLOSED\) 2\] /);
  terminal.type('connect\r');
  await terminal.shows(/\(CONNECTED\) 3\] /);
  terminal.type('get /none\r');
  await terminal.shows(/Node does not exist: \/none/);
  terminal.type('quit\r');
  assert.equal(await ended, 1, 'of the last command');
});

test('a tab completes, and an event leaves what is typed as it is', async () => {
  await using server = new FakeServer();
  const at = `127.0.0.1:${await server.listen()}`;
  await using zk = await ZooKeeper.connect(at);
  await zk.create('/long-name');
  const terminal = new Terminal();
  const ended = terminal.run(at);
  await terminal.shows(/\(CONNECTED\) 0\] /);
  terminal.type('get -w /lo\t');
  await terminal.shows(/\/long-name/);
  terminal.type('\r');
  await terminal.shows(/null\r?\n[^]*\) 1\] /);
  terminal.type('ls');
  await terminal.shows(/ls$/);
  await zk.set('/long-name', 'x');
  await terminal.shows(/NodeDataChanged path:\/long-name zxid: \d+\r?\n[^]*\) 1\] ls/);
  terminal.type(' /\r');
  await terminal.shows(/\[long-name\]/);
  terminal.type('quit\r');
  assert.equal(await ended, 0);
});

test('without a server there is a prompt, and quitting does not wait for one', async () => {
  await using silent = new Silent();
  const terminal = new Terminal();
  const ended = terminal.run(await silent.listen());
  await terminal.shows(/\(CONNECTING\) 0\] /);
  terminal.type('quit\r');
  const sinceMs = performance.now();
  assert.equal(await ended, 0);
  assert.ok(performance.now() - sinceMs < 4_000, 'less than the session timeout');
  assert.doesNotMatch(terminal.shown, /KeeperErrorCode/);
});

test('a connection that fails is told, and the next command tries again', async () => {
  const server = new FakeServer();
  const at = `127.0.0.1:${await server.listen()}`;
  await server[Symbol.asyncDispose]();
  const terminal = new Terminal();
  const ended = terminal.run(at, null, 300);
  await terminal.shows(/KeeperErrorCode = ConnectionLoss: .*ECONNREFUSED/);
  terminal.type('ls /\r');
  await terminal.shows(/KeeperErrorCode[^]*KeeperErrorCode/);
  terminal.type('quit\r');
  assert.equal(await ended, 1);
});

test('the end of the input ends it', async () => {
  await using server = new FakeServer();
  const terminal = new Terminal();
  const ended = terminal.run(`127.0.0.1:${await server.listen()}`);
  await terminal.shows(/\(CONNECTED\) 0\] /);
  terminal.input.end();
  assert.equal(await ended, 0);
});

test('commands, their options and paths are offered', async () => {
  await using server = new FakeServer();
  await using zk = await ZooKeeper.connect(`127.0.0.1:${await server.listen()}`);
  for (const path of ['/a', '/a/one', '/a/other', '/b']) await zk.create(path);
  const cases: readonly (readonly [string, readonly string[], string])[] = [
    ['get', ['get', 'getAcl', 'getAllChildrenNumber', 'getEphemerals'], 'get'],
    ['x', [], 'x'],
    ['get -', ['-s', '-w', '-b', '-x'], '-'],
    ['set /a x -', ['-s', '-v', '-b'], '-'],
    ['setquota -', ['-n', '-b', '-N', '-B'], '-'],
    ['toString -', [], '-'],
    ['get /', ['/a', '/b'], '/'],
    ['get -s /a/o', ['/a/one', '/a/other'], '/a/o'],
    ['get /none/', [], '/none/'],
    ['get a', [], 'a'],
  ];
  for (const [line, candidates, word] of cases) {
    assert.deepEqual(await complete(line, zk), [candidates, word], line);
  }
  assert.deepEqual(await complete('get /', null), [[], '/']);
});

test('lines are kept for the owner alone, the newest of them, without proofs', () => {
  const directory = mkdtempSync(join(tmpdir(), 'zk-history-'));
  try {
    const path = join(directory, 'history');
    const file = new HistoryFile(path);
    assert.deepEqual(file.load(), []);
    for (const line of ['ls /', '  ', 'addauth digest u:secret', ' addauth x y', 'get /a']) {
      file.add(line);
    }
    assert.deepEqual(file.load(), ['get /a', 'ls /']);
    assert.equal(statSync(path).mode & 0o777, 0o600);
    const many = Array.from({ length: 2 * historyLinesMax + 1 }, (_, index) => `ls /${index}`);
    writeFileSync(path, `${many.join('\n')}\n`);
    assert.equal(file.load().length, historyLinesMax);
    assert.equal(readFileSync(path, 'utf8').split('\n').length, historyLinesMax + 1);
    assert.equal(file.load()[0], `ls /${2 * historyLinesMax}`);
    const nowhere = new HistoryFile(join(directory, 'no/such/directory'));
    nowhere.add('ls /');
    assert.deepEqual(nowhere.load(), []);
  } finally {
    rmSync(directory, { recursive: true });
  }
});

test('a line of last time comes back with the key for it', async () => {
  await using server = new FakeServer();
  const directory = mkdtempSync(join(tmpdir(), 'zk-history-'));
  try {
    const file = new HistoryFile(join(directory, 'history'));
    file.add('getAllChildrenNumber /');
    const terminal = new Terminal();
    const ended = terminal.run(`127.0.0.1:${await server.listen()}`, file);
    await terminal.shows(/\(CONNECTED\) 0\] /);
    terminal.type('\u001b[A\r');
    await terminal.shows(/getAllChildrenNumber \/[^]*\) 1\] /);
    terminal.type('quit\r');
    await ended;
    assert.deepEqual(file.load(), ['quit', 'getAllChildrenNumber /', 'getAllChildrenNumber /']);
  } finally {
    rmSync(directory, { recursive: true });
  }
});
