import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, watch, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join, resolve } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { startMark } from '../../../operator/local/agent/process.ts';
import { parseArguments } from '../../../operator/local/arguments.ts';
import { lockStateDir } from '../../../operator/local/state-lock.ts';
import { packageVersion } from '../../../operator/main.ts';
import { ZooKeeper } from '../../../client/index.ts';
import { statefulSet, temporaryDirectory } from './world.ts';

// Goal: the first command of the README: one start gives an ensemble that serves, Ctrl-C ends
// it in order, and the next start finds the data again.
// Method: the program as a process of its own in an empty directory, asked by the client.

const root = resolve(import.meta.dirname, '../../..');
const main = join(root, 'operator/local/main.ts');

interface Run {
  readonly child: ChildProcess;
  /** Everything it wrote so far. */
  readonly output: () => string;
  /** Resolves when the text was written, rejects when the program ends before. */
  readonly until: (text: string) => Promise<string>;
  readonly ended: Promise<number>;
}

function start(t: TestContext, words: readonly string[]): Run {
  const child = spawn(process.execPath, [main, ...words], { stdio: ['ignore', 'pipe', 'pipe'] });
  let text = '';
  const looks = new Set<() => void>();
  const take = (chunk: Buffer): void => {
    text += chunk.toString();
    for (const look of looks) look();
  };
  child.stdout.on('data', take);
  child.stderr.on('data', take);
  const ended = new Promise<number>((done) => {
    child.once('exit', (code) => done(code ?? -1));
  });
  t.after(async () => {
    child.kill('SIGTERM');
    await ended;
  });
  return {
    child,
    output: () => text,
    ended,
    until: (wanted) =>
      new Promise((done, fail) => {
        const look = (): void => {
          if (!text.includes(wanted)) return;
          looks.delete(look);
          done(text);
        };
        looks.add(look);
        look();
        void ended.then(() => fail(new Error(`ended before "${wanted}":\n${text}`)));
      }),
  };
}

function connectString(output: string): string {
  const found = /clients to\s+(\S+)/.exec(output)?.[1];
  assert(found !== undefined, output);
  return found;
}

/** Addresses stay over a restart, unless somebody else on this machine has taken one meanwhile. */
async function keptOrTaken(before: readonly string[], now: readonly string[]): Promise<void> {
  assert.equal(now.length, before.length);
  for (const address of before.filter((one) => !now.includes(one))) {
    const [host = '', port = ''] = address.split(':');
    const isTaken = await new Promise<boolean>((done) => {
      const socket = connect({ host, port: Number(port) }, () => {
        done(true);
        socket.destroy();
      });
      socket.once('error', () => done(false));
      socket.once('close', () => done(false));
    });
    assert.ok(isTaken, `${address} was free and is not used again`);
  }
}

test('a start gives an ensemble that serves, and the next start finds its data', async (t) => {
  const stateDir = join(temporaryDirectory(t), 'state');
  const first = start(t, ['--state-dir', stateDir]);
  const output = await first.until('Ctrl-C stops everything');
  for (const member of ['zookeeper-0', 'zookeeper-1', 'zookeeper-2']) {
    assert.match(output, new RegExp(`${member}\\s+(Leader|Follower)\\s+127\\.0\\.0\\.1:\\d+`));
  }
  assert.equal(output.match(/Leader/g)?.length, 1);
  const addresses = connectString(output);
  assert.equal(addresses.split(',').length, 3);
  const client = await ZooKeeper.connect(addresses);
  await client.create('/kept', Buffer.from('over a restart'));
  await client.close();

  const second = start(t, ['--state-dir', stateDir]);
  assert.equal(await second.ended, 1);
  assert.match(second.output(), /in use by process \d+, another local control plane/);

  first.child.kill('SIGINT');
  assert.equal(await first.ended, 0);
  assert.match(first.output(), /Stopped\. The data is kept/);

  const third = start(t, ['--state-dir', stateDir]);
  const again = connectString(await third.until('Ctrl-C stops everything'));
  await keptOrTaken(addresses.split(','), again.split(','));
  const reader = await ZooKeeper.connect(again);
  const { data } = await reader.get('/kept');
  assert.equal(Buffer.from(data ?? []).toString(), 'over a restart');
  await reader.close();
});

test('a second Ctrl-C ends at once what does not want to end', async (t) => {
  const directory = temporaryDirectory(t);
  const mark = join(directory, 'running');
  const script = `process.on('SIGTERM', () => {}); require('fs').writeFileSync('${mark}', ''); setInterval(() => {}, 1000);`;
  const file = join(directory, 'deaf.json');
  const container = { command: ['node', '-e', script], image: `zkensemble:${packageVersion()}` };
  const set = statefulSet('deaf', { replicas: 1 }, container);
  writeFileSync(file, JSON.stringify(set));
  const run = start(t, ['--state-dir', join(directory, 'state'), '-f', file]);
  const watcher = watch(directory);
  while (!existsSync(mark)) await once(watcher, 'change');
  watcher.close();
  run.child.kill('SIGINT');
  await run.until('Stopping');
  // The first one may come twice, through npm and from the terminal: a moment later counts.
  const timer = setInterval(() => run.child.kill('SIGINT'), 100);
  const code = await run.ended;
  clearInterval(timer);
  assert.equal(code, 130);
});

test('a file that cannot be applied ends the start with the reason', async (t) => {
  const directory = temporaryDirectory(t);
  const file = join(directory, 'ensemble.yaml');
  writeFileSync(
    file,
    'apiVersion: zkensemble.io/v1\nkind: ZkEnsemble\nmetadata: {name: e}\nspec: {replicas: 4}\n',
  );
  const run = start(t, ['--state-dir', join(directory, 'state'), '-f', file]);
  assert.equal(await run.ended, 1);
  assert.match(run.output(), /replicas must be 1, 3, 5 or 7/);
  const none = start(t, [
    '--state-dir',
    join(directory, 'state'),
    '-f',
    join(directory, 'no.yaml'),
  ]);
  assert.equal(await none.ended, 1);
  assert.match(none.output(), /no\.yaml cannot be read/);
});

test('a command line that means nothing is told so, with the usage', async (t) => {
  const run = start(t, ['--fast']);
  assert.equal(await run.ended, 2);
  assert.match(run.output(), /--fast[\s\S]*Usage: zke/);
  const help = start(t, ['--help']);
  assert.equal(await help.ended, 0);
  assert.match(help.output(), /--state-dir DIR/);
});

for (const [words, why] of [
  [['down'], /no command "down"/],
  [['up', 'now'], /unexpected word "now"/],
  [['--port', 'x'], /--port x: must be a number/],
  [['--port', '70000'], /must be a number from 1 to 65535/],
  [['--state-dir', ''], /needs a directory/],
] as const) {
  test(`the words "${words.join(' ')}" are refused`, () => {
    assert.throws(() => parseArguments(words), why);
  });
}

test('a lock whose holder has ended is taken over, one that is held is not', (t) => {
  const stateDir = temporaryDirectory(t);
  const unlock = lockStateDir(stateDir);
  assert.throws(() => lockStateDir(stateDir), /in use by process/);
  unlock();
  writeFileSync(
    join(stateDir, 'lock'),
    JSON.stringify({ pid: 2 ** 22 + 1, startedAt: 'long ago' }),
  );
  lockStateDir(stateDir)();
  writeFileSync(join(stateDir, 'lock'), 'half writ');
  const again = lockStateDir(stateDir);
  assert.match(readFileSync(join(stateDir, 'lock'), 'utf8'), new RegExp(`"pid":${process.pid}`));
  again();
});

test('a holder that was killed and that nobody has asked about does not hold', async (t) => {
  const stateDir = temporaryDirectory(t);
  // Its parent never asks how it ended, so that it stays in the table of processes.
  const script = `
    const { spawn } = require('node:child_process');
    const child = spawn('sleep', ['60']);
    require('node:fs').writeSync(1, String(child.pid));
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);`;
  const parent = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'ignore'] });
  t.after(() => parent.kill('SIGKILL'));
  const [chunk] = (await once(parent.stdout, 'data')) as [Buffer];
  const pid = Number(chunk.toString());
  const holder = JSON.stringify({ pid, startedAt: startMark(pid) });
  writeFileSync(join(stateDir, 'lock'), holder);
  assert.throws(() => lockStateDir(stateDir), /in use by process/);
  process.kill(pid, 'SIGKILL');
  while (startMark(pid) !== null) await new Promise((done) => setImmediate(done));
  lockStateDir(stateDir)();
});
