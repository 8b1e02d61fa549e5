import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Perm } from '../../server/protocol/acl.ts';
import { ErrorCode } from '../../server/protocol/error-code.ts';
import { OpCode } from '../../server/protocol/op-code.ts';
import type { SessionId } from '../../server/protocol/session-id.ts';
import { zxidNone } from '../../server/protocol/zxid.ts';
import type { WriteOp } from '../../server/prep/door.ts';
import { acl, bob, createOp, deleteOp, Leader, mine, setAclOp, setDataOp } from './fixture.ts';

// Goal: of several things wrong with a request, the reference's first is the one answered.
// Method: a small tree with every obstacle in it, and a table of requests per operation.

const { CREATE_CONTAINER, CREATE_TTL } = OpCode;

function leader(): Leader {
  const made = new Leader();
  made.ask(createOp('/open'));
  made.ask(createOp('/open/child'));
  made.ask(createOp('/locked', { acl: [acl(Perm.READ, 'world', 'anyone')] }));
  made.ask(createOp('/mine', { flags: 1 }));
  made.ask(createOp('/bobs', { acl: [acl(Perm.ALL, 'digest', 'bob:x')] }));
  return made;
}

const badAcl = [acl(31, 'nosuch', 'x')];

const reconfigOp: WriteOp = {
  op: 'reconfig',
  joiningServers: null,
  leavingServers: '3',
  newMembers: null,
  curConfigId: zxidNone,
};

const cases: readonly (readonly [string, WriteOp, ErrorCode])[] = [
  ['unknown flag before a bad list', createOp('/x', { flags: 7, acl: null }), -8],
  ['negative flag', createOp('/x', { flags: -1 }), -8],
  ['TTL flag on a plain create', createOp('/x', { flags: 5, ttlMs: 1 }), -8],
  ['no TTL flag on createTTL', createOp('/x', { opCode: CREATE_TTL, ttlMs: 1 }), -8],
  ['TTL of 0', createOp('/x', { opCode: CREATE_TTL, flags: 5, ttlMs: 0 }), -8],
  ['TTL too long', createOp('/x', { opCode: CREATE_TTL, flags: 6, ttlMs: 2 ** 40 }), -8],
  ['no slash before a bad list', createOp('x', { acl: null }), -8],
  ['NUL before a bad list', createOp('/x\0', { acl: null }), -8],
  ['bad list before a missing parent', createOp('/nope/x', { acl: badAcl }), -114],
  ['empty list', createOp('/x', { acl: [] }), -114],
  ['missing parent before a bad path', createOp('/a//x'), -101],
  ['dots have no parent either', createOp('/a/../x'), -101],
  ['no permission before a bad path', createOp('/locked/..'), -102],
  ['no permission before an existing node', createOp('/bobs/x'), -102],
  ['bad path', createOp('/open/\u0001'), -8],
  ['trailing slash', createOp('/open/'), -8],
  ['existing node before an ephemeral parent', createOp('/mine'), -110],
  ['the root exists', createOp('/'), -110],
  ['ephemeral parent', createOp('/mine/x'), -108],
  ['delete: reserved path', deleteOp('/zookeeper/quota', 7), -8],
  ['delete: the root', deleteOp('/'), -8],
  ['delete: no slash', deleteOp('open'), -8],
  ['delete: NUL', deleteOp('/open\0'), -8],
  ['delete: parent missing', deleteOp('/nope/x'), -101],
  ['delete: the parent’s permission before the node', deleteOp('/locked/nope'), -102],
  ['delete: a malformed path has no permission', deleteOp('/locked/'), -102],
  ['delete: node missing', deleteOp('/open/nope', 3), -101],
  ['delete: version before children', deleteOp('/open', 3), -103],
  ['delete: children', deleteOp('/open', 0), -111],
  ['setData: bad path', setDataOp('/open/'), -8],
  ['setData: empty path', setDataOp(''), -8],
  ['setData: node missing', setDataOp('/nope'), -101],
  ['setData: no permission before version', setDataOp('/locked', 'x', 9), -102],
  ['setData: version', setDataOp('/open', 'x', 9), -103],
  ['setData: config', setDataOp('/zookeeper/config'), -102],
  ['setAcl: bad path before a bad list', setAclOp('/open/', null), -8],
  ['setAcl: bad list before a missing node', setAclOp('/nope', badAcl), -114],
  ['setAcl: node missing', setAclOp('/nope', [acl(31, 'world', 'anyone')]), -101],
  ['setAcl: no permission before version', setAclOp('/locked', [acl(1, 'ip', '::1')], 9), -102],
  ['setAcl: version', setAclOp('/open', [acl(31, 'world', 'anyone')], 9), -103],
  ['deleteContainer: reserved', { op: 'deleteContainer', path: '/zookeeper' }, -8],
  ['deleteContainer: no permission', { op: 'deleteContainer', path: '/bobs/x' }, -102],
  ['deleteContainer: missing', { op: 'deleteContainer', path: '/nope' }, -101],
  ['deleteContainer: children', { op: 'deleteContainer', path: '/open' }, -111],
  ['deleteContainer: an ordinary node', { op: 'deleteContainer', path: '/open/child' }, -103],
  ['deleteContainer: an ephemeral', { op: 'deleteContainer', path: '/mine' }, -103],
  ['check alone', { op: 'check', path: '/open', version: 0 }, -6],
  ['reconfig while disabled', reconfigOp, -123],
];

for (const [name, op, error] of cases) {
  test(`${op.op}: ${name}`, () => {
    const made = leader();
    const before = made.tree.describe();
    const txn = made.ask(op);
    assert.deepEqual(txn.body, { type: -1, error });
    assert.equal(txn.digest, null, 'an error carries no digest');
    assert.deepEqual(made.tree.describe(), before);
    const next = made.ask(setDataOp('/open'));
    assert.equal(next.digest, made.tree.digest, 'a refusal leaves nothing behind');
  });
}

test('createTTL is unimplemented while extended types are off, whatever opcode and ttl', () => {
  const off = new Leader({ extendedTypesEnabled: false });
  for (const opCode of [OpCode.CREATE, CREATE_CONTAINER, CREATE_TTL]) {
    const op = createOp('/x', { opCode, flags: 5, ttlMs: -1 });
    assert.equal(off.errorOf(op), ErrorCode.UNIMPLEMENTED);
  }
});

test('a request of an unknown session is refused before anything else', () => {
  const made = leader();
  const unknown = { sessionId: 99n as SessionId };
  assert.equal(made.errorOf(createOp('x', { flags: 9 }), unknown), ErrorCode.SESSION_EXPIRED);
  const txn = made.ask({ op: 'multi', ops: [deleteOp('/open/child'), deleteOp('/x')] }, unknown);
  assert.deepEqual(txn.body, {
    type: 14,
    txns: [
      { type: -1, error: ErrorCode.SESSION_EXPIRED },
      { type: -1, error: ErrorCode.RUNTIME_INCONSISTENCY },
    ],
  });
});

test('a connection with the id in the list may, a super user always may', () => {
  const made = leader();
  assert.equal(made.errorOf(createOp('/bobs/x'), { authIds: [bob] }), 0);
  const superUser = { authIds: [{ scheme: 'super', id: '' }] };
  assert.equal(made.errorOf(createOp('/locked/x'), superUser), 0);
  assert.equal(made.errorOf(deleteOp('/bobs/x'), superUser), 0);
  assert.equal(made.errorOf(setDataOp('/zookeeper/config'), superUser), 0);
});

test('with skipAcl nobody is refused for want of permission, but lists are still validated', () => {
  const skipping = new Leader({ skipAcl: true });
  skipping.ask(createOp('/locked', { acl: [acl(Perm.READ, 'world', 'anyone')] }));
  assert.equal(skipping.errorOf(createOp('/locked/x')), 0);
  assert.equal(skipping.errorOf(createOp('/y', { acl: [] })), ErrorCode.INVALID_ACL);
});

test('reconfig of a server that is alone is unimplemented, session checks come first', () => {
  const enabled = new Leader({ reconfigEnabled: true });
  assert.equal(enabled.errorOf(reconfigOp), ErrorCode.UNIMPLEMENTED);
  enabled.ask({ op: 'closeSession' });
  assert.equal(enabled.errorOf(reconfigOp), ErrorCode.SESSION_EXPIRED);
  assert.equal(enabled.tree.sessions.has(mine), false);
});

test('a change of members is refused for what it asks before who asks it', () => {
  const outcomes = [
    { refused: ErrorCode.RECONFIG_IN_PROGRESS },
    { value: Buffer.from('server.1=a:1:2:participant') },
    { value: Buffer.from('server.1=a:1:2:participant') },
  ];
  const made = new Leader({
    reconfigEnabled: true,
    changedMembers: () => outcomes.shift() ?? { refused: ErrorCode.SYSTEM_ERROR },
  });
  assert.equal(made.errorOf(reconfigOp), ErrorCode.RECONFIG_IN_PROGRESS);
  assert.equal(made.errorOf(reconfigOp), ErrorCode.NO_AUTH);
  const { digest } = made.tree;
  const txn = made.ask(reconfigOp, { authIds: [{ scheme: 'super', id: '' }] });
  assert.deepEqual(txn.body, {
    type: OpCode.RECONFIG,
    path: '/zookeeper/config',
    data: Buffer.from('server.1=a:1:2:participant'),
    version: -1,
  });
  assert.equal(txn.digest, digest, 'the members are outside the digest');
});
