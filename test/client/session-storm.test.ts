import assert from 'node:assert/strict';
import { test } from 'node:test';

import { HostRing } from '../../client/hosts.ts';
import { ClientSession } from '../../client/session.ts';
import type { SessionState } from '../../client/session-events.ts';
import { WatchTable } from '../../client/watches.ts';
import { ErrorCode } from '../../server/protocol/error-code.ts';
import { OpCode } from '../../server/protocol/op-code.ts';
import { connectedFrame, receivedHandshake, receivedRequests, replyFrame } from './wire.ts';

// Goal: whatever happens to connections, every call is answered exactly once, answers that came
// from a server are in the order of the calls, and no call waits for ever.
// Method: a session against a counted-out storm of cuts, silences, half frames and expiry, on a
// clock that only this test moves; the seed is in the name of what fails.

const timeoutMs = 6_000;

/** A server that answers what it got, a piece at a time, or not at all. */
class StormServer {
  /** Written by the client on this connection. */
  received: Buffer = Buffer.alloc(0);
  /** For the client, not delivered yet. */
  pending: Buffer = Buffer.alloc(0);
  #isGreeted = false;

  take(bytes: Buffer, isExpired: boolean): void {
    let requests = bytes;
    if (!this.#isGreeted) {
      this.#isGreeted = true;
      const { sessionId } = receivedHandshake(bytes);
      const answer = isExpired ? connectedFrame(0n, 0) : connectedFrame(sessionId || 7n, timeoutMs);
      this.#write(answer);
      requests = bytes.subarray(4 + bytes.readInt32BE());
    }
    for (const { xid, opCode, reader } of receivedRequests(requests)) {
      if (opCode === OpCode.SYNC) {
        const text = reader.string();
        this.#write(replyFrame(xid, 1, 0, (writer) => writer.string(text)));
      } else {
        this.#write(replyFrame(xid, 1, 0));
      }
    }
  }

  #write(bytes: Buffer): void {
    this.pending = Buffer.concat([this.pending, bytes]);
  }
}

class Storm {
  readonly session: ClientSession;
  readonly answers = new Map<number, number>();
  readonly served: number[] = [];
  readonly states: SessionState[] = [];
  callCount = 0;
  isExpired = false;
  #nowMs = 0;
  #server: StormServer | null = null;
  #isDialling = false;
  readonly #random: () => number;

  constructor(seed: number) {
    let state = seed;
    this.#random = () => {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
      return state / 2 ** 32;
    };
    this.session = new ClientSession({
      hosts: new HostRing([{ host: 'a', port: 1 }], this.#random),
      watches: new WatchTable(),
      sessionTimeoutMs: timeoutMs,
      isReadOnlyAllowed: false,
      frameBytesMax: 1_000,
      sasl: null,
      random: this.#random,
    });
  }

  /** One event of the storm. */
  blow(): void {
    const chance = this.#random();
    if (chance < 0.35) this.#submit();
    else if (chance < 0.65) this.#deliver();
    else if (chance < 0.8) this.#answerDial();
    else if (chance < 0.85) this.#lose();
    else this.#pass(Math.floor(this.#random() * 2_500));
    this.#perform();
  }

  /** Fair weather: everything is delivered at once, until nothing happens any more. */
  settle(): void {
    for (let round = 0; round < 20; round += 1) {
      this.#answerDial();
      this.#perform();
      while (this.#server !== null && this.#server.pending.length > 0) {
        this.#deliver();
        this.#perform();
      }
      this.#pass(500);
      this.#perform();
    }
  }

  #submit(): void {
    const number = this.callCount;
    this.callCount += 1;
    this.session.submit(
      {
        opCode: OpCode.SYNC,
        write: (writer) => writer.string(String(number)),
        settle: (error, reader) => {
          assert.ok(!this.answers.has(number), `call ${number} is answered twice`);
          this.answers.set(number, error);
          if (error !== ErrorCode.OK) return;
          assert.equal(reader.string(), String(number), 'a call gets its own reply');
          this.served.push(number);
        },
      },
      this.#nowMs,
    );
  }

  #deliver(): void {
    const server = this.#server;
    if (server === null || server.pending.length === 0) return;
    const bytes = 1 + Math.floor(this.#random() * server.pending.length);
    const chunk = server.pending.subarray(0, bytes);
    server.pending = server.pending.subarray(bytes);
    this.session.step({ type: 'received', chunk, nowMs: this.#nowMs });
  }

  #answerDial(): void {
    if (!this.#isDialling) return;
    this.#isDialling = false;
    this.#server = new StormServer();
    this.session.step({ type: 'opened', nowMs: this.#nowMs });
  }

  #lose(): void {
    if (this.#server === null && !this.#isDialling) return;
    this.#server = null;
    this.#isDialling = false;
    this.session.step({ type: 'lost', reason: 'storm', nowMs: this.#nowMs });
  }

  #pass(ms: number): void {
    this.#nowMs += ms;
    if (this.#nowMs >= this.session.nextDeadlineMs()) {
      this.session.step({ type: 'tick', nowMs: this.#nowMs });
    }
  }

  #perform(): void {
    for (const effect of this.session.takeEffects(this.#nowMs)) {
      switch (effect.type) {
        case 'dial':
          assert.equal(this.#server, null, 'one connection at a time');
          this.#isDialling = true;
          break;
        case 'send':
          assert.notEqual(this.#server, null, 'nothing is sent without a connection');
          this.#server?.take(effect.bytes, this.isExpired);
          break;
        case 'hangUp':
          this.#server = null;
          this.#isDialling = false;
          break;
        case 'state':
          this.states.push(effect.state);
          break;
        case 'look':
        case 'watch':
          break;
      }
    }
  }
}

const seeds = Array.from({ length: 300 }, (_, index) => index + 1);

test('every call is answered once, in order, and none is left when the storm is over', () => {
  let served = 0;
  let lost = 0;
  for (const seed of seeds) {
    const storm = new Storm(seed);
    for (let count = 0; count < 300; count += 1) storm.blow();
    storm.settle();
    assert.equal(storm.answers.size, storm.callCount, `seed ${seed}: no call is left`);
    assert.deepEqual(
      storm.served,
      storm.served.toSorted((a, b) => a - b),
      `seed ${seed}: in order`,
    );
    for (const error of storm.answers.values()) {
      assert.ok(error === ErrorCode.OK || error === ErrorCode.CONNECTION_LOSS, `seed ${seed}`);
    }
    assert.equal(storm.session.state, 'connected', `seed ${seed}: fair weather connects`);
    served += storm.served.length;
    lost += storm.callCount - storm.served.length;
  }
  assert.ok(served > 5_000 && lost > 1_000, `${served} served, ${lost} lost: both happen`);
});

test('after the end of a session nothing is left either, and nothing is dialled', () => {
  let expired = 0;
  for (const seed of seeds) {
    const storm = new Storm(seed);
    for (let count = 0; count < 100; count += 1) storm.blow();
    storm.isExpired = true;
    for (let count = 0; count < 400; count += 1) storm.blow();
    storm.settle();
    assert.equal(storm.answers.size, storm.callCount, `seed ${seed}`);
    if (!storm.session.isOver) continue;
    assert.equal(storm.states.at(-1), 'expired');
    assert.equal(storm.states.filter((state) => state === 'expired').length, 1);
    assert.equal(storm.session.nextDeadlineMs(), Infinity);
    expired += 1;
  }
  assert.ok(expired > seeds.length / 2, `${expired} of ${seeds.length} sessions expired`);
});
