import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ClientConnection } from '../../server/net/client-connection.ts';
import { ClientListener } from '../../server/net/client-listener.ts';
import type { Listener, Transport } from '../../server/net/transport.ts';
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

test('connections over the limits are closed at once, and make room when they go', () => {
  const taken: ClientConnection[] = [];
  const refused: string[] = [];
  let accept: (connection: FakeConnection) => void = () => undefined;
  const transport: Transport = {
    listen: (_, handlers): Listener => {
      accept = handlers.onConnection;
      return { close: () => undefined };
    },
    connect: () => new FakeConnection(),
  };
  const listener = new ClientListener(
    transport,
    { host: '127.0.0.1', port: 0 },
    { perAddressMax: 2, totalMax: 0, frameBytesMax },
    {
      onListening: () => undefined,
      onFailure: () => undefined,
      onClient: (connection) => taken.push(connection),
      onRejected: (_, reason) => refused.push(reason),
    },
  );
  const connections = [new FakeConnection(), new FakeConnection(), new FakeConnection()];
  for (const connection of connections) accept(connection);
  assert.equal(taken.length, 2);
  assert.deepEqual(refused, ['more than 2 connections from one address; see maxClientCnxns']);
  assert.equal(connections[2]?.destroyed, true);
  listener.released({ host: '10.0.0.1', port: 4711 });
  accept(new FakeConnection());
  assert.equal(taken.length, 3);
});
