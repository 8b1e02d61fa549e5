import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Kind } from '../support/real-ensemble.ts';
import { Member } from './member.ts';
import { fairWeather } from './network.ts';
import type { Cut, Network, Weather } from './network.ts';

const pollMs = 100;
const watchMs = 250;

/** Who leads, as far as anybody can be asked. */
export interface Leadership {
  readonly epoch: number;
  readonly member: Member;
}

/** An ensemble on a network, and what is wrong with both. */
export class World {
  readonly members: readonly Member[];
  readonly network: Network;
  /** Every leadership that was seen, by its epoch. */
  readonly leaders: Map<number, Member> = new Map();
  readonly #weathers = new Set<Partial<Weather>>();
  #change: Promise<void> = Promise.resolve();
  #isWatched = true;

  constructor(
    kinds: readonly Kind[],
    directory: string,
    network: Network,
    command: readonly string[] | null = null,
  ) {
    this.network = network;
    this.members = kinds.map(
      (kind, index) =>
        new Member(index + 1, kind, join(directory, String(index + 1)), network, command),
    );
    for (const member of this.members) member.writeFiles(this.members);
    void this.#watch();
  }

  get connectString(): string {
    return this.members.map(({ address }) => address).join(',');
  }

  /** Adds to what is wrong; the result takes it away again. */
  async worsen(weather: Partial<Weather>): Promise<() => Promise<void>> {
    this.#weathers.add(weather);
    await this.#apply();
    return async () => {
      this.#weathers.delete(weather);
      await this.#apply();
    };
  }

  /** The leader of the highest epoch that somebody names now. */
  async leader(): Promise<Leadership | null> {
    let found: Leadership | null = null;
    await Promise.all(
      this.members.map(async (member) => {
        if (!member.isRunning || member.isPaused) return;
        const status = await member.status();
        if (status?.mode !== 'leader') return;
        const { epoch } = status;
        this.leaders.set(epoch, member);
        if (found === null || epoch > found.epoch) found = { epoch, member };
      }),
    );
    return found;
  }

  /** Takes away everything that is wrong. */
  async heal(): Promise<void> {
    this.#weathers.clear();
    await this.#apply();
    for (const member of this.members) {
      if (member.isPaused) member.resume();
      member.start();
    }
  }

  /** Milliseconds until every member served; `null`: some did not in that time. */
  async servesWithin(withinMs: number): Promise<number | null> {
    const startMs = performance.now();
    for (;;) {
      const modes = await Promise.all(this.members.map((member) => member.status()));
      const nowMs = performance.now() - startMs;
      if (modes.every((status) => status !== null)) return nowMs;
      if (nowMs > withinMs) return null;
      await delay(pollMs);
    }
  }

  /** What members that ended by themselves have left behind, since the last call. */
  takeDeaths(kind: Kind): string[] {
    return this.members
      .filter((member) => member.kind === kind)
      .flatMap((member) => member.deaths.splice(0));
  }

  async destroy(): Promise<void> {
    this.#isWatched = false;
    await Promise.all(this.members.map((member) => member.end('SIGKILL')));
  }

  /** Leaderships come and go between faults, too. */
  async #watch(): Promise<void> {
    while (this.#isWatched) {
      await this.leader();
      await delay(watchMs);
    }
  }

  #apply(): Promise<void> {
    this.#change = this.#change.then(() => this.network.set(combined([...this.#weathers])));
    return this.#change;
  }
}

function combined(weathers: readonly Partial<Weather>[]): Weather {
  const cuts = new Map<string, Cut>();
  for (const cut of weathers.flatMap((weather) => weather.cuts ?? [])) cuts.set(cut.join(), cut);
  return {
    ...fairWeather,
    cuts: [...cuts.values()],
    lossPercent: Math.max(0, ...weathers.map(({ lossPercent = 0 }) => lossPercent)),
    slow: [...new Set(weathers.flatMap(({ slow = [] }) => slow))],
  };
}
