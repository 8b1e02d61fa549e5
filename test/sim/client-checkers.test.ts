// Goal: what clients are told is held against the history: each kind of false answer is seen.
// Method: a history of real transactions by hand, and answers that fit it or do not.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CreateMode } from '../../server/protocol/create-mode.ts';
import type { SessionId } from '../../server/protocol/session-id.ts';
import { encodeTxn } from '../../server/protocol/txn-codec.ts';
import type { TxnBody } from '../../server/protocol/txn.ts';
import { zxidOf } from '../../server/protocol/zxid.ts';
import type { Zxid } from '../../server/protocol/zxid.ts';
import { ClientChecker } from './checkers/client-checker.ts';
import { HistoryModel } from './checkers/history-model.ts';
import { create, exists, getData, multi, setData, sync, watchAll } from './client-ops.ts';
import type { ClientOp, OpResult } from './client-ops.ts';
import type { Call, SimClient } from './sim-client.ts';
import { World } from './world.ts';

const session = 7n as SessionId;

const nothing: OpResult = {
  error: 0,
  path: null,
  data: null,
  stat: null,
  children: null,
  results: null,
};

/** One client of one session, and the history it should see. */
class Stage {
  readonly world: World = new World(1);
  readonly model: HistoryModel = new HistoryModel(this.world);
  readonly checker: ClientChecker = new ClientChecker(this.world, this.model, { expirySlackMs: 0 });
  readonly client: SimClient = {
    name: 'c1',
    sessionId: session,
    timeoutMs: 1_000,
    provenMs: 0,
    shownZxid: 0,
    watches: [],
    whole: { sinceZxid: null, next: 0, open: [] },
    isStopped: false,
  } as unknown as SimClient;
  #counter = 0;
  #xid = 0;

  constructor() {
    this.commit({ type: -10, timeoutMs: 1_000 }, 0);
    this.checker.opened(this.client);
  }

  zxid(counter: number): Zxid {
    return zxidOf(1, counter);
  }

  commit(body: TxnBody, cxid: number, from: SessionId = session): Zxid {
    const zxid = this.zxid((this.#counter += 1));
    const header = { sessionId: from, cxid, zxid, timeMs: 5_000 };
    this.model.committed({ zxid, bytes: encodeTxn({ header, body, digest: null }) });
    return zxid;
  }

  send(op: ClientOp, connection: number = 1): Call {
    const call: Call = {
      client: this.client,
      sessionId: session,
      connection,
      xid: (this.#xid += 1),
      op,
      sentMs: 0,
      knownZxid: this.checker.answeredZxid,
      done: null,
    };
    this.checker.sent(call);
    return call;
  }

  answer(call: Call, zxid: Zxid, result: Partial<OpResult> = {}): void {
    const full = { ...nothing, ...result };
    this.checker.seen(this.client, zxid);
    this.checker.answered(call, { xid: call.xid, zxid, error: full.error }, full);
  }

  /** From now on the client hears of every change. */
  watchEverything(): void {
    this.answer(this.send(watchAll('/')), this.zxid(this.#counter));
  }

  /** `/a` with that value, written and answered. */
  create(value: string): Zxid {
    const call = this.send(create('/a', value));
    const zxid = this.commit(createBody('/a', value), call.xid);
    this.answer(call, zxid, { path: '/a' });
    return zxid;
  }
}

function createBody(path: string, value: string, ephemeral: boolean = false): TxnBody {
  return { type: 1, path, data: Buffer.from(value), acl: [], ephemeral, parentCversion: 1 };
}

function setBody(value: string, version: number): TxnBody {
  return { type: 5, path: '/a', data: Buffer.from(value), version };
}

test('true answers are no violation', () => {
  const stage = new Stage();
  const created = stage.create('one');
  stage.answer(stage.send(getData('/a', true)), created, { data: Buffer.from('one') });
  const call = stage.send(setData('/a', 'two'));
  const zxid = stage.commit(setBody('two', 1), call.xid);
  stage.checker.event(stage.client, { type: 3, state: 3, path: '/a' }, zxid);
  stage.answer(call, zxid);
  stage.answer(stage.send(exists('/b', true)), zxid, { error: -101 });
  stage.answer(stage.send(sync('/')), zxid);
  assert.equal(stage.checker.counts.writes, 2);
});

test('a watch on everything that hears everything is no violation', () => {
  const stage = new Stage();
  stage.watchEverything();
  const call = stage.send(create('/a', 'one'));
  const zxid = stage.commit(createBody('/a', 'one'), call.xid);
  stage.checker.event(stage.client, { type: 1, state: 3, path: '/a' }, zxid);
  stage.answer(call, zxid, { path: '/a' });
  assert.equal(stage.checker.counts.events, 1);
});

const lies: readonly (readonly [string, string, (stage: Stage) => void])[] = [
  [
    'a write answered that is not in the history',
    'Z9 acked is committed',
    (stage) => stage.answer(stage.send(create('/a', 'one')), stage.zxid(9), { path: '/a' }),
  ],
  [
    'a refused write answered as done',
    'Z9 acked is committed',
    (stage) => {
      const call = stage.send(create('/a', 'one'));
      stage.answer(call, stage.commit({ type: -1, error: -110 }, call.xid), { path: '/a' });
    },
  ],
  [
    'a write behind one that was answered before it was sent',
    'C1 linearizable writes',
    (stage) => {
      stage.create('one');
      const call = { ...stage.send(setData('/a', 'two')), knownZxid: stage.zxid(5) };
      stage.answer(call, stage.commit(setBody('two', 1), call.xid));
    },
  ],
  [
    'a write for another version than there was',
    'C1 conditional writes',
    (stage) => {
      stage.create('one');
      const call = stage.send(setData('/a', 'two', 7));
      stage.answer(call, stage.commit(setBody('two', 1), call.xid));
    },
  ],
  [
    'a refusal of the very version that there was',
    'C1 conditional writes',
    (stage) => {
      stage.create('one');
      const call = stage.send(setData('/a', 'two', 0));
      stage.answer(call, stage.commit({ type: -1, error: -103 }, call.xid), { error: -103 });
    },
  ],
  [
    'a node that is made twice',
    'C1 conditional writes',
    (stage) => {
      stage.create('one');
      stage.create('two');
    },
  ],
  [
    'a multi that passed a check of another version',
    'C1 conditional writes',
    (stage) => {
      stage.create('one');
      const call = stage.send(multi([{ op: 'check', path: '/a', version: 3 }]));
      const zxid = stage.commit(
        { type: 14, txns: [{ type: 13, path: '/a', version: 3 }] },
        call.xid,
      );
      stage.answer(call, zxid, { results: [] });
    },
  ],
  [
    'a sequential node with a number that is not the next',
    'T2 sequence numbers',
    (stage) => {
      const call = stage.send(create('/a', 'one', CreateMode.PERSISTENT_SEQUENTIAL));
      const zxid = stage.commit(createBody('/a0000000007', 'one'), call.xid);
      stage.answer(call, zxid, { path: '/a0000000007' });
    },
  ],
  [
    'a write that took effect twice',
    'C2 exactly once',
    (stage) => {
      const call = stage.send(create('/a', 'one'));
      stage.commit(createBody('/a', 'one'), call.xid);
      stage.commit(createBody('/a', 'one'), call.xid);
    },
  ],
  [
    'a later write that overtook an earlier one',
    'C2 FIFO client order',
    (stage) => {
      stage.send(create('/a', 'one'));
      stage.commit(createBody('/b', 'two'), stage.send(create('/b', 'two')).xid);
    },
  ],
  [
    'a write by a connection that the session has left',
    'C2 FIFO client order',
    (stage) => {
      const late = stage.send(create('/a', 'one'));
      const { xid } = stage.send(create('/b', 'two'), 2);
      stage.commit(createBody('/b', 'two'), xid);
      stage.commit(createBody('/a', 'one'), late.xid);
    },
  ],
  [
    'a write that nobody sent',
    'C6 no phantom',
    (stage) => void stage.commit(createBody('/a', 'one'), 44),
  ],
  [
    'an older state after a newer one',
    'C3 session order',
    (stage) => {
      stage.create('one');
      stage.checker.seen(stage.client, stage.zxid(1));
    },
  ],
  [
    'a sync that misses an answered write',
    'C4 sync',
    (stage) => {
      const zxid = stage.create('one');
      const call = { ...stage.send(sync('/')), knownZxid: stage.zxid(3) };
      stage.commit(createBody('/b', 'two'), 0, 8n as SessionId);
      stage.answer(call, zxid);
    },
  ],
  [
    'a value that was never there',
    'C6 reads',
    (stage) => {
      const zxid = stage.create('one');
      stage.answer(stage.send(getData('/a')), zxid, { data: Buffer.from('two') });
    },
  ],
  [
    'a node not found that is there',
    'C6 reads',
    (stage) => {
      const zxid = stage.create('one');
      stage.answer(stage.send(getData('/a')), zxid, { error: -101 });
    },
  ],
  [
    'a new state before the event of a watch',
    'C5 watch order',
    (stage) => {
      const zxid = stage.create('one');
      stage.answer(stage.send(getData('/a', true)), zxid, { data: Buffer.from('one') });
      const call = stage.send(setData('/a', 'two'));
      stage.answer(call, stage.commit(setBody('two', 1), call.xid));
    },
  ],
  [
    'an event without a watch',
    'C5 one event for a watch',
    (stage) => {
      const zxid = stage.create('one');
      stage.checker.event(stage.client, { type: 3, state: 3, path: '/a' }, zxid);
    },
  ],
  [
    'an event without a change',
    'C6 no phantom',
    (stage) => {
      const zxid = stage.create('one');
      stage.answer(stage.send(getData('/a', true)), zxid, { data: Buffer.from('one') });
      stage.checker.event(stage.client, { type: 3, state: 3, path: '/a' }, zxid);
    },
  ],
  [
    'a change that a watch on everything is not told',
    'C5 every change, in order',
    (stage) => {
      stage.watchEverything();
      stage.create('one');
    },
  ],
  [
    'changes told in another order',
    'C5 every change, in order',
    (stage) => {
      stage.watchEverything();
      stage.commit(createBody('/a', 'one'), 0, 8n as SessionId);
      const zxid = stage.commit(createBody('/b', 'two'), 0, 8n as SessionId);
      stage.checker.event(stage.client, { type: 1, state: 3, path: '/b' }, zxid);
    },
  ],
  [
    'a change told twice',
    'C5 every change, in order',
    (stage) => {
      stage.watchEverything();
      const zxid = stage.commit(createBody('/a', 'one'), 0, 8n as SessionId);
      stage.checker.event(stage.client, { type: 1, state: 3, path: '/a' }, zxid);
      stage.checker.event(stage.client, { type: 1, state: 3, path: '/a' }, zxid);
    },
  ],
  [
    'a session that ends too early',
    'S2 no early expiry',
    (stage) => {
      stage.world.run(999);
      stage.commit({ type: -11, paths: [] }, 0);
    },
  ],
  [
    'a session said to be over that is not',
    'S3 expiry is proposed',
    (stage) => stage.checker.expired(stage.client),
  ],
  [
    'a write of a session that is over',
    'S3 no life after expiry',
    (stage) => {
      stage.world.run(2_000);
      stage.commit({ type: -11, paths: [] }, 0);
      const call = stage.send(create('/a', 'one'));
      stage.commit(createBody('/a', 'one'), call.xid);
    },
  ],
  [
    'a session id given twice',
    'S1 session ids are unique',
    (stage) => void stage.commit({ type: -10, timeoutMs: 1_000 }, 0),
  ],
];

for (const [lie, invariant, tell] of lies) {
  test(`${lie} is a violation of ${invariant}`, () => {
    const stage = new Stage();
    assert.throws(() => tell(stage), { name: 'InvariantViolation', invariant });
  });
}

test('ephemerals end with their session, in the model as on every server', () => {
  const stage = new Stage();
  stage.commit(createBody('/e', 'one', true), stage.send(create('/e', 'one', 1)).xid);
  assert.equal(stage.model.tree.now('/e')?.owner, session);
  stage.world.run(2_000);
  stage.commit({ type: -11, paths: ['/e'] }, 0);
  assert.equal(stage.model.tree.now('/e'), null);
  assert.equal(stage.model.tree.sessions.size, 0);
});
