// Goal: settings of clients, nodes and sizes reach the server that a zoo.cfg starts.
// Method: a server in this process for each setting, and sessions on real sockets.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtempDisposableSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { aclOpen } from '../../server/protocol/acl.ts';
import { ErrorCode } from '../../server/protocol/error-code.ts';
import { JuteReader, JuteWriter } from '../../server/protocol/jute.ts';
import { OpCode } from '../../server/protocol/op-code.ts';
import { whoAmIResponse } from '../../server/protocol/requests/access.ts';
import { writeCreateRequest } from '../../server/protocol/requests/create.ts';
import { getDataResponse, readRequest } from '../../server/protocol/requests/read.ts';
import { RawSession } from '../support/raw-session.ts';
import { RealEnsemble, until } from '../support/real-ensemble.ts';
import { startStandalone } from '../support/standalone.ts';

function createOf(opCode: number, path: string, data: Uint8Array): Uint8Array {
  const writer = new JuteWriter();
  const flags = opCode === OpCode.CREATE_CONTAINER ? 4 : 0;
  writeCreateRequest(writer, { op: 'create', opCode, path, data, acl: aclOpen, flags, ttlMs: -1 });
  return writer.take();
}

function readOf(path: string): Uint8Array {
  const writer = new JuteWriter();
  readRequest.write(writer, { path, watch: false });
  return writer.take();
}

function pathOf(path: string): Uint8Array {
  const writer = new JuteWriter();
  writer.string(path);
  return writer.take();
}

test('jute.maxbuffer: values of that size are written, read, and there after a restart', async () => {
  const data = Buffer.alloc(5_000_000, 'x');
  const properties = { 'jute.maxbuffer': '6000000' };
  using directory = mkdtempDisposableSync(join(tmpdir(), 'zkensemble-large-'));
  {
    await using first = await startStandalone([], properties, directory.path);
    const writer = await RawSession.open(first.port, { timeoutMs: 10_000 });
    assert.equal(await writer.request(OpCode.CREATE, createOf(OpCode.CREATE, '/a', data)), 0);
  }
  await using second = await startStandalone([], properties, directory.path);
  const reader = await RawSession.open(second.port, { timeoutMs: 10_000 });
  const { error, body } = await reader.ask(OpCode.GET_DATA, readOf('/a'));
  assert.equal(error, 0);
  const found = getDataResponse.read(new JuteReader(body)).data;
  assert(data.equals(found ?? Buffer.alloc(0)));
});

test('jute.maxbuffer: values of that size go to every member, also to one that comes late', async () => {
  const data = Buffer.alloc(5_000_000, 'y');
  await using ensemble = await RealEnsemble.started({
    members: [{ kind: 'ours' }, { kind: 'ours' }, { kind: 'ours' }],
    properties: { 'jute.maxbuffer': '6000000' },
  });
  const leader = await ensemble.leader();
  const [late, follower] = ensemble.members.filter((member) => member !== leader);
  assert(late !== undefined && follower !== undefined);
  await late.kill('SIGKILL');
  late.wipe();
  const writer = await RawSession.open(follower.clientPort, { timeoutMs: 10_000 });
  assert.equal(await writer.request(OpCode.CREATE, createOf(OpCode.CREATE, '/a', data)), 0);
  late.start();
  await until('the late one serves', 30_000, async () => (await late.mode()) !== null);
  for (const { clientPort } of [leader, late]) {
    const reader = await RawSession.open(clientPort, { timeoutMs: 10_000 });
    await reader.request(OpCode.SYNC, pathOf('/a'));
    const { body } = await reader.ask(OpCode.GET_DATA, readOf('/a'));
    assert(data.equals(getDataResponse.read(new JuteReader(body)).data ?? Buffer.alloc(0)));
  }
});

test('znode.container.maxNeverUsedIntervalMs: a container that never had a child goes after that', async () => {
  const properties = { 'znode.container.checkIntervalMs': '20' };
  await using keeps = await startStandalone([], properties);
  await using drops = await startStandalone([], {
    ...properties,
    'znode.container.maxNeverUsedIntervalMs': '50',
  });
  const create = createOf(OpCode.CREATE_CONTAINER, '/c', Buffer.alloc(0));
  const [kept, dropped] = await Promise.all(
    [keeps, drops].map(({ port }) => RawSession.open(port, { timeoutMs: 10_000 })),
  );
  assert(kept !== undefined && dropped !== undefined);
  assert.equal(await kept.request(OpCode.CREATE_CONTAINER, create), 0);
  assert.equal(await dropped.request(OpCode.CREATE_CONTAINER, create), 0);
  await until('it is gone', 10_000, async () => {
    return (await dropped.exists('/c')) === ErrorCode.NO_NODE;
  });
  assert.equal(await kept.exists('/c'), 0, 'without the setting it stays');
});

test('DigestAuthenticationProvider.digestAlg: what a client proves is hashed with that', async () => {
  await using server = await startStandalone(['DigestAuthenticationProvider.digestAlg=SHA-256']);
  const session = await RawSession.open(server.port, { timeoutMs: 10_000 });
  session.addAuth('digest', 'bob:pw');
  const { body } = await session.ask(OpCode.WHO_AM_I, new Uint8Array(0));
  const names = whoAmIResponse.read(new JuteReader(body)).map(({ user }) => user);
  assert.deepEqual(names, ['127.0.0.1', 'bob']);
  const id = `bob:${createHash('sha256').update('bob:pw').digest('base64')}`;
  const own = new JuteWriter();
  const acl = [{ perms: 31, id: { scheme: 'digest', id } }];
  const create = {
    op: 'create',
    opCode: OpCode.CREATE,
    path: '/own',
    flags: 0,
    ttlMs: -1,
  } as const;
  writeCreateRequest(own, { ...create, data: null, acl });
  assert.equal(await session.request(OpCode.CREATE, own.take()), 0);
  assert.equal((await session.ask(OpCode.GET_DATA, readOf('/own'))).error, 0, 'it is its own');
  const stranger = await RawSession.open(server.port, { timeoutMs: 10_000 });
  assert.equal((await stranger.ask(OpCode.GET_DATA, readOf('/own'))).error, ErrorCode.NO_AUTH);
});

test('DigestAuthenticationProvider.enabled=false: nobody proves anything by digest', async () => {
  await using server = await startStandalone(['DigestAuthenticationProvider.enabled=false']);
  const session = await RawSession.open(server.port, { timeoutMs: 10_000 });
  session.addAuth('digest', 'bob:pw');
  await assert.rejects(session.exists('/'), /closed/);
});
