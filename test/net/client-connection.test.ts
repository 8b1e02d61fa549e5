import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ClientConnection } from '../../server/net/client-connection.ts';
import { ClientListener } from '../../server/net/client-listener.ts';
import type { ClientLimits } from '../../server/net/client-listener.ts';
import type { Listener, ListenHandlers, Transport } from '../../server/net/transport.ts';
import { JuteError } from '../../server/protocol/jute.ts';
import { FakeConnection } from './fake-connection.ts';

// Goal: the bytes of a client become frames or a word, however they are cut; limits hold.
// Method: push bytes into a connection at every split point.

const frameBytesMax = 64;

function fed(chunks: readonly Buffer[]): { words: string[]; frames: string[] } {
  const raw = new FakeConnection();
  const connection = new ClientConnection(raw, frameBytesMax);
  const words: string[] = [];
  const frames: string[] = [];
  connection.onWord = (word) => words.push(word);
  connection.onInput = () => {
    const decoder = connection.frames;
    while (decoder.next()) {
      frames.push(decoder.buffer.toString('latin1', decoder.start, decoder.end));
    }
  };
  for (const chunk of chunks) raw.onData(chunk);
  return { words, frames };
}

test('a word is seen at every split of its four letters', () => {
  const bytes = Buffer.from('ruok');
  for (let at = 1; at < bytes.length; at += 1) {
    const { words, frames } = fed([bytes.subarray(0, at), bytes.subarray(at)]);
    assert.deepEqual([words, frames], [['ruok'], []]);
  }
});

test('frames are found at every split', () => {
  const bytes = Buffer.concat(
    ['first', '', 'third'].map((text) => {
      const frame = Buffer.alloc(4 + text.length);
      frame.writeInt32BE(text.length);
      frame.write(text, 4);
      return frame;
    }),
  );
  for (let at = 1; at < bytes.length; at += 1) {
    const { words, frames } = fed([bytes.subarray(0, at), bytes.subarray(at)]);
    assert.deepEqual([words, frames], [[], ['first', '', 'third']]);
  }
});

test('letters behind the first frame are no word', () => {
  const { words, frames } = fed([Buffer.from('00000004', 'hex'), Buffer.from('ruok')]);
  assert.deepEqual([words, frames], [[], ['ruok']]);
});

test('a length over the limit, or a negative one, is refused before its bytes come', () => {
  for (const length of [frameBytesMax + 1, -1]) {
    const head = Buffer.alloc(4);
    head.writeInt32BE(length);
    assert.throws(() => fed([head]), JuteError);
  }
});

test('replies that gathered leave before an orderly close, and nothing is sent after', () => {
  const raw = new FakeConnection();
  const connection = new ClientConnection(raw, frameBytesMax);
  connection.sendText('imok');
  connection.closeAfterReplies();
  connection.closeAfterReplies();
  assert.equal(raw.written.toString(), 'imok');
  assert.equal(raw.writes.length, 1);
  assert.equal(raw.ended, true);
});

/** A listener that a test brings its connections. */
function listening(limits: Partial<ClientLimits>): {
  readonly listener: ClientListener;
  readonly accept: (connection: FakeConnection) => void;
  readonly taken: ClientConnection[];
  readonly refused: string[];
  readonly backlogCount: number | undefined;
} {
  const taken: ClientConnection[] = [];
  const refused: string[] = [];
  let handlers: ListenHandlers | null = null;
  const transport: Transport = {
    listen: (_, given): Listener => {
      handlers = given;
      return { close: () => undefined };
    },
    connect: () => new FakeConnection(),
  };
  const listener = new ClientListener(
    transport,
    { host: '127.0.0.1', port: 0 },
    { perAddressMax: 0, totalMax: 0, frameBytesMax, ...limits },
    {
      onListening: () => undefined,
      onFailure: () => undefined,
      onClient: (connection) => taken.push(connection),
      onRejected: (_, reason) => refused.push(reason),
    },
  );
  const { onConnection, backlogCount } = handlers ?? assert.fail('it listens');
  return { listener, accept: onConnection, taken, refused, backlogCount };
}

test('connections over the limits are closed at once, and make room when they go', () => {
  const { listener, accept, taken, refused } = listening({ perAddressMax: 2 });
  const connections = [new FakeConnection(), new FakeConnection(), new FakeConnection()];
  for (const connection of connections) accept(connection);
  assert.equal(taken.length, 2);
  assert.deepEqual(refused, ['more than 2 connections from one address; see maxClientCnxns']);
  assert.equal(connections[2]?.destroyed, true);
  listener.released({ host: '10.0.0.1', port: 4711 });
  accept(new FakeConnection());
  assert.equal(taken.length, 3);
});

test('maxCnxns: connections in all are bounded, wherever they come from', () => {
  const { accept, taken, refused } = listening({ totalMax: 1 });
  accept(new FakeConnection());
  accept(new FakeConnection());
  assert.equal(taken.length, 1);
  assert.deepEqual(refused, ['more than 1 connections; see maxCnxns']);
});

test('clientTcpKeepAlive: the system looks after silent connections where that is wanted', () => {
  for (const keepAlive of [true, false]) {
    let count = 0;
    const connection = Object.assign(new FakeConnection(), { keepAlive: () => (count += 1) });
    listening({ keepAlive }).accept(connection);
    assert.equal(count, keepAlive ? 1 : 0);
  }
});

test('clientPortListenBacklog: the system is told how many connections to queue', () => {
  assert.equal(listening({ backlogCount: 7 }).backlogCount, 7);
  assert.equal(listening({ backlogCount: null }).backlogCount, undefined);
});
