import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { OpCode } from '../../server/protocol/op-code.ts';
import { FakeServer } from '../client/fake-server.ts';
import { receivedRequests } from '../client/wire.ts';
import { createFrame, dataBytes, getFrame, setFrame } from './frames.ts';
import type { LoadResult } from './load.ts';

// Goal: what the load generator says it sent and got is what was sent and answered.
// Method: its frames decoded by the server's codecs, and runs against a small server in here.

test('the hand-made frames are the requests they claim to be', () => {
  const requests = receivedRequests(Buffer.concat([setFrame(7), getFrame(7), createFrame('/x')]));
  assert.deepEqual(
    [...requests].map(({ opCode, reader }) => [opCode, reader.string()]),
    [
      [OpCode.SET_DATA, '/bench/n0000000007'],
      [OpCode.GET_DATA, '/bench/n0000000007'],
      [OpCode.CREATE, '/x'],
    ],
  );
  const [set] = receivedRequests(setFrame(1));
  assert.ok(set !== undefined);
  set.reader.string();
  assert.equal(set.reader.bytes()?.length, dataBytes);
});

async function run(port: number, args: readonly string[]): Promise<string> {
  const script = join(import.meta.dirname, 'load.ts');
  const child = spawn(process.execPath, [script, '--hosts', `127.0.0.1:${port}`, ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const code = await new Promise((done) => child.on('exit', done));
  assert.equal(code, 0);
  return output;
}

test('a run counts operations that the server has seen, a tenth of them writes', async () => {
  await using server = new FakeServer();
  const port = await server.listen();
  await run(port, ['--mode', 'prepare', '--nodes', '1000']);
  assert.equal(server.nodes.has('/bench/n0000000999'), true);
  const before = server.opCodes.length;
  const args = ['--mode', 'mixed', '--connections', '2', '--window', '10'];
  const output = await run(port, [...args, '--seconds', '0.3', '--warmup', '0']);
  const result = JSON.parse(output) as LoadResult;
  const seen = server.opCodes.slice(before);
  const writes = seen.filter((opCode) => opCode === OpCode.SET_DATA).length;
  const reads = seen.filter((opCode) => opCode === OpCode.GET_DATA).length;
  assert.equal(result.errors, 0);
  assert.ok(result.ops > 0 && result.ops <= writes + reads);
  assert.ok(Math.abs(writes / (writes + reads) - 0.1) < 0.03, `${writes} of ${writes + reads}`);
  assert.ok(result.p50Ms > 0 && result.p99Ms >= result.p50Ms);
});
