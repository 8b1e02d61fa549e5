import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { ZooKeeper } from '../../client/index.ts';
import { jarsOf, javaMissing } from '../support/maven.ts';
import { RealEnsemble, until } from '../support/real-ensemble.ts';

// Goal: Hadoop's failover works on three of our servers: one of its electors is active, another
// takes over when it dies and fences it, and the death of our leader changes nothing.
// Method: its own ActiveStandbyElector with the client it brings, a process each.

const skip = javaMissing() ?? false;
const source = join(import.meta.dirname, 'java/StandbyElector.java');
const sessionTimeoutMs = 4000;

/** A failover controller's elector. */
class Elector implements AsyncDisposable {
  readonly name: string;
  readonly told: string[] = [];
  readonly #process: ChildProcess;
  #errors = '';

  constructor(name: string, connectString: string) {
    this.name = name;
    const lib = jarsOf('hadoop-3.4', [['org.apache.hadoop', 'hadoop-common', '3.4.1']]);
    const args = ['-Xmx256m', '-cp', `${lib}/*`, source];
    this.#process = spawn('java', [...args, connectString, String(sessionTimeoutMs), name], {
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    createInterface({ input: this.#process.stdout as NodeJS.ReadableStream }).on('line', (line) => {
      this.told.push(line);
    });
    this.#process.stderr?.on('data', (chunk: Buffer) => (this.#errors += chunk.toString()));
  }

  /** What it was told last. */
  get state(): string {
    return this.told.at(-1) ?? '';
  }

  async is(state: string): Promise<void> {
    await until(`${this.name} to be ${state}`, 60_000, () => {
      const { exitCode } = this.#process;
      assert(exitCode === null || exitCode === 0, this.#errors);
      return this.state === state;
    });
  }

  /** Leaves the election in order. */
  leave(): void {
    this.#process.stdin?.write('\n');
  }

  async kill(): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return;
    const ended = new Promise((done) => this.#process.once('exit', done));
    this.#process.kill('SIGKILL');
    await ended;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.kill();
  }
}

test('Hadoop electors: one is active, the next one fences it', { skip }, async () => {
  await using ensemble = await RealEnsemble.started({
    members: [{ kind: 'ours' }, { kind: 'ours' }, { kind: 'ours' }],
    tickMs: 1000,
  });
  // At members that will survive: their clients are not even disconnected.
  const leader = await ensemble.leader();
  const others = ensemble.members.filter((member) => member !== leader);
  const connectString = others.map((member) => member.address).join(',');
  await using zk = await ZooKeeper.connect(connectString);
  const crumb = async (): Promise<string | undefined> =>
    (await zk.get('/hadoop-ha/cluster/ActiveBreadCrumb')).data?.toString();
  await using first = new Elector('nn1', connectString);
  await first.is('active');
  await using second = new Elector('nn2', connectString);
  await second.is('standby');
  assert.equal(await crumb(), 'nn1');

  await leader.kill('SIGKILL');
  await ensemble.leader();
  await zk.sync('/');
  assert.deepEqual([first.state, second.state], ['active', 'standby']);
  leader.start();
  await ensemble.ready();

  await first.kill();
  await second.is('active');
  assert.deepEqual(second.told, ['standby', 'fences nn1', 'active']);
  assert.equal(await crumb(), 'nn2');

  await using third = new Elector('nn1', connectString);
  await third.is('standby');
  second.leave();
  await third.is('active');
  assert.deepEqual(third.told, ['standby', 'active'], 'who left in order is not fenced');
});
