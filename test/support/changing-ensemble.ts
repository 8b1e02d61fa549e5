import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ZkError, ZooKeeper } from '../../client/index.ts';
import type { EnsembleOptions, Member } from './real-ensemble.ts';
import { RealEnsemble, until } from './real-ensemble.ts';

/** Everybody may change members, and a single server is an ensemble too. */
export const changeable: Pick<EnsembleOptions, 'settings' | 'properties'> = {
  settings: { reconfigEnabled: 'true', standaloneEnabled: 'false', skipACL: 'yes' },
};

const lines = new WeakMap<Member, string>();

/** The line of a member, with its client address: `server.1=…`; as another role if asked for. */
export function lineOf(member: Member, role: string | null = null): string {
  const line = lines.get(member);
  assert(line !== undefined, `server ${member.sid} is one of a changing ensemble`);
  return role === null ? line : line.replace(/:(participant|observer);/, `:${role};`);
}

/**
 * An ensemble whose first members are configured; the later ones know those and themselves, and
 * belong to it once they are added. Nobody runs yet.
 */
export async function changingEnsemble(
  options: EnsembleOptions,
  firstCount: number,
): Promise<RealEnsemble> {
  const settings = { ...changeable.settings, ...options.settings };
  const ensemble = await RealEnsemble.create({ ...options, settings });
  const first = ensemble.members.slice(0, firstCount);
  for (const member of ensemble.members) {
    const text = readFileSync(join(member.directory, 'zoo.cfg'), 'utf8');
    const line = new RegExp(`^server\\.${member.sid}=.*$`, 'm').exec(text)?.[0];
    lines.set(member, `${line};127.0.0.1:${member.clientPort}`);
  }
  for (const member of ensemble.members) {
    const path = join(member.directory, 'zoo.cfg');
    const kept = readFileSync(path, 'utf8')
      .split('\n')
      .filter((line) => !/^(server\.|clientPort|peerType)/.test(line) && line !== '');
    const known = first.includes(member) ? first : [...first, member];
    writeFileSync(path, `${[...kept, ...known.map((one) => lineOf(one))].join('\n')}\n`);
  }
  return ensemble;
}

/** Ids in the membership that a server shows, with `o` before observers. */
export async function membersAt(member: Member): Promise<string> {
  await using zk = await ZooKeeper.connect(member.address, { sessionTimeoutMs: 10_000 });
  const { data } = await zk.getConfig();
  const lines = Buffer.from(data ?? [])
    .toString('utf8')
    .matchAll(/^server\.(\d+)=.*?(:observer)?;/gm);
  return [...lines]
    .map(([, sid, observer]) => (observer === undefined ? sid : `o${sid}`))
    .join(' ');
}

/** Writes one node after another, whatever happens to the connection; knows what was promised. */
export class SteadyWriter implements AsyncDisposable {
  readonly acknowledged: string[] = [];
  #isStopped = false;
  #done: Promise<void> = Promise.resolve();
  #zk: ZooKeeper | null = null;
  readonly #name: string;

  constructor(name: string) {
    this.#name = name;
  }

  async start(connectString: string): Promise<void> {
    this.#zk = await ZooKeeper.connect(connectString, { sessionTimeoutMs: 20_000 });
    this.#done = this.#run(this.#zk);
    // Told of by stop(), if anybody asks.
    this.#done.catch(() => undefined);
  }

  /** That many more writes are acknowledged. */
  async grown(by: number): Promise<void> {
    const goal = this.acknowledged.length + by;
    await until(`${by} more writes`, 40_000, () => this.acknowledged.length >= goal);
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#done;
  }

  /** Whatever went wrong: it writes no more. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isStopped = true;
    await this.#zk?.close();
  }

  async #run(zk: ZooKeeper): Promise<void> {
    for (let number = 0; !this.#isStopped; number += 1) {
      const path = `/steady-${this.#name}-${number}`;
      try {
        await zk.create(path);
        this.acknowledged.push(path);
      } catch (error) {
        // Nobody knows what became of it: it is neither promised nor forbidden.
        if (!(error instanceof ZkError) || error.code !== 'CONNECTION_LOSS') throw error;
      }
    }
    await zk.close();
  }
}
