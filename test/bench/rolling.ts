import { RealEnsemble, until } from '../support/real-ensemble.ts';
import type { Kind, Member } from '../support/real-ensemble.ts';
import { addressesOf, threeOf } from './failover.ts';
import { RawClient, firstWrite } from './raw-client.ts';
import { inTurn, medians, report } from './table.ts';

const writerCount = 4;

/** Between a member that is level again and the next one's turn, ms: the load runs undisturbed. */
const restMs = 300;

/** Writers that go on whatever happens to their servers, and the longest time in which none got through. */
class Writers {
  longestGapMs = 0;
  lost = 0;
  #lastMs = performance.now();
  #isStopping = false;
  readonly #running: Promise<void>[];

  constructor(addresses: readonly string[]) {
    this.#running = Array.from({ length: writerCount }, (_, index) => this.#run(addresses, index));
  }

  async stop(): Promise<void> {
    this.#isStopping = true;
    await Promise.all(this.#running);
  }

  async #run(addresses: readonly string[], first: number): Promise<void> {
    for (let attempt = first; !this.#isStopping; attempt += 1) {
      try {
        const client = await RawClient.open(addresses[attempt % addresses.length] ?? '', 1000);
        await this.#writeWith(client);
        client.destroy();
      } catch {
        this.lost += 1;
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
    }
  }

  async #writeWith(client: RawClient): Promise<void> {
    while (!this.#isStopping) {
      const error = await client.set('/first-write', Buffer.alloc(100));
      if (error !== 0) throw new Error(`error ${error}`);
      const nowMs = performance.now();
      this.longestGapMs = Math.max(this.longestGapMs, nowMs - this.#lastMs);
      this.#lastMs = nowMs;
    }
  }
}

/** Each member once, followers first: stopped with SIGTERM, started as `to`, level before the next. */
async function rolled(from: Kind, to: Kind): Promise<{ gapMs: number; totalMs: number }> {
  await using ensemble = await RealEnsemble.started(threeOf(from));
  await firstWrite(addressesOf(ensemble), 10_000);
  const leader = await ensemble.leader();
  const writers = new Writers(addressesOf(ensemble));
  const startMs = performance.now();
  for (const member of [...ensemble.members.filter((one) => one !== leader), leader]) {
    await member.kill('SIGTERM');
    member.start(to);
    await until(`server ${member.sid} to serve`, 60_000, () => serves(member));
    await new Promise((resolve) => setTimeout(resolve, restMs));
  }
  const totalMs = performance.now() - startMs;
  await writers.stop();
  return { gapMs: writers.longestGapMs, totalMs };
}

async function serves(member: Member): Promise<boolean> {
  return (await member.mode()) !== null;
}

export async function compareRolling(rounds: number): Promise<void> {
  const replaced = await inTurn(rounds, (kind) => rolled('apache', kind));
  const restarted = await inTurn(rounds, (kind) => rolled(kind, kind));
  for (const { what, measured, aim } of [
    { what: 'rolling restart: longest without a write', measured: restarted, aim: 1 / 2 },
    { what: 'Apache replaced by: longest without a write', measured: replaced, aim: 1 },
  ]) {
    const gap = medians(measured, ({ gapMs }) => gapMs);
    report({ what, unit: 'ms', ...gap, aim, wantsMore: false });
    const total = medians(measured, ({ totalMs }) => totalMs);
    report({ what: '  in all', unit: 'ms', ...total, aim: 1, wantsMore: false });
  }
}
