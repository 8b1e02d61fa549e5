// Goal: a server that is alone keeps what it has answered, whatever its machine does to it.
// Method: one real server without an ensemble, a client that makes nodes, crashes of every kind at
// every step of the disk; after each restart all that was answered must be there.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startServer } from '../../server/shell/server.ts';
import { create, getData } from './client-ops.ts';
import { SimClient } from './sim-client.ts';
import type { ClientObserver } from './sim-client.ts';
import { simConfig } from './sim-config.ts';
import { DiskPort } from './sim-disk-port.ts';
import { SimDisk } from './sim-disk.ts';
import { SimHost, SimProcess } from './sim-host.ts';
import { SimNetwork } from './sim-network.ts';
import { World } from './world.ts';
import { simEnsemble } from './zab-world.ts';

const host = '10.0.0.1';

/** It only counts what it is told to its face. */
const nobody: ClientObserver = {
  answeredZxid: 0,
  sent: () => {},
  answered: () => {},
  event: () => {},
  opened: () => {},
  expired: () => {},
  lost: () => {},
  watchesSet: () => {},
  seen: () => {},
};

class Solo {
  readonly world: World;
  readonly network: SimNetwork;
  readonly disk: SimDisk;
  readonly client: SimClient;
  /** Answered, by path. */
  readonly answered: Map<string, string> = new Map();
  process: SimProcess | null = null;
  #count = 0;

  constructor(seed: number) {
    this.world = new World(seed);
    this.network = new SimNetwork(this.world);
    this.disk = new SimDisk(this.world, 's1');
    this.disk.crash = () => this.process?.end();
    const options = { hosts: [host], timeoutMs: 3_000, observer: nobody };
    this.client = new SimClient(this.network, 'c1', '10.0.1.1', options);
    this.#write();
  }

  start(): void {
    const process = new SimProcess(this.world, 's1', host);
    const server = new SimHost(
      process,
      new DiskPort(this.disk, process),
      this.network.transport(process),
    );
    this.process = process;
    const config = simConfig(0, host, simEnsemble([1], []), { ensemble: null, snapCount: 40 });
    process.run(() => void startServer(config, server));
    assert.equal(process.exit, null, process.exit?.reason);
  }

  /** Another client reads everything that was ever answered. */
  readAll(): void {
    const options = { hosts: [host], timeoutMs: 3_000, observer: nobody };
    const reader = new SimClient(this.network, 'r1', '10.0.1.2', options);
    assert(
      this.world.runUntil(() => reader.isOpen, 3_000),
      'a session after the restart',
    );
    const wanted = this.answered.size;
    let count = 0;
    for (const [path, value] of this.answered) {
      reader.call(getData(path), (result) => {
        assert.equal(result?.error, 0, `${path} was answered and is gone`);
        assert.equal(Buffer.from(result.data ?? []).toString(), value);
        count += 1;
      });
    }
    this.world.run(500);
    assert.equal(count, wanted);
    reader.stop();
  }

  #write(): void {
    this.client.process.after(this.world.random.between(0, 4), () => {
      if (this.client.isOpen && this.client.outstanding < 8) {
        const path = `/n${(this.#count += 1)}`;
        const value = `value of ${path}`;
        this.client.call(create(path, value), (result) => {
          if (result?.error === 0) this.answered.set(path, value);
        });
      }
      this.#write();
    });
  }
}

test('etcd-13766: what a server alone has answered outlives every crash (40 seeds)', () => {
  let total = 0;
  for (let seed = 1; seed <= 40; seed += 1) {
    const solo = new Solo(seed);
    for (let life = 0; life < 5; life += 1) {
      solo.start();
      solo.readAll();
      solo.disk.crashAfterSteps = solo.world.random.int(1, 60);
      solo.world.runUntil(() => solo.process?.alive !== true, 600);
      solo.process?.end();
      solo.disk.crashAfterSteps = 0;
      solo.disk.afterCrash(solo.world.random.pick(['kept', 'lost', 'torn']));
    }
    solo.start();
    solo.readAll();
    total += solo.answered.size;
  }
  assert(total > 1_000, `${total} writes were answered`);
});
