import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { RawSession } from '../support/raw-session.ts';
import { until } from '../support/real-ensemble.ts';
import type { Member } from '../support/real-ensemble.ts';
import { int32 } from '../support/intruder.ts';
import { chanceOf, mutant } from './mutate.ts';
import type { Chance } from './mutate.ts';
import { wireSubjects } from './subjects-wire.ts';

/** Ports of a member, and what is sent there. */
export type Target =
  | 'client, first bytes'
  | 'client, in a session'
  | 'secure'
  | 'election'
  | 'quorum'
  | 'admin';

export interface StormOptions {
  readonly members: readonly Member[];
  /** Of each member, in their order; empty: none is open. */
  readonly securePorts: readonly number[];
  /** Messages in all, over all targets. */
  readonly inputs: number;
  readonly seed: number;
}

/** Connections at a time. */
const crowd = 48;
/** Requests that one session sends before it goes. */
const sessionInputs = 8;
/** A server has so long to say something or to close before the storm goes on, ms. */
const answerMsMax = 40;

const corpora = new Map(wireSubjects.map(({ name, corpus }) => [name, corpus]));

function corpusOf(name: string): readonly Buffer[] {
  const corpus = corpora.get(name);
  if (corpus === undefined || corpus.length === 0) throw new Error(`no inputs ${name}`);
  return corpus;
}

const http = [
  'GET /commands/stats HTTP/1.1\r\nHost: a\r\n\r\n',
  'POST /commands/restore HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\nAuthorization: digest a:b\r\n\r\n123456789',
  'GET /metrics HTTP/1.0\r\nX-Forwarded-For: 127.0.0.1\r\nForwarded: for=127.0.0.1\r\n\r\n',
  'GET /commands/watches_by_path?x=%00%ff HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n0\r\n\r\n',
].map((text) => Buffer.from(text));

const hello = Buffer.from(
  `160301006a0100006603035a${'11'.repeat(31)}00000613011302c02f01000037000a00040002001d000b00020100000d00080006040308040401002b0003020304003300150013001d000f${'22'.repeat(15)}`,
  'hex',
);

/**
 * Sends mutants of recorded messages to every port of the members; how many, by target. Requests go
 * by sessions that were opened properly, so that they reach the leader and the log as far as they can.
 */
export async function storm(options: StormOptions): Promise<ReadonlyMap<Target, number>> {
  const sent = new Map<Target, number>();
  const budget = { left: options.inputs };
  const take = (wanted: number, target: Target): number => {
    const count = Math.min(wanted, budget.left);
    budget.left -= count;
    sent.set(target, (sent.get(target) ?? 0) + count);
    return count;
  };
  const workers = Array.from({ length: crowd }, async (_, index) => {
    const chance = chanceOf(options.seed * 1000 + index);
    while (budget.left > 0) await one(options, chance, take);
  });
  await Promise.all(workers);
  return sent;
}

type Take = (wanted: number, target: Target) => number;

async function one(options: StormOptions, chance: Chance, take: Take): Promise<void> {
  const at = chance(options.members.length);
  const member = options.members[at];
  if (member === undefined) return;
  switch (chance(8)) {
    case 0: {
      take(1, 'client, first bytes');
      return shout(member.clientPort, [firstBytes(chance)], chance);
    }
    case 1:
      take(1, 'election');
      return shout(member.electionPort, electionBytes(chance), chance);
    case 2:
      take(1, 'quorum');
      return shout(member.quorumPort, quorumBytes(chance), chance);
    case 3:
      take(1, 'admin');
      return shout(member.adminPort, [mutantOf(http, chance)], chance);
    case 4: {
      const port = options.securePorts[at];
      if (port === undefined) return;
      take(1, 'secure');
      return shout(port, [mutantOf([hello, ...corpusOf('client frames')], chance)], chance);
    }
    default:
      return inSession(member, chance, () => take(1, 'client, in a session') === 1);
  }
}

function mutantOf(inputs: readonly Buffer[], chance: Chance): Buffer {
  const input = inputs[chance(inputs.length)] ?? Buffer.alloc(0);
  return mutant(input, inputs[chance(inputs.length)] ?? Buffer.alloc(0), chance);
}

function framed(bytes: Buffer): Buffer {
  return Buffer.concat([int32(bytes.length), bytes]);
}

function firstBytes(chance: Chance): Buffer {
  if (chance(3) === 0) return mutantOf(corpusOf('client frames'), chance);
  return framed(mutantOf(corpusOf('connect requests'), chance));
}

/** A greeting that may be whole, and a vote behind it. */
function electionBytes(chance: Chance): Buffer[] {
  const greetings = corpusOf('greetings');
  const greeting =
    chance(2) === 0
      ? (greetings[chance(greetings.length)] ?? Buffer.alloc(0))
      : mutantOf(greetings, chance);
  return [greeting, framed(mutantOf(corpusOf('votes'), chance))];
}

/** The beginning of a learner that may be right, and packets of any phase. */
function quorumBytes(chance: Chance): Buffer[] {
  const packets = corpusOf('quorum packets');
  const first = packets.filter((bytes) => bytes.readInt32BE() === 11);
  const begun = chance(2) === 0 ? [mutantOf(first, chance)] : [];
  return [...begun, mutantOf(packets, chance), mutantOf(packets, chance)];
}

/** Sends, waits for an answer or the end for a moment, and leaves in one of the ways there are. */
async function shout(port: number, pieces: readonly Buffer[], chance: Chance): Promise<void> {
  const socket = connect({ host: '127.0.0.1', port });
  socket.on('error', () => undefined);
  const heard = new Promise<void>((done) => {
    const timer = setTimeout(done, 2000);
    const finish = (): void => {
      clearTimeout(timer);
      done();
    };
    socket.once('connect', () => {
      for (const piece of pieces) socket.write(piece);
      clearTimeout(timer);
      setTimeout(done, answerMsMax);
    });
    socket.once('data', finish);
    socket.once('close', finish);
  });
  await heard;
  leave(socket, chance);
}

function leave(socket: Socket, chance: Chance): void {
  if (chance(3) === 0) socket.destroy();
  else socket.resetAndDestroy();
}

async function inSession(member: Member, chance: Chance, may: () => boolean): Promise<void> {
  let session: RawSession;
  try {
    session = await RawSession.open(member.clientPort, { timeoutMs: 4000 });
  } catch {
    // Nobody is promised a session in a storm; those who behave are watched elsewhere.
    return;
  }
  for (let sent = 0; sent < sessionInputs && !session.isClosed && may(); sent += 1) {
    session.send(framed(mutantOf(corpusOf('client requests'), chance)));
    // One at a time and many at once.
    if (chance(4) === 0) await new Promise((done) => setImmediate(done));
  }
  await until('an end', answerMsMax, () => session.isClosed).catch(() => undefined);
  session.destroy();
}
