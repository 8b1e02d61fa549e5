import { ZooKeeper } from '../client/index.ts';
import { leastLoaded, ServiceRegistry } from '../client/recipes/index.ts';
import type { ServiceInstance } from '../client/recipes/index.ts';

// Services that register themselves, and callers that find them and share out the load.
//
//   node examples/registry.ts [host:port]

const address = process.argv[2] ?? '127.0.0.1:2181';
const path = '/examples/services';

/** A provider: in real life a process of its own. */
async function startProvider(id: string, port: number): Promise<ZooKeeper> {
  const zk = await ZooKeeper.connect(address);
  const instance = { id, address: '127.0.0.1', port, payload: { version: '1.0' } };
  await new ServiceRegistry(zk, path).register('greeter', instance);
  return zk;
}

const one = await startProvider('one', 9001);
const two = await startProvider('two', 9002);

await using zk = await ZooKeeper.connect(address);
const registry = new ServiceRegistry(zk, path);
console.log(`services: ${(await registry.services()).join()}`);

using callers = await registry.consume('greeter');
const chosen = [callers.choose(), callers.choose(), callers.choose()];
console.log(`round robin: ${chosen.map((instance) => instance?.id).join()}`);

// A call that fails goes to another instance, and the one that failed rests for a while.
const call = async ({ id, port }: ServiceInstance): Promise<string> => {
  if (id === 'two') throw new Error('two does not answer');
  return `greetings from ${port}`;
};
console.log(await callers.call(call));
console.log(await callers.call(call));

using balanced = await registry.consume('greeter', { strategy: leastLoaded() });
const started: string[] = [];
await Promise.all(
  [1, 2, 3, 4].map(() =>
    balanced.call(async ({ id }) => {
      started.push(id);
      await zk.sync();
    }),
  ),
);
console.log(`by load: ${started.join()}`);

const gone = new Promise<void>((resolve) => {
  callers.onChange((instances) => {
    console.log(`left: ${instances.map(({ id }) => id).join() || 'nobody'}`);
    if (instances.length === 0) resolve();
  });
});
await one.close();
await two.close();
await gone;
