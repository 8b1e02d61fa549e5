import assert from 'node:assert/strict';
import { test } from 'node:test';

import { HostRing } from '../../client/hosts.ts';
import { ClientSession } from '../../client/session.ts';
import { WatchTable } from '../../client/watches.ts';
import { ErrorCode } from '../../server/protocol/error-code.ts';
import { OpCode } from '../../server/protocol/op-code.ts';
import { saslToken } from '../../server/protocol/requests/access.ts';
import { clientService, DigestMd5Server } from '../../server/sasl/digest-md5.ts';
import { connectedFrame, receivedHandshake, receivedRequests, replyFrame } from './wire.ts';

// Goal: a client that has a login proves it on every connection before it asks for anything, and
// goes no further with a server that refuses it, or does not know the password itself.
// Method: the session stepped by hand; the other side is the server's half of the exchange.

class World {
  readonly session: ClientSession;
  readonly errors: number[] = [];
  readonly server = new DigestMd5Server(clientService, new Map([['bob', 's3cret']]), 'bm9uY2U=');
  nowMs = 1_000;

  constructor(password: string = 's3cret') {
    this.session = new ClientSession({
      hosts: new HostRing([{ host: 'a', port: 1 }], () => 0.5),
      watches: new WatchTable(),
      sessionTimeoutMs: 9_000,
      isReadOnlyAllowed: false,
      frameBytesMax: 1_000_000,
      sasl: { login: { username: 'bob', password }, nonce: () => 'Y25vbmNl' },
      random: () => 0,
    });
  }

  /** Up to where the server has given the session. */
  connect(): void {
    this.session.step({ type: 'tick', nowMs: this.nowMs });
    this.session.step({ type: 'opened', nowMs: this.nowMs });
    receivedHandshake(this.sent());
    this.receive(connectedFrame(7n, 9_000));
  }

  submit(): void {
    this.session.submit(
      {
        opCode: OpCode.WHO_AM_I,
        write: () => undefined,
        settle: (error) => this.errors.push(error),
      },
      this.nowMs,
    );
  }

  sent(): Buffer {
    const effects = this.session.takeEffects(this.nowMs);
    return Buffer.concat(effects.flatMap((one) => (one.type === 'send' ? [one.bytes] : [])));
  }

  /** The token that went out, alone. */
  token(): Uint8Array {
    const [request, ...others] = receivedRequests(this.sent());
    assert.equal(request?.opCode, OpCode.SASL);
    assert.deepEqual(others, []);
    return saslToken.read(request.reader) ?? assert.fail('a token was null');
  }

  receive(chunk: Buffer): void {
    this.session.step({ type: 'received', chunk, nowMs: this.nowMs });
  }

  reply(error: number, token: Uint8Array | null): void {
    this.receive(replyFrame(0, 0, error, (writer) => saslToken.write(writer, token)));
  }

  prove(): void {
    assert.equal(this.token().length, 0);
    this.reply(ErrorCode.OK, this.server.challenge());
    const verdict = this.server.judge(this.token());
    assert('proof' in verdict);
    assert.equal(verdict.username, 'bob');
    this.reply(ErrorCode.OK, verdict.proof);
  }
}

test('calls wait for the proof, on the first connection and on the next', () => {
  const world = new World();
  world.submit();
  world.connect();
  assert.equal(world.session.state, 'connecting');
  world.prove();
  assert.equal(world.session.state, 'connected');
  assert.deepEqual(
    receivedRequests(world.sent()).map(({ opCode }) => opCode),
    [OpCode.WHO_AM_I],
  );
  world.session.step({ type: 'lost', reason: 'cut', nowMs: world.nowMs });
  assert.equal(world.session.state, 'suspended');
  world.submit();
  world.connect();
  assert.equal(world.session.state, 'suspended');
  world.prove();
  assert.equal(world.session.state, 'connected');
  assert.equal(receivedRequests(world.sent()).length, 1);
  assert.deepEqual(world.errors, [ErrorCode.CONNECTION_LOSS]);
});

test('a refusal ends the session, and what waits fails with it', () => {
  for (const error of [ErrorCode.AUTH_FAILED, ErrorCode.SESSION_CLOSED_REQUIRE_SASL_AUTH]) {
    const world = new World('wrong');
    world.submit();
    world.connect();
    world.token();
    world.reply(ErrorCode.OK, world.server.challenge());
    assert('refused' in world.server.judge(world.token()));
    world.reply(error, null);
    assert.equal(world.session.state, 'closed');
    assert.deepEqual(world.errors, [ErrorCode.AUTH_FAILED]);
    assert.match(world.session.lastFailure ?? '', /as bob: the server does not accept/);
    assert.doesNotMatch(world.session.lastFailure ?? '', /wrong/);
  }
});

test('a server that cannot prove that it knows the password is left', () => {
  const world = new World();
  world.connect();
  world.token();
  world.reply(ErrorCode.OK, world.server.challenge());
  world.token();
  world.reply(ErrorCode.OK, Buffer.from(`rspauth=${'0'.repeat(32)}`));
  assert.equal(world.session.state, 'closed');
  assert.equal(world.session.endError, ErrorCode.AUTH_FAILED);
});

test('a server that never asks, or asks for something else, is left', () => {
  for (const [token, pattern] of [
    [null, /no section Server/],
    [Buffer.from('what?'), /cannot be read/],
    [Buffer.from('nonce="x",qop="auth-conf",algorithm=md5-sess'), /does not have/],
  ] as const) {
    const world = new World();
    world.connect();
    world.token();
    world.reply(ErrorCode.OK, token);
    assert.equal(world.session.state, 'closed');
    assert.match(world.session.lastFailure ?? '', pattern);
  }
});

test('a connection that breaks on the way is tried again, one that is silent is given up', () => {
  const world = new World();
  world.connect();
  world.token();
  world.session.step({ type: 'lost', reason: 'cut', nowMs: world.nowMs });
  world.connect();
  world.token();
  world.nowMs += 60_000;
  world.session.step({ type: 'tick', nowMs: world.nowMs });
  assert.equal(world.session.lastFailure, 'no answer in time');
  world.nowMs += 60_000;
  world.connect();
  world.prove();
  assert.equal(world.session.state, 'connected');
});
