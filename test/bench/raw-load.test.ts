import assert from 'node:assert/strict';
import { test } from 'node:test';

import { OpCode } from '../../server/protocol/op-code.ts';
import { FakeServer } from '../client/fake-server.ts';
import { receivedRequests, replyFrame } from '../client/wire.ts';
import { Latencies } from './latencies.ts';
import { FrameBlock, ReplyCounter } from './load-frames.ts';
import { runLoad } from './raw-load.ts';

// Goal: what the load generator says it sent and got is what was sent and answered.
// Method: its frames decoded, replies cut everywhere, and a run in a child process against a small
// server in this one.

test('requests are numbered through and have the asked share of writes', () => {
  const block = new FrameBlock({ path: '/a', data: Buffer.alloc(10), writePercent: 10 }, 64);
  let xid = 1;
  let writes = 0;
  for (const count of [64, 1, 7, 64, 64, 50, 50]) {
    for (const request of receivedRequests(block.take(count, xid))) {
      assert.equal(request.xid, xid);
      assert.equal(request.reader.string(), '/a');
      if (request.opCode === OpCode.SET_DATA) writes += 1;
      else assert.equal(request.opCode, OpCode.GET_DATA);
      xid += 1;
    }
  }
  assert.equal(xid - 1, 300);
  assert.equal(writes, 30);
});

test('replies are counted wherever the chunks cut them; events and pings are not', () => {
  const stream = Buffer.concat([
    replyFrame(1, 5, 0, (writer) => writer.string('answer')),
    replyFrame(-1, 5, 0, (writer) => writer.string('event')),
    replyFrame(2, 5, -101),
    replyFrame(-2, 5, 0),
    replyFrame(3, 5, 0),
  ]);
  for (let size = 1; size <= stream.length; size += 1) {
    const xids: number[] = [];
    const counter = new ReplyCounter((xid) => void xids.push(xid));
    for (let at = 0; at < stream.length; at += size) counter.push(stream.subarray(at, at + size));
    assert.deepEqual([xids, counter.count, counter.errors], [[1, 2, 3], 3, 1], `chunks of ${size}`);
  }
});

test('quantiles are exact to a bucket, also beyond the last one', () => {
  const latencies = new Latencies();
  for (let ms = 1; ms <= 100; ms += 1) latencies.add(ms);
  assert.equal(latencies.quantileMs(0.5), 50.01);
  assert.equal(latencies.quantileMs(0.99), 99.01);
  latencies.add(5_000);
  assert.equal(latencies.quantileMs(1), 2_000);
  assert.equal(latencies.maxMs, 5_000);
  latencies.clear();
  assert.deepEqual([latencies.quantileMs(0.5), latencies.maxMs], [0, 0]);
});

test('a run reports operations that the server has seen, and leaves nothing behind', async () => {
  await using server = new FakeServer();
  const port = await server.listen();
  const result = await runLoad({
    hosts: `127.0.0.1:${port}`,
    mode: 'mixed',
    connections: 2,
    window: 10,
    seconds: 0.2,
    warmupSeconds: 0,
  });
  const seen = server.opCodes.filter((op) => op === OpCode.SET_DATA || op === OpCode.GET_DATA);
  assert.ok(result.operations > 0 && result.operations <= seen.length);
  assert.deepEqual([result.errors, result.lost], [0, 0]);
  assert.ok(result.p50Ms > 0 && result.p99Ms >= result.p50Ms);
  assert.deepEqual(
    [...server.nodes.keys()].filter((path) => path.includes('node-')),
    [],
  );
});
