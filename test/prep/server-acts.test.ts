import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Perm } from '../../server/protocol/acl.ts';
import { ErrorCode } from '../../server/protocol/error-code.ts';
import { OpCode } from '../../server/protocol/op-code.ts';
import { sessionIdNone } from '../../server/protocol/session-id.ts';
import type { WriteOp } from '../../server/prep/door.ts';
import { acl, bob, createOp, deleteOp, Leader, setDataOp } from './fixture.ts';

// Goal: the server removes idle containers and TTL nodes, and nothing that has become busy or
// was replaced; clients cannot use its power; quotas hold.
// Method: prepare deleteContainer for nodes in each state, as the server and as a client.

const server = { sessionId: sessionIdNone, cxid: 0, internal: true };
const remove = (path: string): WriteOp => ({ op: 'deleteContainer', path });
const container = createOp('/c', { opCode: OpCode.CREATE_CONTAINER, flags: 4 });
const shortLived = createOp('/t', { opCode: OpCode.CREATE_TTL, flags: 5, ttlMs: 100 });

test('containers and TTL nodes get their kind from the opcode, and show it in the txn', () => {
  const leader = new Leader();
  assert.equal(leader.ask(container).body.type, OpCode.CREATE_CONTAINER);
  assert.equal(leader.ask(shortLived).body.type, OpCode.CREATE_TTL);
  assert.equal(leader.ask(createOp('/flag4', { flags: 4 })).body.type, OpCode.CREATE);
  const ephemeral = createOp('/ec', { opCode: OpCode.CREATE_CONTAINER, flags: 1 });
  assert.equal(leader.ask(ephemeral).body.type, OpCode.CREATE_CONTAINER);
});

test('the server removes an empty container without needing permission', () => {
  const leader = new Leader();
  leader.ask(createOp('/p'));
  leader.ask(createOp('/p/c', { opCode: OpCode.CREATE_CONTAINER }));
  leader.ask({ op: 'setAcl', path: '/p', acl: [acl(Perm.READ, 'digest', bob.id)], version: -1 });
  const { body, header } = leader.ask(remove('/p/c'), server);
  assert.deepEqual(body, { type: 20, path: '/p/c' });
  assert.equal(header.sessionId, sessionIdNone);
});

test('a container that got a child meanwhile stays', () => {
  const leader = new Leader();
  leader.ask(container);
  leader.pipeline(() => {
    leader.ask(createOp('/c/x'));
    assert.equal(leader.errorOf(remove('/c'), server), ErrorCode.NOT_EMPTY);
  });
});

test('an ordinary node that took the place of a container stays', () => {
  const leader = new Leader();
  leader.ask(container);
  leader.pipeline(() => {
    leader.ask(deleteOp('/c'));
    leader.ask(createOp('/c'));
    assert.equal(leader.errorOf(remove('/c'), server), ErrorCode.BAD_VERSION);
  });
});

test('a TTL node goes when idle for longer than its TTL; a pending setData keeps it', () => {
  const leader = new Leader();
  leader.ask(shortLived);
  leader.nowMs += 90;
  assert.equal(leader.errorOf(remove('/t'), server), ErrorCode.BAD_VERSION);
  leader.nowMs += 20;
  leader.pipeline(() => {
    leader.ask(setDataOp('/t'));
    assert.equal(leader.errorOf(remove('/t'), server), ErrorCode.BAD_VERSION);
  });
  leader.nowMs += 101;
  assert.equal(leader.errorOf(remove('/t'), server), 0);
});

test('a client may remove a used, empty container only where it may delete', () => {
  const leader = new Leader();
  leader.ask(container);
  assert.equal(leader.errorOf(remove('/c')), ErrorCode.BAD_VERSION, 'never used');
  leader.ask(createOp('/c/x'));
  leader.ask(deleteOp('/c/x'));
  leader.ask({ op: 'setAcl', path: '/', acl: [acl(Perm.DELETE, 'digest', bob.id)], version: -1 });
  assert.equal(leader.errorOf(remove('/c')), ErrorCode.NO_AUTH);
  assert.equal(leader.errorOf(remove('/c'), { authIds: [bob] }), 0);
});

test('with extended types off an owner that starts with 0xff is a session', () => {
  const leader = new Leader({ extendedTypesEnabled: false });
  const session = { sessionId: -5n as typeof sessionIdNone };
  leader.ask({ op: 'createSession', timeoutMs: 4_000 }, session);
  leader.ask(createOp('/e', { flags: 1 }), session);
  assert.equal(leader.errorOf(createOp('/e/x')), ErrorCode.NO_CHILDREN_FOR_EPHEMERALS);
  leader.nowMs += 1_000_000;
  assert.equal(leader.errorOf(remove('/e'), server), ErrorCode.BAD_VERSION);
});

test('hard quotas refuse creates and larger data, never deletes, and only when enforced', () => {
  const quota = { path: '/q', count: 3, bytes: 8, countHardLimit: 3, bytesHardLimit: 10 };
  for (const enforceQuota of [true, false]) {
    const leader = new Leader({ enforceQuota });
    leader.ask(createOp('/q'));
    leader.ask(createOp('/q/a', { data: Buffer.from('1234') }));
    for (const path of ['/q/a', '/q/b']) leader.tree.quotas.set(path, quota);
    const exceeded = enforceQuota ? ErrorCode.QUOTA_EXCEEDED : ErrorCode.OK;
    assert.equal(leader.errorOf(createOp('/q/b')), exceeded);
    assert.equal(leader.errorOf(setDataOp('/q/a', '123456')), ErrorCode.OK);
    assert.equal(leader.errorOf(setDataOp('/q/a', '123456789')), exceeded);
    assert.equal(leader.errorOf(deleteOp('/q/a')), ErrorCode.OK);
  }
});

test('a quota is judged before the version, and a count limit does not stop data', () => {
  const leader = new Leader({ enforceQuota: true });
  leader.ask(createOp('/q'));
  const none = { path: '/q', count: 9, bytes: 9, countHardLimit: 3, bytesHardLimit: -1 };
  leader.tree.quotas.set('/q', none);
  assert.equal(leader.errorOf(setDataOp('/q', 'a long text')), ErrorCode.OK);
  leader.tree.quotas.set('/q', { ...none, bytesHardLimit: 9 });
  assert.equal(leader.errorOf(setDataOp('/q', 'x'.repeat(99), 77)), ErrorCode.QUOTA_EXCEEDED);
});
