import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { OpCode } from '../../server/protocol/op-code.ts';
import { CertificateAuthority } from '../support/certificates.ts';
import { KeyFiles } from '../support/key-files.ts';
import { FakeServer } from '../client/fake-server.ts';
import { receivedRequests } from '../client/wire.ts';
import { createFrame, dataBytes, getFrame, setFrame, setWatchesFrame } from './frames.ts';
import type { LoadResult } from './load.ts';
import type { OpenLoadResult } from './open-load.ts';
import { RawClient } from './raw-client.ts';

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

test('a session comes back with its id and password, and sets its watches again', async () => {
  await using server = new FakeServer();
  const address = `127.0.0.1:${await server.listen()}`;
  const client = await RawClient.open(address, 10_000);
  await client.create('/a');
  assert.ok(client.lastZxid > 0n);
  client.destroy();
  const back = await RawClient.open(address, 10_000, client.session);
  assert.deepEqual(back.session, client.session);
  const told = new Promise<void>((done) => (back.onEvent = done));
  assert.equal(await back.request(setWatchesFrame(client.lastZxid, ['/a'])), 0);
  await back.set('/a', Buffer.alloc(1));
  await told;
  back.destroy();
  server.expireAll();
  await assert.rejects(RawClient.open(address, 10_000, client.session), /the session is gone/);
});

async function run(
  port: number,
  args: readonly string[],
  generator: string = 'load.ts',
): Promise<string> {
  const script = join(import.meta.dirname, generator);
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

test('over TLS the same load reaches a server that shows and asks for certificates', async () => {
  using files = new KeyFiles();
  const authority = new CertificateAuthority();
  const own = authority.issue({ commonName: 'server', names: ['127.0.0.1'] });
  const keys = files.keyStore('client', authority.issue({ commonName: 'client' }));
  await using server = new FakeServer({
    key: own.key,
    cert: own.certificate,
    ca: authority.certificate,
    requestCert: true,
  });
  const port = await server.listen();
  const trust = files.trustStore('trust', [authority.certificate]);
  await run(port, ['--mode', 'prepare', '--nodes', '1000', '--trust', trust, '--keys', keys]);
  assert.equal(server.nodes.has('/bench/n0000000999'), true);
});

test('at a fixed rate a server that stands still pays for all that was due meanwhile', async () => {
  await using server = new FakeServer();
  const port = await server.listen();
  await run(port, ['--mode', 'prepare', '--nodes', '1000']);
  const before = server.opCodes.length;
  // The server lives in here: while this thread waits, it answers nobody.
  const watching = setInterval(() => {
    if (server.opCodes.length < before + 100) return;
    clearInterval(watching);
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 800);
  }, 1);
  const rates = ['--reads', '900', '--writes', '100', '--seconds', '1', '--warmup', '0'];
  const result = JSON.parse(await run(port, rates, 'open-load.ts')) as OpenLoadResult;
  assert.equal(result.errors, 0);
  assert.deepEqual([result.reads.count, result.writes.count], [900, 100]);
  const seen = server.opCodes.slice(before);
  assert.equal(seen.filter((opCode) => opCode === OpCode.SET_DATA).length, 100);
  // Most were due while it stood still, and not only the few that were on their way.
  assert.ok(result.reads.p50Ms > 100, `${result.reads.p50Ms} ms`);
  assert.ok(result.reads.p99Ms > 500 && result.writes.p999Ms > 500);
});
