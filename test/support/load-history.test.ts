import assert from 'node:assert/strict';
import { test } from 'node:test';
import { zxidOf } from '../../server/protocol/zxid.ts';
import type { SessionId } from '../../server/protocol/session-id.ts';
import { LoadHistory } from './load-history.ts';
import type { FinalNode, ReadRecord, WriteRecord } from './load-history.ts';

// Goal: the checks of a history see what they are there for.
// Method: a small true history and the tree it leaves; then one lie at a time.

const register = '/load/registers/a';
const made = '/load/made/a/n-0000000000';
const kept = '/load/kept/a';
const owner = 7n as SessionId;

function write(
  counter: number,
  more: Partial<WriteRecord> & Pick<WriteRecord, 'kind' | 'path'>,
): WriteRecord {
  return {
    client: 'a',
    value: counter,
    fate: 'acknowledged',
    answeredMs: 0,
    zxid: zxidOf(1, counter),
    version: counter,
    detail: '',
    ...more,
  };
}

function trueHistory(): LoadHistory {
  const history = new LoadHistory();
  history.kept.push({ path: kept, owner, czxid: zxidOf(1, 1) });
  history.writes.push(
    write(2, { kind: 'set', path: register }),
    write(3, { kind: 'create', path: made }),
    write(4, { kind: 'set', path: register }),
    write(5, { kind: 'set', path: register, fate: 'unknown' }),
    write(6, { kind: 'create', path: '/load/made/a/n-', fate: 'unknown' }),
  );
  history.reads.push({
    client: 'a',
    path: register,
    value: 2,
    mzxid: zxidOf(1, 2),
    floor: 2,
    isBound: true,
  });
  history.reads.push({
    client: 'a',
    path: register,
    value: 4,
    mzxid: zxidOf(1, 4),
    floor: 4,
    isBound: true,
  });
  return history;
}

function trueNodes(): Map<string, FinalNode> {
  const node = { version: 0, ephemeralOwner: 0n as SessionId };
  return new Map([
    [register, { ...node, value: 4, version: 2, czxid: zxidOf(1, 0) }],
    [made, { ...node, value: 3, czxid: zxidOf(1, 3) }],
    [kept, { ...node, value: 0, czxid: zxidOf(1, 1), ephemeralOwner: owner }],
  ]);
}

test('what is true is not complained about, whatever became of unknown requests', () => {
  const history = trueHistory();
  assert.deepEqual(history.violations(), []);
  const nodes = trueNodes();
  assert.deepEqual(history.violationsIn(nodes), []);
  const node = nodes.get(register) as FinalNode;
  nodes.set(register, { ...node, value: 5, version: 3 });
  const other = { ...(nodes.get(made) as FinalNode), value: 6, czxid: zxidOf(1, 6) };
  nodes.set('/load/made/a/n-0000000001', other);
  assert.deepEqual(history.violationsIn(nodes), []);
});

/** By another client, of a state before what was acknowledged. */
function lateRead(isBound: boolean): ReadRecord {
  return { client: 'b', path: register, value: 2, mzxid: zxidOf(1, 2), floor: 4, isBound };
}

test('where a read may be behind it is counted', () => {
  const history = trueHistory();
  history.reads.push(lateRead(false));
  assert.deepEqual(history.violations(), []);
  assert.equal(history.countBehind(), 1);
});

const told: readonly (readonly [string, (history: LoadHistory) => void, RegExp])[] = [
  ['a session that ended', (h) => h.incidents.push('a: session ended'), /session ended/],
  [
    'a refusal',
    (h) => h.writes.push(write(7, { kind: 'set', path: register, fate: 'refused' })),
    /refused/,
  ],
  [
    'writes in another order',
    (h) => h.writes.push(write(7, { kind: 'set', path: register, zxid: zxidOf(1, 3) })),
    /took effect before/,
  ],
  [
    'a read that goes back',
    (h) => h.reads.push({ ...(h.reads[0] as ReadRecord), floor: 0 }),
    /went back/,
  ],
  [
    'a read that misses what was acknowledged',
    (h) => h.reads.push(lateRead(true)),
    /was acknowledged/,
  ],
];

for (const [name, lie, complaint] of told) {
  test(`told to a client: ${name}`, () => {
    const history = trueHistory();
    lie(history);
    assert.match(history.violations().join('\n'), complaint);
  });
}

type Change = (nodes: Map<string, FinalNode>) => void;

function changed(path: string, change: Partial<FinalNode>): Change {
  return (nodes) => nodes.set(path, { ...(nodes.get(path) as FinalNode), ...change });
}

const held: readonly (readonly [string, Change, RegExp])[] = [
  ['a register that is gone', (nodes) => nodes.delete(register), /is gone, 4 was/],
  ['a register that lost its last write', changed(register, { value: 2 }), /is 2, 4 was/],
  ['a value nobody wrote', changed(register, { value: 9 }), /nobody wrote/],
  ['a write done twice', changed(register, { version: 4 }), /set 4 times, not 2 to 3/],
  ['a write not done', changed(register, { version: 1 }), /set 1 times/],
  ['a create that is gone', (nodes) => nodes.delete(made), /not there as it was acknowledged/],
  ['a create that was done anew', changed(made, { czxid: zxidOf(1, 9) }), /not there as it/],
  [
    'a create done twice',
    (nodes) => nodes.set(`${made}1`, nodes.get(made) as FinalNode),
    /once too often/,
  ],
  ['an ephemeral that is gone', (nodes) => nodes.delete(kept), /did not stay/],
  ['an ephemeral that was made anew', changed(kept, { czxid: zxidOf(1, 9) }), /did not stay/],
  ['an ephemeral of another', changed(kept, { ephemeralOwner: 8n as SessionId }), /did not stay/],
];

for (const [name, lie, complaint] of held) {
  test(`held by a server: ${name}`, () => {
    const nodes = trueNodes();
    lie(nodes);
    assert.match(trueHistory().violationsIn(nodes).join('\n'), complaint);
  });
}
