import { expectedOf, skipOf } from './behaviours.ts';
import type { Behaviour, ClientName, ServerName, Step } from './behaviours.ts';
import { Driver } from './driver.ts';
import type { Command } from './driver.ts';

export interface Surroundings {
  readonly client: ClientName;
  readonly server: ServerName;
  readonly command: Command;
  /** Addresses of the members, by their numbers. */
  readonly members: readonly string[];
  /** Name and password of the super user. */
  readonly superUser: string;
}

export interface Outcome {
  readonly id: string;
  readonly client: ClientName;
  readonly server: ServerName;
  readonly result: 'as expected' | 'otherwise' | 'skipped';
  /** Of a skip, or the step that went otherwise. */
  readonly why?: string;
  /** What was answered, step by step. */
  readonly answers: readonly string[];
}

/** Of a long name, bytes. */
const longBytes = 2000;

/** Connections of this name have a process of their own, that can be killed. */
const aloneName = 'z';

/** Carries out all behaviours, one after the other, each with connections and a node of its own. */
export async function carryOutAll(
  behaviours: readonly Behaviour[],
  surroundings: Surroundings,
): Promise<Outcome[]> {
  const hosts = surroundings.members.join(',');
  const driver = new Driver(surroundings.command, hosts);
  const outcomes: Outcome[] = [];
  try {
    const opened = await driver.ask('r open');
    if (opened !== 'ok') throw new Error(`${surroundings.client} does not connect: ${opened}`);
    for (const behaviour of behaviours) {
      const reason = skipOf(behaviour, surroundings.client);
      const { id } = behaviour;
      const { client, server } = surroundings;
      outcomes.push(
        reason === undefined
          ? await new Attempt(behaviour, surroundings, driver).outcome()
          : { id, client, server, result: 'skipped', why: reason, answers: [] },
      );
    }
  } finally {
    await driver.kill();
  }
  return outcomes;
}

/** One behaviour through one client on one ensemble. */
class Attempt {
  readonly #behaviour: Behaviour;
  readonly #surroundings: Surroundings;
  readonly #driver: Driver;
  readonly #root: string;
  readonly #open = new Set<string>();
  #alone: Driver | null = null;

  constructor(behaviour: Behaviour, surroundings: Surroundings, driver: Driver) {
    this.#behaviour = behaviour;
    this.#surroundings = surroundings;
    this.#driver = driver;
    this.#root = `/${surroundings.client}-${behaviour.id}`;
  }

  async outcome(): Promise<Outcome> {
    const { client, server } = this.#surroundings;
    const { id } = this.#behaviour;
    const answers: string[] = [];
    const about = { id, client, server, answers };
    try {
      await this.#prepare();
      for (const step of this.#behaviour.steps) {
        const expected = expectedOf(step, client, server);
        const answer = await this.#carryOut(expected === 'none' ? withoutWaiting(step) : step);
        answers.push(answer);
        if (answer.startsWith('cannot ')) {
          return { ...about, result: 'skipped', why: answer.slice('cannot '.length) };
        }
        if (!isAs(expected.replaceAll('CLIENT', client), answer)) {
          const why = `${step.words}: expected ${expected}, not ${answer}`;
          return { ...about, result: 'otherwise', why };
        }
      }
      return { ...about, result: 'as expected' };
    } finally {
      for (const name of this.#open) await this.#driver.ask(`${name} leave`);
      await this.#alone?.kill();
    }
  }

  async #prepare(): Promise<void> {
    const made = await this.#driver.ask(`r create ${this.#root} '' open p`);
    if (made !== this.#root) throw new Error(`${this.#root} is not made: ${made}`);
    await this.#carryOut({ name: 'a', words: 'open', expected: 'ok', otherwise: new Map() });
    await this.#driver.ask(`a sync ${this.#root}`);
  }

  async #carryOut(step: Step): Promise<string> {
    const name = step.words.startsWith('open ') ? (step.words.split(' ')[1] ?? '') : step.name;
    const words = step.words.startsWith('open ')
      ? ['open', ...step.words.split(' ').slice(2)].join(' ')
      : step.words;
    if (words === 'kill') {
      await this.#alone?.kill();
      return 'ok';
    }
    const answer = await this.#driverOf(name).ask(`${name} ${this.#filled(words)}`);
    if (name !== aloneName) {
      if (words.startsWith('open')) this.#open.add(name);
      if (words === 'close') this.#open.delete(name);
    }
    return answer.replaceAll(this.#root, '$').replaceAll('n'.repeat(longBytes), 'LONG');
  }

  #driverOf(name: string): Driver {
    if (name !== aloneName) return this.#driver;
    const { command, members } = this.#surroundings;
    this.#alone ??= new Driver(command, members.join(','));
    return this.#alone;
  }

  #filled(words: string): string {
    const { client, members, superUser } = this.#surroundings;
    return words
      .replaceAll('$', this.#root)
      .replaceAll('LONG', 'n'.repeat(longBytes))
      .replaceAll('CLIENT', client)
      .replaceAll('%super', superUser)
      .replaceAll('%01', '\u0001')
      .replaceAll(/@(\d)/g, (_, sid: string) => members[Number(sid) - 1] ?? '');
  }
}

/** Nobody waits for events that are not expected: what has come is asked for. */
function withoutWaiting(step: Step): Step {
  return { ...step, words: step.words.replace(/^events \d+$/, 'events 0') };
}

/** A client that refuses by itself what a server would call bad arguments does the same. */
function isAs(expected: string, answer: string): boolean {
  if (expected === '*') return !/^-?\d+$|^failed|^driver|^no answer/.test(answer);
  if (expected.endsWith(' *')) return answer.startsWith(expected.slice(0, -1));
  return answer === expected || (answer === 'local' && expected === '-8');
}
