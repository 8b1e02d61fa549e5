import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { ZkError, ZooKeeper } from '../../client/index.ts';
import { Broker, KafkaTool, kafkaTool } from '../support/kafka.ts';
import { javaMissing } from '../support/maven.ts';
import { freePorts } from '../support/ports.ts';
import { RealEnsemble, until } from '../support/real-ensemble.ts';

// Goal: Kafka with its metadata in ZooKeeper works on an ensemble of ours, unchanged: topics,
// producing and consuming, a controller that dies, members that die meanwhile.
// Method: three brokers of the registry on three servers. Kafka's own verifiable producer and
// consumer count; what the brokers keep in the tree is read with our client.

const skip = javaMissing() ?? false;

const messageCount = 12_000;
const messagesPerSecond = 600;

test(
  'Kafka runs on three servers, and loses nothing when a controller and a leader die',
  { skip },
  async (t) => {
    const directory = mkdtempSync(join(tmpdir(), 'zkensemble-kafka-'));
    await using _directory = {
      [Symbol.asyncDispose]: async () => rmSync(directory, { recursive: true, force: true }),
    };
    await using ensemble = await RealEnsemble.started({
      members: [{ kind: 'ours' }, { kind: 'ours' }, { kind: 'ours' }],
      tickMs: 1000,
    });
    await using zk = await ZooKeeper.connect(ensemble.connectString, { sessionTimeoutMs: 20_000 });
    const ports = await freePorts(3);
    await using stack = new AsyncDisposableStack();
    const brokers = ports.map((port, index) =>
      stack.use(
        new Broker(index, port, join(directory, String(index)), `${ensemble.connectString}/kafka`),
      ),
    );
    const bootstrap = brokers.map((broker) => broker.address).join(',');
    for (const broker of brokers) broker.start();
    await until(
      'three brokers',
      60_000,
      async () => (await childrenOf(zk, '/kafka/brokers/ids')).length === 3,
    );

    const topics = (args: readonly string[]): Promise<readonly string[]> =>
      kafkaTool('org.apache.kafka.tools.TopicCommand', ['--bootstrap-server', bootstrap, ...args]);
    await topics([
      '--create',
      '--topic',
      'orders',
      '--partitions',
      '6',
      '--replication-factor',
      '3',
    ]);
    await topics([
      '--create',
      '--topic',
      'passing',
      '--partitions',
      '2',
      '--replication-factor',
      '3',
    ]);
    assert.equal((await childrenOf(zk, '/kafka/brokers/topics/orders/partitions')).length, 6);

    const producerConfig = join(directory, 'producer.properties');
    writeFileSync(producerConfig, 'retries=1000000\nenable.idempotence=true\n');
    await using producer = new KafkaTool('org.apache.kafka.tools.VerifiableProducer', [
      '--bootstrap-server',
      bootstrap,
      '--topic',
      'orders',
      '--acks',
      '-1',
      '--max-messages',
      String(messageCount),
      '--throughput',
      String(messagesPerSecond),
      '--producer.config',
      producerConfig,
    ]);
    const acked = (): string[] =>
      producer.lines.filter((line) => line.includes('"producer_send_success"'));
    await until('the first messages', 60_000, () => acked().length > 500);

    const first = await controllerOf(zk);
    const epoch = await numberAt(zk, '/kafka/controller_epoch');
    const killed = brokers[first];
    assert(killed !== undefined);
    const startMs = performance.now();
    await killed.kill('SIGKILL');
    await until('another controller', 60_000, async () => {
      const now = await controllerOf(zk);
      return now !== first && now >= 0;
    });
    t.diagnostic(`another controller after ${(performance.now() - startMs).toFixed(0)} ms`);
    assert.equal(await numberAt(zk, '/kafka/controller_epoch'), epoch + 1);

    const leader = await ensemble.leader();
    await leader.kill('SIGKILL');
    killed.start();
    await until(
      'three brokers again',
      60_000,
      async () => (await childrenOf(zk, '/kafka/brokers/ids')).length === 3,
    );
    leader.start();
    await ensemble.ready();

    await producer.ended;
    assert.equal(acked().length, messageCount, 'every message is acknowledged');
    await until('all replicas in sync', 60_000, () => isInSync(zk, 'orders'));

    const read = new Set<number>();
    await using consumer = new KafkaTool('org.apache.kafka.tools.VerifiableConsumer', [
      '--bootstrap-server',
      bootstrap,
      '--topic',
      'orders',
      '--group-id',
      'readers',
      '--reset-policy',
      'earliest',
      '--max-messages',
      String(messageCount),
      '--verbose',
    ]);
    await until('everything to be read', 60_000, () => {
      for (const line of consumer.lines.splice(0)) {
        if (line.includes('"record_data"')) read.add(Number(JSON.parse(line).value));
      }
      return read.size === messageCount;
    });

    await topics(['--delete', '--topic', 'passing']);
    await until('the topic to be gone', 60_000, async () => {
      const names = await childrenOf(zk, '/kafka/brokers/topics');
      return !names.includes('passing') && names.includes('orders');
    });
    for (const member of ensemble.members) {
      assert.match((await member.ask('mntr')) ?? '', /^zk_digest_mismatches_count\t0$/m);
    }
  },
);

async function childrenOf(zk: ZooKeeper, path: string): Promise<readonly string[]> {
  return (await orNull(zk.children(path))) ?? [];
}

/** Id of the broker that is it; -1: none at the moment. */
async function controllerOf(zk: ZooKeeper): Promise<number> {
  const found = await orNull(zk.get('/kafka/controller'));
  return found === null ? -1 : Number(JSON.parse(textOf(found.data)).brokerid);
}

async function numberAt(zk: ZooKeeper, path: string): Promise<number> {
  return Number(textOf((await zk.get(path)).data));
}

async function isInSync(zk: ZooKeeper, topic: string): Promise<boolean> {
  for (let partition = 0; partition < 6; partition += 1) {
    const path = `/kafka/brokers/topics/${topic}/partitions/${partition}/state`;
    const { isr } = JSON.parse(textOf((await zk.get(path)).data));
    if (isr.length !== 3) return false;
  }
  return true;
}

async function orNull<T>(answer: Promise<T>): Promise<T | null> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof ZkError && error.code === 'NO_NODE') return null;
    throw error;
  }
}

function textOf(data: Buffer | null): string {
  return data?.toString('utf8') ?? '';
}
