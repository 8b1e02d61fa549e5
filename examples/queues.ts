import { ZooKeeper } from '../client/index.ts';
import { PriorityQueue, Queue, SynchronizingQueue } from '../client/recipes/index.ts';

// Work that some put in and others take out, and a start that waits for everyone.
//
//   node examples/queues.ts [host:port]

const address = process.argv[2] ?? '127.0.0.1:2181';
await using producer = await ZooKeeper.connect(address);
await using consumer = await ZooKeeper.connect(address);

// First in, first out; taken is taken.
{
  const path = '/examples/queues/mail';
  for (const letter of ['first', 'second']) await new Queue(producer, path).put(letter);
  const queue = new Queue(consumer, path);
  console.log(`took ${String(await queue.take())}, then ${String(await queue.take())}`);
}

// The urgent before the rest.
{
  const path = '/examples/queues/jobs';
  const jobs = new PriorityQueue(producer, path);
  await jobs.put('clean up', 900);
  await jobs.put('put out the fire', 0);
  const queue = new PriorityQueue(consumer, path);
  console.log(`took ${String(await queue.take())}, then ${String(await queue.take())}`);
}

// A consumer that dies loses nothing, and what is done is done once.
{
  const path = '/examples/queues/orders';
  await new Queue(producer, path).put('order 7');
  const dying = await ZooKeeper.connect(address);
  const lost = await new Queue(dying, path).receive();
  console.log(`received ${String(lost.data)}`);
  await dying.close();
  const item = await new Queue(consumer, path).receive();
  console.log(`received ${String(item.data)} again`);
  const shipped = '/examples/queues/shipped';
  if ((await consumer.exists(shipped)) === null) await consumer.create(shipped, '0');
  const { data, stat } = await consumer.get(shipped);
  // The item goes and the count grows in one transaction.
  const count = String(Number(String(data)) + 1);
  await item.done([{ op: 'set', path: shipped, data: count, version: stat.version }]);
  console.log(`left: ${await new Queue(consumer, path).size()}`);
}

// Nobody starts before all are there.
{
  const path = '/examples/queues/start';
  const members = await Promise.all(
    ['a', 'b', 'c'].map((id) => new SynchronizingQueue(producer, path, 3).join(id)),
  );
  console.log(`started with ${members[0]?.length} members`);
  await new SynchronizingQueue(producer, path, 3).clear();
}
