import { ZooKeeper } from '../client/index.ts';
import { Election, Group } from '../client/recipes/index.ts';

// A cluster that knows who is there and who leads, and goes on when the leader dies.
//
//   node examples/cluster.ts [host:port]

const address = process.argv[2] ?? '127.0.0.1:2181';
const group = '/examples/cluster/members';
const leader = '/examples/cluster/leader';

/** One server of the cluster: in real life a process of its own. */
async function startServer(name: string): Promise<ZooKeeper> {
  const zk = await ZooKeeper.connect(address);
  await new Group(zk, group).join(name, JSON.stringify({ startedMs: Date.now() }));
  const election = new Election(zk, leader, name);
  const leading = election.run(async (term) => {
    console.log(`${name} leads`);
    // What a leader does, it does until it is told that it is none any more.
    await new Promise((resolve) => term.lost.addEventListener('abort', resolve));
    console.log(`${name} leads no longer`);
  });
  // A server whose session is over stands no more.
  leading.catch(() => undefined);
  return zk;
}

await using watcher = await ZooKeeper.connect(address);
using view = await new Group(watcher, group).view();
const election = new Election(watcher, leader);

/** Resolves when the members are these. */
async function untilMembers(...names: readonly string[]): Promise<void> {
  const isSo = (): boolean => [...view.members.keys()].join() === names.join();
  await new Promise<void>((resolve) => {
    if (isSo()) resolve();
    view.onChange(() => {
      if (isSo()) resolve();
    });
  });
  console.log(`members: ${names.join(', ') || 'none'}`);
}

async function untilLeader(name: string): Promise<void> {
  for await (const id of election.leaders()) if (String(id) === name) break;
  console.log(`everyone knows that ${name} leads`);
}

async function untilCandidates(count: number): Promise<void> {
  while ((await election.candidates()).length < count) await watcher.sync();
}

const a = await startServer('a');
await untilCandidates(1);
const b = await startServer('b');
await untilCandidates(2);
const c = await startServer('c');
await untilCandidates(3);
await untilMembers('a', 'b', 'c');

await a.close();
await untilMembers('b', 'c');
await untilLeader('b');
await b.close();
await untilLeader('c');
await c.close();
await untilMembers();
