import { RealEnsemble } from '../support/real-ensemble.ts';
import type { Kind } from '../support/real-ensemble.ts';
import { addressesOf, threeOf } from './failover.ts';
import { load } from './rates.ts';
import { RawClient, firstWrite } from './raw-client.ts';
import { report } from './table.ts';

/** Mean of the members, MB. */
export function rssMb(ensemble: RealEnsemble): number {
  const bytes = ensemble.members.map((member) => member.rssBytes());
  return bytes.reduce((total, one) => total + one, 0) / bytes.length / 1e6;
}

/** Memory with a million nodes, and the time of a restart with them. */
async function millionNodes(kind: Kind): Promise<{ rssMb: number; restartMs: number }> {
  await using ensemble = await RealEnsemble.started(threeOf(kind));
  const nodes = ['--mode', 'prepare', '--nodes', '1000000', '--window', '1000'];
  await load(ensemble.connectString, nodes);
  const rss = rssMb(ensemble);
  await ensemble.stopAll();
  const startMs = performance.now();
  ensemble.startAll();
  const restartMs = (await firstWrite(addressesOf(ensemble), 300_000)) - startMs;
  return { rssMb: rss, restartMs };
}

/** Ten thousand sessions, each with a watch on one node: memory, and the time to tell them all. */
async function watchers(kind: Kind, count: number): Promise<{ tellMs: number; rssMb: number }> {
  await using ensemble = await RealEnsemble.started(threeOf(kind));
  const writer = await RawClient.open(ensemble.member(1).address, 10_000);
  await writer.create('/watched');
  const clients: RawClient[] = [];
  const all = addressesOf(ensemble);
  let left = count;
  let done: () => void = () => undefined;
  const told = new Promise<void>((resolve) => (done = resolve));
  while (clients.length < count) {
    const batch = Array.from({ length: Math.min(100, count - clients.length) }, (_, index) =>
      RawClient.open(all[(clients.length + index) % all.length] ?? '', 30_000),
    );
    for (const client of await Promise.all(batch)) {
      client.onEvent = () => {
        left -= 1;
        if (left === 0) done();
      };
      clients.push(client);
    }
  }
  await Promise.all(clients.map((client) => client.watch('/watched')));
  const rss = rssMb(ensemble);
  const startMs = performance.now();
  await writer.set('/watched', Buffer.alloc(100));
  await told;
  const tellMs = performance.now() - startMs;
  for (const client of clients) client.destroy();
  return { tellMs, rssMb: rss };
}

export async function compareLarge(): Promise<void> {
  const million = { ours: await millionNodes('ours'), apache: await millionNodes('apache') };
  const watching = {
    ours: await watchers('ours', 10_000),
    apache: await watchers('apache', 10_000),
  };
  const less = { unit: 'MB', wantsMore: false };
  report({
    ...less,
    what: 'memory with 1,000,000 znodes',
    ours: million.ours.rssMb,
    theirs: million.apache.rssMb,
    aim: 1 / 4,
  });
  report({
    ...less,
    what: 'restart with 1,000,000 znodes',
    unit: 'ms',
    ours: million.ours.restartMs,
    theirs: million.apache.restartMs,
    aim: 1 / 3,
  });
  report({
    ...less,
    what: '10,000 watchers told',
    unit: 'ms',
    ours: watching.ours.tellMs,
    theirs: watching.apache.tellMs,
    aim: 1 / 3,
  });
  report({
    ...less,
    what: 'memory with 10,000 sessions',
    ours: watching.ours.rssMb,
    theirs: watching.apache.rssMb,
    aim: 1,
  });
}
