import { ZkError, ZooKeeper } from '../client/index.ts';
import { Configuration, publish } from '../client/recipes/index.ts';

// Settings that one publishes and many hear of, without asking.
//
//   node examples/configuration.ts [host:port]

interface Settings {
  readonly logLevel: string;
  readonly connections: number;
}

const address = process.argv[2] ?? '127.0.0.1:2181';
const path = '/examples/settings';
await using publisher = await ZooKeeper.connect(address);
await using subscriber = await ZooKeeper.connect(address);

const first: Settings = { logLevel: 'info', connections: 10 };
const { version } = await publish(publisher, path, JSON.stringify(first));

using settings = await Configuration.open(
  subscriber,
  path,
  (data) => JSON.parse(String(data)) as Settings,
);
console.log(`begins with ${settings.value?.connections} connections`);

const heard = new Promise<void>((resolve) => {
  settings.onChange(({ value, problem }) => {
    if (problem !== null) console.log(`goes on with ${value?.connections}: that was no JSON`);
    else console.log(`hears of ${value?.connections} connections`);
    if (value?.connections === 30) resolve();
  });
});

// Only if it is still what was read: nobody's change is lost by another's.
const next = await publish(publisher, path, JSON.stringify({ ...first, connections: 20 }), {
  version,
});
try {
  await publish(publisher, path, JSON.stringify({ ...first, connections: 99 }), { version });
} catch (error) {
  if (!(error instanceof ZkError) || error.code !== 'BAD_VERSION') throw error;
  console.log('who has read an older version is refused');
}
await publish(publisher, path, JSON.stringify({ ...first, connections: 30 }), {
  version: next.version,
});
await heard;
