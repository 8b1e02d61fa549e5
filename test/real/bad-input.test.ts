import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';
import { ZooKeeper } from '../../client/index.ts';
import { Intruder, int32, intrude } from '../support/intruder.ts';
import type { Member } from '../support/real-ensemble.ts';
import { RealEnsemble, until } from '../support/real-ensemble.ts';
import { RawSession } from '../support/raw-session.ts';

// Goal: whoever sends nonsense, too much, or nothing loses its connection, and only that: others
// are served meanwhile, the ensemble keeps its leader, and memory stays bounded.
// Method: three processes under a client that writes all the time; bytes by hand on every port.

const ours = { kind: 'ours' } as const;
const mebibyte = 2 ** 20;
/** Between two replies of the bystander; a garbage collection or a busy machine fits in. */
const silenceMsMax = 3000;
let ensemble: RealEnsemble;
let leader: Member;
let bystander: Bystander;

/** A client that nothing may disturb. */
class Bystander {
  silenceMs = 0;
  readonly #zk: ZooKeeper;
  readonly #lost: string[] = [];
  #isStopped = false;
  #done: Promise<void> = Promise.resolve();

  private constructor(zk: ZooKeeper) {
    this.#zk = zk;
    zk.onState((state, reason) => this.#lost.push(`${state}: ${reason}`));
  }

  static async start(connectString: string): Promise<Bystander> {
    const zk = await ZooKeeper.connect(connectString, { sessionTimeoutMs: 10_000 });
    await zk.create('/bystander');
    const bystander = new Bystander(zk);
    bystander.#done = bystander.#run();
    // Looked at when it is stopped.
    bystander.#done.catch(() => undefined);
    return bystander;
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    try {
      await this.#done;
      assert.deepEqual(this.#lost, []);
    } finally {
      await this.#zk.close();
    }
  }

  async #run(): Promise<void> {
    while (!this.#isStopped) {
      const sinceMs = performance.now();
      await this.#zk.set('/bystander', 'here');
      this.silenceMs = Math.max(this.silenceMs, performance.now() - sinceMs);
    }
  }
}

before(async () => {
  ensemble = await RealEnsemble.started({
    members: [ours, ours, ours],
    tickMs: 500,
    properties: { 'zookeeper.nio.sessionlessCnxnTimeout': '2000' },
  });
  leader = await ensemble.leader();
  bystander = await Bystander.start(leader.address);
});

after(async () => {
  try {
    await bystander.stop();
  } finally {
    await ensemble[Symbol.asyncDispose]();
  }
});

afterEach(async () => {
  Intruder.destroyAll();
  for (const member of ensemble.members) assert(member.isRunning, `server ${member.sid} lives`);
  assert.equal(await leader.mode(), 'leader', 'the leader is the same');
  assert(bystander.silenceMs < silenceMsMax, `others waited ${bystander.silenceMs} ms`);
  bystander.silenceMs = 0;
});

/** Bytes that look like nothing; the same in every run. */
function noise(length: number): Buffer {
  const bytes = Buffer.alloc(length);
  let state = 0x2545_f491;
  for (let index = 0; index < length; index += 1) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) | 0;
    bytes[index] = state >>> 16;
  }
  return bytes;
}

const http = Buffer.from('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n');
const tls = Buffer.from(`16030100c8010000c40303${'5a'.repeat(190)}`, 'hex');

test('client port: what is no frame closes the connection', async () => {
  const port = leader.clientPort;
  const maximum = 0x7fff_ffff;
  for (const length of [-1, -2, 0x10_0000, maximum, 1 << 31]) {
    await intrude(port, Buffer.concat([int32(length), noise(100)]), 2000);
  }
  for (const bytes of [http, tls, noise(4096)]) await intrude(port, bytes, 2000);
});

test('client port: a first frame that is no handshake closes the connection', async () => {
  const port = leader.clientPort;
  await intrude(port, int32(0), 2000);
  await intrude(port, Buffer.concat([int32(44), noise(20), int32(0x7fff_ffff), noise(20)]), 2000);
  await intrude(port, Buffer.concat([int32(10), noise(10)]), 2000);
});

test('client port: a session that goes on with nonsense loses its connection', async () => {
  for (const bytes of [int32(-1), int32(0x10_0000), int32(4, 7), Buffer.concat([int32(0)])]) {
    const session = await RawSession.open(leader.clientPort, { timeoutMs: 5000 });
    session.send(bytes);
    await until('its end', 2000, () => session.isClosed);
  }
});

test('client port: a frame that is cut, and one that says nothing, are closed after a while', async () => {
  const intruders = [Buffer.alloc(0), int32(44).subarray(0, 3), int32(44), int32(44, 0, 0)].map(
    (bytes) => {
      const intruder = new Intruder(leader.clientPort);
      intruder.send(bytes);
      return intruder;
    },
  );
  for (const intruder of intruders) await intruder.closedWithin(12_000);
});

test('client port: half a request for ever ends with the session', async () => {
  const session = await RawSession.open(leader.clientPort, { timeoutMs: 1000 });
  session.send(int32(100, 1, 4));
  await until('its end', 5000, () => session.isClosed);
});

test('client port: who says that it will send no more is closed', async () => {
  const intruder = new Intruder(leader.clientPort);
  intruder.send(int32(44));
  intruder.endSending();
  await intruder.closedWithin(2000);
});

test('client port: a thousand silent connections cost little, and end', async () => {
  const before = leader.rssBytes();
  const crowd = Array.from({ length: 1000 }, () => new Intruder(leader.clientPort));
  await until('all to be connected', 10_000, () => crowd.every((each) => each.isConnected));
  assert(leader.rssBytes() - before < 64 * mebibyte, `${leader.rssBytes() - before} bytes`);
  await until('all to be closed', 15_000, () => crowd.every((each) => each.isClosed));
});

test('client port: a client that asks and does not read is not answered without bound', async () => {
  const size = 500_000;
  await createLarge('/large', size);
  const asking = await RawSession.open(leader.clientPort, { timeoutMs: 10_000 });
  asking.pause();
  const before = leader.rssBytes();
  // One piece: they may all arrive in one turn of the server. Replies of 1.5 GB in all, some of
  // them behind a write.
  asking.sendReads('/large', 1500);
  asking.sendCreate('/behind-reads');
  asking.sendReads('/large', 1500);
  const endMs = performance.now() + 2000;
  let peak = 0;
  await until('some seconds to pass', 5000, () => {
    peak = Math.max(peak, leader.rssBytes());
    return performance.now() > endMs;
  });
  asking.destroy();
  assert(peak - before < 150 * mebibyte, `${Math.round((peak - before) / mebibyte)} MiB more`);
});

test('client port: one that reads late gets every reply in order', async () => {
  const size = 500_000;
  await createLarge('/late', size);
  const asking = await RawSession.open(leader.clientPort, { timeoutMs: 10_000 });
  asking.pause();
  asking.sendCreate('/late/first');
  asking.sendReads('/late', 20);
  asking.sendCreate('/late/second');
  asking.sendReads('/late', 20);
  const done = asking.create('/late/third', {});
  asking.resume();
  assert.equal(await done, 0);
  assert.equal(asking.otherXids.length, 42);
  assert.deepEqual(
    asking.otherXids,
    [...asking.otherXids].sort((a, b) => b - a),
  );
  await asking.closeSession();
});

async function createLarge(path: string, size: number): Promise<void> {
  await using zk = await ZooKeeper.connect(leader.address);
  await zk.create(path, noise(size));
}

test('quorum port: what is no packet closes the connection', async () => {
  const port = leader.quorumPort;
  const packets = [
    http,
    tls,
    noise(4096),
    // FOLLOWERINFO with a length of 2 GB, with a negative one, and one that is cut.
    int32(11, 0, 0, 0x7fff_ffff),
    int32(11, 0, 0, -5),
    int32(999, 0, 0, -1, -1),
  ];
  await Promise.all(packets.map((bytes) => intrude(port, bytes, 15_000)));
});

test('quorum port: who says nothing, or half of something, is closed after a while', async () => {
  const crowd = Array.from({ length: 200 }, (_, index) => {
    const intruder = new Intruder(leader.quorumPort);
    intruder.send(int32(11, 0, 0, 20).subarray(0, index % 16));
    return intruder;
  });
  await until('all to be closed', 30_000, () => crowd.every((each) => each.isClosed));
});

test('election port: what is no greeting closes the connection', async () => {
  for (const { electionPort } of ensemble.members) {
    const greetings = [
      http,
      tls,
      noise(4096),
      // A greeting with addresses of 2 GB, of none, and of a length below zero.
      int32(-1, -65_536, 0, 9, 0x7fff_ffff),
      int32(-1, -65_536, 0, 9, 0),
      int32(-1, -65_536, 0, 9, -3),
    ];
    for (const bytes of greetings) await intrude(electionPort, bytes, 5000);
  }
});

test('election port: a crowd that says nothing does not stay', async () => {
  const before = leader.rssBytes();
  const crowd = Array.from({ length: 1000 }, () => new Intruder(leader.electionPort));
  await until('all to be connected', 10_000, () => crowd.every((each) => each.isConnected));
  await until('most to be closed', 15_000, () => {
    return crowd.filter((each) => each.isClosed).length > 800;
  });
  assert(leader.rssBytes() - before < 64 * mebibyte);
});

test('election port: votes of a stranger change nothing', async () => {
  const address = Buffer.from('127.0.0.1:1');
  const greeting = Buffer.concat([int32(-1, -65_536, 0, 200, address.length), address]);
  for (const { electionPort } of ensemble.members) {
    const intruder = new Intruder(electionPort);
    intruder.send(greeting);
    // LOOKING for itself, with a zxid beyond all others.
    intruder.send(int32(40, 0, 0, 200, 0x7fff, 0, 0, 99, 0, 99));
    intruder.send(Buffer.concat([int32(524_289), noise(100)]));
    await intruder.closedWithin(5000);
  }
});

test('admin port: nonsense is answered and closed, a crowd is borne', async () => {
  for (const bytes of [noise(4096), tls, Buffer.from(`GET /${'a'.repeat(100_000)} HTTP/1.1\r\n`)]) {
    await intrude(leader.adminPort, bytes, 5000);
  }
  const before = leader.rssBytes();
  const crowd = Array.from({ length: 500 }, () => new Intruder(leader.adminPort));
  for (const each of crowd) each.send(Buffer.from('GET /commands/ruok HTTP/1.1\r\nHost: x\r\n'));
  await until('all to be connected', 10_000, () => crowd.every((each) => each.isConnected));
  const answer = await fetch(`http://127.0.0.1:${leader.adminPort}/commands/ruok`);
  assert.equal(answer.status, 200);
  assert(leader.rssBytes() - before < 96 * mebibyte);
});
