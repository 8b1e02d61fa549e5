import { ZkError, ZooKeeper } from '../client/index.ts';
import { Naming, Sequence } from '../client/recipes/index.ts';

// Names that stand for something, and numbers that nobody else gets.
//
//   node examples/naming.ts [host:port]

await using zk = await ZooKeeper.connect(process.argv[2] ?? '127.0.0.1:2181');

const names = new Naming(zk, '/examples/names');
await names.bind('db/primary', '10.0.0.1:5432');
await names.bind('db/replica', '10.0.0.2:5432');
console.log(`db/primary is ${String(await names.lookUp('db/primary'))}`);

try {
  await names.bind('db/primary', '10.0.0.9:5432');
} catch (error) {
  if (!(error instanceof ZkError) || error.code !== 'NODE_EXISTS') throw error;
  console.log('db/primary is taken');
}

await names.rebind('db/primary', '10.0.0.2:5432');
console.log(`after the move it is ${String(await names.lookUp('db/primary'))}`);
console.log(`below db there are ${(await names.list('db')).join(' and ')}`);

// Two clients that ask at the same time get different numbers.
await using other = await ZooKeeper.connect(process.argv[2] ?? '127.0.0.1:2181');
const [mine, theirs] = await Promise.all([
  new Sequence(zk, '/examples/ids').next(),
  new Sequence(other, '/examples/ids').next(),
]);
console.log(`numbers are ${mine === theirs ? 'the same' : 'different'}`);

for (const name of await names.list('db')) await names.unbind(name);
await names.unbind('db');
console.log(`names left: ${(await names.list()).length}`);
