import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Perm } from '../../server/protocol/acl.ts';
import { ErrorCode } from '../../server/protocol/error-code.ts';
import { OpCode } from '../../server/protocol/op-code.ts';
import type { Zxid } from '../../server/protocol/zxid.ts';
import type { WriteOp } from '../../server/prep/door.ts';
import { closeSessionBytesMax } from '../../server/prep/rules/session.ts';
import { createTree } from '../../server/tree/data-tree.ts';
import { Pending } from '../../server/prep/pending.ts';
import { acl, createOp, deleteOp, Leader, mine, other, setAclOp, setDataOp } from './fixture.ts';
import { PlainTree } from './plain-tree.ts';

// Goal: requests are judged against everything proposed, also what is not applied yet, and a
// refused multi leaves no trace.
// Method: prepare several requests before any is applied; look at transactions and at the tree
// after all of them.

const { CREATE_CONTAINER, CREATE_TTL } = OpCode;

test('a child can be created in a parent that is not applied yet, and both deleted', () => {
  const leader = new Leader();
  leader.pipeline(() => {
    assert.equal(leader.errorOf(createOp('/a')), 0);
    assert.equal(leader.errorOf(createOp('/a/b')), 0);
    assert.equal(leader.errorOf(createOp('/a')), ErrorCode.NODE_EXISTS);
    assert.equal(leader.errorOf(deleteOp('/a')), ErrorCode.NOT_EMPTY);
    assert.equal(leader.errorOf(setDataOp('/a/b', 'x', 0)), 0);
    assert.equal(leader.errorOf(setDataOp('/a/b', 'x', 0)), ErrorCode.BAD_VERSION);
    assert.equal(leader.errorOf(deleteOp('/a/b', 1)), 0);
    assert.equal(leader.errorOf(deleteOp('/a/b')), ErrorCode.NO_NODE);
    assert.equal(leader.errorOf(deleteOp('/a')), 0);
  });
  assert.equal(leader.tree.find('/a'), -1);
});

test('a pending access list is the one that counts', () => {
  const leader = new Leader();
  leader.ask(createOp('/a'));
  leader.pipeline(() => {
    leader.ask(setAclOp('/a', [acl(Perm.READ, 'world', 'anyone')]));
    assert.equal(leader.errorOf(setDataOp('/a')), ErrorCode.NO_AUTH);
  });
});

test('sequence numbers count every create, also pending and deleted ones', () => {
  const leader = new Leader();
  leader.ask(createOp('/p'));
  leader.ask(createOp('/p/plain'));
  leader.ask(deleteOp('/p/plain'));
  const txns = leader.pipeline(() => {
    leader.ask(createOp('/p/s-', { flags: 2 }));
    leader.ask(createOp('/p/s-', { flags: 3 }));
    leader.ask(createOp('/p/', { flags: 2 }));
    leader.ask(createOp('/p/t-', { opCode: CREATE_TTL, flags: 6, ttlMs: 5 }));
    leader.ask(createOp('/p/c-', { opCode: CREATE_CONTAINER, flags: 2 }));
  });
  assert.deepEqual(
    txns.map(({ body }) => ('path' in body ? body.path : null)),
    ['/p/s-0000000001', '/p/s-0000000002', '/p/0000000003', '/p/t-0000000004', '/p/c-0000000005'],
  );
});

test('after 2^31-1 creates the counter stays and sequential creates collide', () => {
  const tree = new PlainTree();
  const leader = new Leader({}, tree);
  const root = tree.nodes[0];
  assert.ok(root !== null && root !== undefined);
  root.creates = 2_147_483_646;
  const paths = leader.pipeline(() => {
    leader.ask(createOp('/s', { flags: 2 }));
    leader.ask(createOp('/s', { flags: 2 }));
    assert.equal(leader.errorOf(createOp('/s', { flags: 2 })), ErrorCode.NODE_EXISTS);
  });
  assert.deepEqual(
    paths.slice(0, 2).map(({ body }) => ('path' in body ? body.path : null)),
    ['/s2147483646', '/s2147483647'],
  );
  assert.equal(root.creates, 2_147_483_647);
});

test('data and access list versions wrap at 2^31', () => {
  const tree = new PlainTree();
  const leader = new Leader({}, tree);
  leader.ask(createOp('/a'));
  const node = tree.nodes[tree.find('/a')];
  assert.ok(node !== null && node !== undefined);
  node.version = 2_147_483_647;
  leader.prep.reset();
  const { body } = leader.ask(setDataOp('/a', 'x', 2_147_483_647));
  assert.equal(body.type === 5 ? body.version : null, -2_147_483_648);
  assert.equal(leader.errorOf(setDataOp('/a', 'x', -2_147_483_648)), 0);
});

test('ZOOKEEPER-4743: no version of data or access list is the one that means any version', () => {
  const tree = new PlainTree();
  const leader = new Leader({}, tree);
  leader.ask(createOp('/a'));
  const node = tree.nodes[tree.find('/a')];
  assert.ok(node !== null && node !== undefined);
  Object.assign(node, { version: -2, aversion: -2 });
  leader.prep.reset();
  const check = leader.ask({
    op: 'multi',
    ops: [{ op: 'check', path: '/a', version: -2 }],
  }).body;
  assert.equal(check.type === 14 && check.txns[0]?.type === 13 && check.txns[0].version, 0);
  const data = leader.ask(setDataOp('/a', 'x', -2)).body;
  assert.equal(data.type === 5 && data.version, 0);
  const list = leader.ask(setAclOp('/a', [acl(Perm.ALL, 'world', 'anyone')], -2)).body;
  assert.equal(list.type === 7 && list.version, 0);
});

test('closing a session lists applied and pending ephemerals, and nobody else’s', () => {
  const leader = new Leader();
  leader.ask(createOp('/applied', { flags: 1 }));
  leader.ask(createOp('/deleted', { flags: 1 }));
  leader.ask(createOp('/taken-over', { flags: 1 }));
  const txns = leader.pipeline(() => {
    leader.ask(createOp('/pending', { flags: 1 }));
    leader.ask(createOp('/brief', { flags: 1 }));
    leader.ask(deleteOp('/brief'));
    leader.ask(deleteOp('/deleted'));
    leader.ask(deleteOp('/taken-over'));
    leader.ask(createOp('/taken-over', { flags: 1 }), { sessionId: other });
    leader.ask(createOp('/others', { flags: 1 }), { sessionId: other });
    leader.ask({ op: 'closeSession' });
    assert.equal(leader.errorOf(createOp('/late', { flags: 1 })), ErrorCode.SESSION_EXPIRED);
    assert.equal(leader.errorOf(createOp('/applied')), ErrorCode.SESSION_EXPIRED);
    assert.equal(leader.errorOf(createOp('/applied'), { sessionId: other }), 0);
  });
  const close = txns[7]?.body;
  assert.ok(close?.type === -11);
  assert.deepEqual([...(close.paths ?? [])].sort(), ['/applied', '/pending']);
  assert.deepEqual(leader.tree.ephemerals(mine), []);
  assert.deepEqual(leader.tree.ephemerals(other), ['/taken-over', '/others']);
});

test('an ephemeral whose creation was undone or is deleted in a multi is not listed', () => {
  const leader = new Leader();
  leader.ask(createOp('/kept', { flags: 1 }));
  const txns = leader.pipeline(() => {
    leader.ask({ op: 'multi', ops: [createOp('/undone', { flags: 1 }), deleteOp('/nope')] });
    leader.ask(createOp('/again', { flags: 1 }));
    leader.ask({
      op: 'multi',
      ops: [deleteOp('/again'), createOp('/again', { flags: 1 }), deleteOp('/nope')],
    });
    leader.ask({ op: 'closeSession' });
  });
  const close = txns[3]?.body;
  assert.ok(close?.type === -11);
  assert.deepEqual([...(close.paths ?? [])].sort(), ['/again', '/kept']);
});

test('ZOOKEEPER-4306: a session with more ephemerals than a transaction may list loses all of them', () => {
  const leader = new Leader({}, createTree());
  const name = 'é'.repeat(100);
  for (let index = 0; index < 6_000; index += 1) {
    leader.ask(createOp(`/${name}${index}`, { flags: 1 }));
  }
  leader.pipeline(() => {
    leader.ask(createOp('/pending', { flags: 1 }));
    const { body } = leader.ask({ op: 'closeSession' });
    assert.ok(body.type === -11 && body.paths !== null);
    assert.ok(body.paths.length > 4_000 && body.paths.length < 6_000);
    assert.equal(body.paths[0], '/pending');
    const bytes = body.paths.reduce((sum, path) => sum + 4 + Buffer.byteLength(path), 0);
    assert.ok(bytes <= closeSessionBytesMax);
  });
  assert.deepEqual(leader.tree.ephemerals(mine), []);
  assert.equal(leader.tree.nodeCount, 5);
});

test('closing a session twice deletes its ephemerals once', () => {
  const leader = new Leader();
  leader.ask(createOp('/e', { flags: 1 }));
  const txns = leader.pipeline(() => {
    leader.ask({ op: 'closeSession' });
    leader.ask({ op: 'closeSession' }, { internal: true });
  });
  assert.deepEqual(
    txns.map(({ body }) => body),
    [
      { type: -11, paths: ['/e'] },
      { type: -11, paths: [] },
    ],
  );
});

test('a multi sees its own changes, takes one zxid and checks versions as it goes', () => {
  const leader = new Leader();
  leader.ask(createOp('/p'));
  const { body, header } = leader.ask({
    op: 'multi',
    ops: [
      { op: 'check', path: '/p', version: 0 },
      createOp('/p/a'),
      createOp('/p/a/b', { opCode: OpCode.CREATE2 }),
      setDataOp('/p/a', 'x', 0),
      { op: 'check', path: '/p/a', version: 1 },
      deleteOp('/p/a/b'),
    ],
  });
  assert.ok(body.type === 14);
  assert.deepEqual(
    body.txns.map((txn) => txn.type),
    [13, 1, 15, 5, 13, 2],
  );
  assert.deepEqual(body.txns[4], { type: 13, path: '/p/a', version: 2 });
  assert.equal(leader.tree.pzxid(leader.tree.find('/p/a')), header.zxid);
});

test('a refused multi changes nothing, says where it failed, and carries the digest', () => {
  const leader = new Leader();
  leader.ask(createOp('/p'));
  const before = leader.tree.describe();
  const { digest } = leader.tree;
  const txn = leader.ask({
    op: 'multi',
    ops: [createOp('/p/a'), setDataOp('/p'), deleteOp('/nope'), createOp('/p/b')],
  });
  assert.ok(txn.body.type === 14);
  assert.deepEqual(txn.body.txns.slice(2), [
    { type: -1, error: ErrorCode.NO_NODE },
    { type: -1, error: ErrorCode.RUNTIME_INCONSISTENCY },
  ]);
  assert.deepEqual(
    txn.body.txns.map((each) => each.type),
    [1, 5, -1, -1],
  );
  assert.equal(txn.digest, digest);
  assert.deepEqual(leader.tree.describe(), before);
  assert.equal(leader.errorOf(createOp('/p/a')), 0);
});

test('an empty multi is legal', () => {
  const { body, digest } = new Leader().ask({ op: 'multi', ops: [] });
  assert.deepEqual(body, { type: 14, txns: [] });
  assert.equal(digest, 1371985504n);
});

test('what a multi cannot hold is refused inside it', () => {
  const { body } = new Leader().ask({ op: 'multi', ops: [{ op: 'closeSession' }] });
  assert.deepEqual(body, { type: 14, txns: [{ type: -1, error: ErrorCode.MARSHALLING_ERROR }] });
});

test('a multi whose lists would name too many ids is refused as a whole', () => {
  const leader = new Leader();
  const authIds = Array.from({ length: 500 }, (_, index) => {
    return { scheme: 'digest', id: `user${index}:${'x'.repeat(28)}` };
  });
  const list = [acl(Perm.ALL, 'auth', '')];
  const make = (count: number): WriteOp => ({
    op: 'multi',
    ops: Array.from({ length: count }, (_, index) => createOp(`/n${index}`, { acl: list })),
  });
  const { body } = leader.ask(make(40), { authIds });
  assert.ok(body.type === 14);
  const errors = body.txns.flatMap((txn) => (txn.type === -1 ? [txn.error] : []));
  assert.equal(errors[0], ErrorCode.INVALID_ACL);
  assert.equal(leader.tree.find('/n0'), -1);
  assert.ok(leader.ask(make(4), { authIds }).body.type === 14);
  assert.notEqual(leader.tree.find('/n0'), -1, 'each request has its own bound');
});

test('a session that is about to open may already write', () => {
  const leader = new Leader();
  const session = 77n as typeof mine;
  leader.pipeline(() => {
    leader.ask({ op: 'createSession', timeoutMs: 4_000 }, { sessionId: session });
    assert.equal(leader.errorOf(createOp('/e', { flags: 1 }), { sessionId: session }), 0);
  });
  assert.deepEqual(leader.tree.ephemerals(session), ['/e']);
});

test('the overlay holds nothing once all is applied, and forgets all at a reset', () => {
  const tree = new PlainTree();
  const pending = new Pending(tree.asReader(), true, false);
  const root = pending.find('/');
  assert.ok(root !== null);
  const node = { path: '/a', data: null, acl: [], owner: mine, kind: 'ephemeral' } as const;
  pending.start(5 as Zxid);
  pending.create(root, node, 5 as Zxid, 1);
  assert.equal(pending.nodeCount, 2);
  pending.applied(4 as Zxid);
  assert.equal(pending.nodeCount, 2);
  pending.applied(5 as Zxid);
  assert.equal(pending.nodeCount, 0);
  assert.equal(pending.sessions.changedEphemerals(mine), undefined);
  pending.create(root, node, 6 as Zxid, 1);
  pending.reset();
  assert.equal(pending.nodeCount, 0);
  assert.equal(pending.digest(), tree.digest);
});

test('thousands of outstanding changes are dropped in order, however they are applied', () => {
  const leader = new Leader();
  const txns = [];
  for (let round = 0; round < 3; round += 1) {
    txns.push(
      ...leader.pipeline(() => {
        for (let index = 0; index < 1_500; index += 1) {
          leader.ask(setDataOp('/', `${round} ${index}`));
        }
      }),
    );
  }
  const last = txns.at(-1)?.body;
  assert.equal(last?.type === 5 ? last.version : null, 4_500);
});
