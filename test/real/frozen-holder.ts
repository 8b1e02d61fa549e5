import { ZooKeeper } from '../../client/index.ts';
import { Lock } from '../../client/recipes/index.ts';

// A process that holds a lock and works for as long as it believes to: one line for every piece of
// work, with the time, ms since 1970.

const [connectString = '', path = '/lock', sessionTimeoutMs] = process.argv.slice(2);
const zk = await ZooKeeper.connect(connectString, { sessionTimeoutMs: Number(sessionTimeoutMs) });
const held = await new Lock(zk, path).acquire();
console.log(`fence ${held.fence}`);
const working = setInterval(() => {
  const atMs = Date.now();
  if (held.isHeld) return console.log(`work ${atMs}`);
  clearInterval(working);
  console.log(`stopped ${atMs}`);
}, 5);
held.lost.addEventListener('abort', () => {
  console.log(`lost ${(held.lost.reason as { readonly code: string }).code}`);
  void zk.close();
});
