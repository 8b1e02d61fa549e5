import { RealEnsemble } from '../support/real-ensemble.ts';
import type { Kind } from '../support/real-ensemble.ts';
import { RawClient, firstWrite } from './raw-client.ts';
import { inTurn, medians, report } from './table.ts';

/** Standing clients at each survivor of a leader. */
const clientsPerMember = 16;

/** Three members of one kind. */
export function threeOf(kind: Kind): Parameters<typeof RealEnsemble.create>[0] {
  return { members: [{ kind }, { kind }, { kind }] };
}

export function addressesOf(ensemble: RealEnsemble): string[] {
  return ensemble.members.map((member) => member.address);
}

/** From spawning three servers with empty disks to the first write. */
async function startTime(kind: Kind): Promise<number> {
  await using ensemble = await RealEnsemble.create(threeOf(kind));
  const startMs = performance.now();
  ensemble.startAll();
  return (await firstWrite(addressesOf(ensemble), 60_000)) - startMs;
}

interface Failover {
  /** From the signal to the next write through a survivor. */
  readonly ms: number;
  /** Clients at surviving members whose connection was closed. */
  readonly disconnects: number;
}

async function failover(kind: Kind, signal: 'SIGKILL' | 'SIGTERM'): Promise<Failover> {
  await using ensemble = await RealEnsemble.started(threeOf(kind));
  await firstWrite(addressesOf(ensemble), 10_000);
  const leader = await ensemble.leader();
  const others = ensemble.members
    .filter((member) => member !== leader)
    .map((member) => member.address);
  const closed = new Set<RawClient>();
  const clients: RawClient[] = [];
  for (const address of others) {
    for (let count = 0; count < clientsPerMember; count += 1) {
      const client = await RawClient.open(address, 10_000);
      client.onClose = () => closed.add(client);
      clients.push(client);
    }
  }
  const startMs = performance.now();
  const ended = leader.kill(signal);
  const atMs = await firstWrite(others, 60_000);
  await ended;
  // Those that are still there are answered; what was closed is known by then.
  const open = clients.filter((client) => !closed.has(client));
  await Promise.all(open.map((client) => client.create('/first-write').catch(() => 0)));
  const disconnects = closed.size;
  for (const client of clients) client.destroy();
  return { ms: atMs - startMs, disconnects };
}

export async function compareFailovers(rounds: number): Promise<void> {
  const start = medians(await inTurn(rounds, startTime), (ms) => ms);
  report({ what: 'start to first write', unit: 'ms', ...start, aim: 1 / 3, wantsMore: false });
  const ways = [
    { what: 'first write after kill -9 of the leader', signal: 'SIGKILL', aim: 1 / 3 },
    { what: 'first write after SIGTERM to the leader', signal: 'SIGTERM', aim: 1 / 5 },
  ] as const;
  for (const { what, signal, aim } of ways) {
    const measured = await inTurn(rounds, (kind) => failover(kind, signal));
    report({ what, unit: 'ms', ...medians(measured, ({ ms }) => ms), aim, wantsMore: false });
    const cut = medians(measured, ({ disconnects }) => disconnects);
    report({ what: '  disconnects', unit: 'of 32', ...cut, aim: 0, wantsMore: false });
  }
}
