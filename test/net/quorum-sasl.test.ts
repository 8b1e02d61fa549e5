import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { QuorumSasl, saslExchangeMsMax } from '../../server/net/quorum-sasl.ts';
import type { SaslEnd } from '../../server/net/quorum-sasl.ts';
import {
  encodeQuorumAuthPacket,
  QuorumAuthStatus,
  readQuorumAuthPacket,
  saslTokenBytesMax,
} from '../../server/protocol/quorum-auth-packet.ts';
import type { QuorumVector } from '../protocol/golden.ts';
import { quorumConnections } from '../protocol/golden.ts';
import { FakeConnection } from './fake-connection.ts';

// Goal: servers authenticate each other with the reference's own bytes, whoever fails is out, and
// an ensemble can be turned over step by step.
// Method: the recorded exchanges replayed at both sides with their nonces; two sides of every
// combination of settings against each other; hostile bytes.

const users = new Map([['zkq', 's3cret']]);
const login = { username: 'zkq', password: 's3cret' };

interface Side {
  readonly connection: FakeConnection;
  readonly events: string[];
  readonly end: SaslEnd;
}

function side(): Side {
  const events: string[] = [];
  const end = {
    onDone: (rest: Buffer) => events.push(rest.length === 0 ? 'done' : `done ${rest.toString()}`),
    onRefused: (reason: string) => events.push(`refused: ${reason}`),
  };
  return { connection: new FakeConnection(), events, end };
}

interface Timers {
  readonly timer: (afterMs: number, run: () => void) => { cancel(): void };
  /** Runs whatever is due by then. */
  expire(): void;
  count(): number;
}

function timers(): Timers {
  const waiting = new Set<() => void>();
  return {
    timer(afterMs, run) {
      assert.equal(afterMs, saslExchangeMsMax);
      waiting.add(run);
      return { cancel: () => waiting.delete(run) };
    },
    expire: () => [...waiting].forEach((run) => run()),
    count: () => waiting.size,
  };
}

interface SaslSettings {
  readonly isRequired?: boolean;
  readonly login?: { readonly username: string; readonly password: string } | null;
  readonly nonce?: string;
  readonly timers?: Timers;
}

function sasl(settings: SaslSettings = {}): QuorumSasl {
  const nonce = settings.nonce ?? 'A'.repeat(40);
  return new QuorumSasl({
    users,
    login: settings.login === undefined ? login : settings.login,
    isRequired: settings.isRequired ?? true,
    random: () => Buffer.from(nonce, 'base64'),
    timer: (settings.timers ?? timers()).timer,
  });
}

function directive(frame: QuorumVector | undefined, name: string): string {
  const text = String(frame?.decoded?.['tokenText']);
  return new RegExp(`(?:^|,)${name}="([^"]*)"`).exec(text)?.[1] ?? '';
}

const recorded = ['sasl_election', 'sasl_learner'].flatMap((name) =>
  quorumConnections(name)
    .map((frames) => frames.filter((frame) => frame.kind === 'sasl'))
    .filter((frames) => frames.length === 4)
    .map((frames, index) => [`${name} ${index}`, frames] as const),
);

describe('the recorded exchanges', () => {
  assert(recorded.length >= 2, 'both ports were recorded');
  for (const [name, frames] of recorded) {
    const [first, challenge, answer, proof] = frames.map((frame) => Buffer.from(frame.hex, 'hex'));
    assert(first && challenge && answer && proof);

    test(`${name}: the side that dialled`, () => {
      const { connection, events, end } = side();
      sasl({ nonce: directive(frames[2], 'cnonce') }).initiate(connection, end);
      assert.deepEqual(connection.written, first);
      connection.onData(challenge);
      assert.deepEqual(connection.written, Buffer.concat([first, answer]));
      connection.onData(Buffer.concat([proof, Buffer.from('rest')]));
      assert.deepEqual(events, ['done rest']);
    });

    test(`${name}: the side that accepted, at every cut`, () => {
      const bytes = Buffer.concat([first, answer, Buffer.from('rest')]);
      for (let cut = 1; cut < bytes.length; cut += 1) {
        const { connection, events, end } = side();
        sasl({ nonce: directive(frames[1], 'nonce') }).accept(connection, Buffer.alloc(0), end);
        connection.onData(bytes.subarray(0, cut));
        if (events.length === 0) connection.onData(bytes.subarray(cut));
        assert.deepEqual(connection.written, Buffer.concat([challenge, proof]));
        assert.match(events.join(), /^done/);
      }
    });
  }

  test('packets: the same bytes again', () => {
    for (const [, frames] of recorded) {
      for (const frame of frames) {
        const bytes = Buffer.from(frame.hex, 'hex');
        const read = readQuorumAuthPacket(bytes);
        assert(read !== null);
        assert.equal(read.bytes, bytes.length);
        assert.deepEqual(encodeQuorumAuthPacket(read.packet), bytes);
        for (let cut = 0; cut < bytes.length; cut += 1) {
          assert.equal(readQuorumAuthPacket(bytes.subarray(0, cut)), null);
        }
      }
    }
  });
});

/** What either side writes reaches the other, until nobody says more; then the dialler goes on. */
function meet(dialling: QuorumSasl | null, accepting: QuorumSasl | null): readonly [Side, Side] {
  const [a, b] = [side(), side()];
  if (dialling === null) a.end.onDone(Buffer.alloc(0));
  else dialling.initiate(a.connection, a.end);
  if (accepting === null) b.end.onDone(Buffer.alloc(0));
  else accepting.accept(b.connection, Buffer.alloc(0), b.end);
  let sent = 0;
  let answered = 0;
  let isGreeted = false;
  for (let round = 0; round < 8; round += 1) {
    if (a.events.length > 0 && !isGreeted && a.events[0] === 'done') {
      isGreeted = true;
      a.connection.write(Buffer.from('FOLLOWER'));
    }
    const outgoing = a.connection.writes.slice(sent);
    sent += outgoing.length;
    if (outgoing.length > 0) b.connection.onData(Buffer.concat(outgoing));
    const incoming = b.connection.writes.slice(answered);
    answered += incoming.length;
    if (incoming.length > 0) a.connection.onData(Buffer.concat(incoming));
  }
  return [a, b];
}

describe('every combination on the way from none to all', () => {
  const optional = (): QuorumSasl => sasl({ isRequired: false, login: null });
  const learner = (): QuorumSasl => sasl({ isRequired: false });
  const both = (): QuorumSasl => sasl();
  type Step = readonly [string, (() => QuorumSasl) | null];
  const steps: readonly Step[] = [
    ['none', null],
    ['enabled', optional],
    ['enabled, learners authenticate', learner],
    ['required', both],
  ];
  // Each step meets itself and the next one.
  for (const [index, [from, makeFrom]] of steps.entries()) {
    for (const [to, makeTo] of steps.slice(index, index + 2)) {
      for (const [dialler, acceptor] of [
        [makeFrom, makeTo],
        [makeTo, makeFrom],
      ] as const) {
        if (makeFrom === null && makeTo === learner) continue;
        test(`${from} meets ${to}`, () => {
          const [a, b] = meet(dialler?.() ?? null, acceptor?.() ?? null);
          assert.match(a.events.join(), /^done/);
          assert.match(b.events.join(), /^done/);
        });
      }
    }
  }

  test('who must authenticate and does not is out', () => {
    const [a, b] = meet(optional(), both());
    assert.deepEqual(a.events, ['done']);
    assert.deepEqual(b.events, ['refused: no authentication packet']);
    assert.equal(b.connection.ended, true);
  });

  test('who fails where nobody insists is told, and goes by itself', () => {
    const wrong = sasl({ login: { username: 'zkq', password: 'wrong' } });
    const [a, b] = meet(wrong, optional());
    assert.deepEqual(a.events, ['refused: refused by the peer']);
    assert.deepEqual(b.events, ['done']);
    assert.equal(a.connection.ended, true);
  });
});

for (const username of ['eve', 'eve@', 'eve/x', 'zkq@', 'zkq/x', '']) {
  test(`CVE-2023-44981: "${username}" stays out, though its password is right`, () => {
    const [a, b] = meet(sasl({ login: { username, password: 's3cret' } }), sasl());
    assert.match(a.events.join(), /^refused: refused by the peer$/);
    assert.match(b.events.join(), /^refused: (wrong user or password|no user name)$/);
    assert.equal(b.connection.ended, true);
    const last = b.connection.writes.at(-1);
    assert.deepEqual(
      last,
      encodeQuorumAuthPacket({ status: QuorumAuthStatus.ERROR, token: Buffer.alloc(0) }),
    );
  });
}

test('a server that does not know the password is found out', () => {
  const impostor = new QuorumSasl({
    users: new Map([['zkq', 'guess']]),
    login: null,
    isRequired: true,
    random: (bytes) => Buffer.alloc(bytes, 1),
    timer: timers().timer,
  });
  const [a] = meet(sasl(), impostor);
  assert.match(a.events.join(), /^refused/);
  const lying = side();
  sasl().initiate(lying.connection, lying.end);
  lying.connection.onData(
    encodeQuorumAuthPacket({ status: QuorumAuthStatus.SUCCESS, token: Buffer.from('rspauth=') }),
  );
  assert.deepEqual(lying.events, ['refused: the peer does not know the password']);
});

describe('hostile bytes cost their connection', () => {
  const head = Buffer.from('5f2435013501edcc', 'hex');
  const packet = (status: number, length: number): Buffer => {
    const rest = Buffer.alloc(8);
    rest.writeInt32BE(status, 0);
    rest.writeInt32BE(length, 4);
    return Buffer.concat([head, rest]);
  };
  const cases: readonly (readonly [string, Buffer, RegExp])[] = [
    ['no packet', Buffer.from('GET / HTTP/1.1\r\n'), /no authentication packet/],
    ['an unknown status', packet(7, 0), /status 7 is unknown/],
    ['a token too long', packet(0, saslTokenBytesMax + 1), /4097 bytes is outside 0\.\.4096/],
    ['a length below -1', packet(0, -2), /-2 bytes is outside/],
    ['success out of turn', packet(1, 0), /out of turn/],
    ['an answer of garbage', Buffer.concat([packet(0, 0), packet(0, 0)]), /cannot be read/],
  ];
  for (const [name, bytes, pattern] of cases) {
    test(name, () => {
      const { connection, events, end } = side();
      sasl().accept(connection, Buffer.alloc(0), end);
      connection.onData(bytes);
      assert.match(events.join(), pattern);
      assert.equal(connection.ended, true);
      assert.equal(events.length, 1);
    });
  }

  test('silence where nobody insists is that of a stranger, until it begins an exchange', () => {
    for (const [said, outcome] of [
      [Buffer.alloc(0), 'done'],
      [encodeQuorumAuthPacket({ status: 0, token: Buffer.alloc(0) }), 'refused: no authentication'],
    ] as const) {
      const clock = timers();
      const { connection, events, end } = side();
      sasl({ timers: clock, isRequired: false }).accept(connection, said, end);
      clock.expire();
      assert.equal(events.length, 1);
      assert.match(events.join(), new RegExp(`^${outcome}`));
    }
  });

  test('an end where nobody insists is told to whoever took the connection over', () => {
    const { connection, events, end } = side();
    sasl({ isRequired: false }).accept(connection, Buffer.from('abc'), {
      ...end,
      onDone(rest) {
        end.onDone(rest);
        connection.onClose = (reason) => events.push(`closed: ${reason}`);
      },
    });
    connection.onClose('gone');
    assert.deepEqual(events, ['done abc', 'closed: gone']);
  });

  test('silence', () => {
    const clock = timers();
    const { connection, events, end } = side();
    sasl({ timers: clock }).accept(connection, Buffer.alloc(0), end);
    connection.onData(head);
    assert.equal(clock.count(), 1);
    clock.expire();
    assert.deepEqual(events, ['refused: no authentication within 5000 ms']);
    assert.equal(connection.ended, true);
    assert.equal(clock.count(), 0);
  });
});
