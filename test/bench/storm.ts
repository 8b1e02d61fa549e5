import { RealEnsemble } from '../support/real-ensemble.ts';
import type { Kind } from '../support/real-ensemble.ts';
import { addressesOf, threeOf } from './failover.ts';
import { setWatchesFrame } from './frames.ts';
import { RawClient, firstWrite } from './raw-client.ts';
import type { RawSession } from './raw-client.ts';
import { inTurn, medians, report } from './table.ts';

const watchesPerSession = 10;
const nodeCount = 1000;

/** Clients that connect at a time: fewer than either kind's queue of new connections. */
const atOnce = 40;

function pathOf(node: number): string {
  return `/storm/n${node % nodeCount}`;
}

/** Runs `work` for 0..count-1, so many at a time. */
async function each(count: number, work: (index: number) => Promise<void>): Promise<void> {
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < count) await work(next++);
  };
  await Promise.all(Array.from({ length: atOnce }, lane));
}

/**
 * All servers are killed and started again; from the first write on, every session comes back with
 * its watches. Resolves with the time until the last one has been answered, ms.
 */
async function storm(kind: Kind, sessionCount: number): Promise<number> {
  await using ensemble = await RealEnsemble.started(threeOf(kind));
  const addresses = addressesOf(ensemble);
  const addressOf = (index: number): string => addresses[index % addresses.length] ?? '';
  const writer = await RawClient.open(addressOf(0), 10_000);
  await writer.create('/storm');
  for (let node = 0; node < nodeCount; node += 1) await writer.create(pathOf(node));
  const since = writer.lastZxid;
  const sessions: RawSession[] = [];
  const before: RawClient[] = [];
  await each(sessionCount, async (index) => {
    const client = await RawClient.open(addressOf(index), 30_000);
    sessions[index] = client.session;
    before.push(client);
  });
  await ensemble.stopAll();
  for (const client of [...before, writer]) client.destroy();
  ensemble.startAll();
  await ensemble.ready();
  await firstWrite(addresses, 60_000);
  const startMs = performance.now();
  const after: RawClient[] = [];
  await each(sessionCount, async (index) => {
    const client = await RawClient.open(addressOf(index + 1), 30_000, sessions[index]);
    after.push(client);
    client.onEvent = () => {
      throw new Error('nothing was changed');
    };
    const paths = Array.from({ length: watchesPerSession }, (_, k) =>
      pathOf(index * watchesPerSession + k),
    );
    const error = await client.request(setWatchesFrame(since, paths));
    if (error !== 0) throw new Error(`setWatches was answered with ${error}`);
  });
  const tookMs = performance.now() - startMs;
  for (const client of after) client.destroy();
  return tookMs;
}

/** @param sessionCount clients that come back, each with ten watches. */
export async function compareStorm(sessionCount: number): Promise<void> {
  const measured = await inTurn(1, (kind) => storm(kind, sessionCount));
  report({
    what: `${sessionCount} sessions back with 10 watches each`,
    unit: 'ms',
    ...medians(measured, (ms) => ms),
    aim: 1 / 2,
    wantsMore: false,
  });
}
