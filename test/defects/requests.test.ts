// Goal: whoever sends what cannot be read, is too large, or proves nothing, disturbs nobody and
// leaves no trace.
// Method: whole simulated servers; requests byte by byte, beside others at work.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CreateMode } from '../../server/protocol/create-mode.ts';
import { JuteWriter } from '../../server/protocol/jute.ts';
import type { SessionId } from '../../server/protocol/session-id.ts';
import { OpCode } from '../../server/protocol/op-code.ts';
import { authRequest } from '../../server/protocol/requests/access.ts';
import { writeCreateRequest } from '../../server/protocol/requests/create.ts';
import { writeMulti } from '../../server/protocol/requests/multi.ts';
import { setDataRequest } from '../../server/protocol/requests/set-data.ts';
import { createRequest } from '../sim/client-ops.ts';
import { epilogue } from '../sim/epilogue.ts';
import { RawClient } from './raw-client.ts';
import { followersOf, leaderOf, servingWithin, settled } from './stage.ts';

const ephemeral = CreateMode.EPHEMERAL;

function writeEphemeral(path: string): (writer: JuteWriter) => void {
  return (writer) => writeCreateRequest(writer, createRequest(path, 'e', ephemeral));
}

test('ZOOKEEPER-2101, ZOOKEEPER-3496: a write over the limit costs its connection and is no transaction', () => {
  const stage = settled(4, { config: { frameBytesMax: 4_000 } });
  for (const sid of stage.sids) {
    const raw = RawClient.open(stage, sid);
    const before = stage.checker.lastCommitted;
    raw.request(OpCode.CREATE, (writer) =>
      writeCreateRequest(writer, createRequest('/large', 'x'.repeat(8_000), 0)),
    );
    stage.run(300);
    assert(raw.isClosed, 'closed');
    assert.equal(stage.model.tree.now('/large'), null);
    assert(stage.checker.lastCommitted > before, 'others go on');
  }
  epilogue(stage);
});

test('ZOOKEEPER-4843: the largest frame that is taken is logged, sent, streamed and read again by everyone', () => {
  const frameBytesMax = 0xfffff;
  const stage = settled(12, { clients: 1, config: { frameBytesMax, commitLogCount: 400 } });
  const [sid, other] = followersOf(stage);
  stage.crash(other, 'lost');
  const raw = RawClient.open(stage, sid, { timeoutMs: 8_000 });
  // What stands around the data in the frame of a setData: header, path, lengths, version.
  const aroundBytes = 8 + 4 + '/large'.length + 4 + 4;
  raw.ask(OpCode.CREATE, (writer) =>
    writeCreateRequest(writer, createRequest('/large', '', CreateMode.PERSISTENT)),
  );
  const data = Buffer.alloc(frameBytesMax - aroundBytes, 0x61);
  const write = (writer: JuteWriter): void =>
    setDataRequest.write(writer, { op: 'setData', path: '/large', data, version: -1 });
  assert.equal(raw.ask(OpCode.SET_DATA, write)?.error, 0, 'taken');
  const more = (writer: JuteWriter): void =>
    setDataRequest.write(writer, {
      op: 'setData',
      path: '/large',
      data: Buffer.alloc(data.length + 1),
      version: -1,
    });
  assert.equal(raw.ask(OpCode.SET_DATA, more, { isBroken: true }), null, 'a byte more is not');
  // By DIFF, from the disks of all, and as a whole tree.
  stage.start(other);
  servingWithin(stage, 10_000, ...stage.sids);
  for (const one of stage.sids) stage.crash(one, 'lost');
  for (const one of stage.sids) stage.start(one);
  stage.settle(10_000);
  stage.crash(other, 'lost');
  stage.wipe(other);
  stage.start(other);
  servingWithin(stage, 10_000, ...stage.sids);
  for (const one of stage.sids) {
    const reader = RawClient.open(stage, one);
    const reply = reader.ask(OpCode.GET_DATA, (writer) => {
      writer.string('/large');
      writer.boolean(false);
    });
    assert.equal(reply?.error, 0);
    assert.equal(reply.body.bytes()?.length, data.length, `s${one}`);
    reader.destroy();
  }
  epilogue(stage);
});

test('a wrong password is refused, and touches neither the session nor the connection of its owner', () => {
  const stage = settled(8, { clients: 1 });
  for (const sid of stage.sids) {
    const owner = RawClient.open(stage, sid);
    const sessionId = owner.session?.sessionId ?? 0n;
    for (const at of stage.sids) {
      const thief = new RawClient(stage, at, {
        sessionId: sessionId as SessionId,
        password: Buffer.alloc(16, 7),
      });
      stage.run(100);
      assert.equal(thief.session?.timeoutMs, 0, 'refused');
    }
    assert.equal(owner.ask(OpCode.CREATE, writeEphemeral(`/mine-${sid}`))?.error, 0);
    owner.destroy();
  }
  epilogue(stage);
});

function proof(scheme: string, auth: string): (writer: JuteWriter) => void {
  return (writer) => authRequest.write(writer, { type: 0, scheme, auth: Buffer.from(auth) });
}

/** Identities of a connection as it is told them. */
function whoAmI(client: RawClient): string {
  const reply = client.ask(OpCode.WHO_AM_I, () => undefined);
  assert.equal(reply?.error, 0);
  return reply.body.buffer.toString('latin1');
}

test('ZOOKEEPER-3905, ZOOKEEPER-4839: what comes behind a failed proof of identity is not done, and no identity is left of it or before it', () => {
  const stage = settled(9);
  for (const sid of stage.sids) {
    const raw = RawClient.open(stage, sid);
    raw.request(OpCode.AUTH, proof('digest', 'alice:secret'), { xid: -4 });
    assert.match(whoAmI(raw), /alice/);
    const before = raw.replies.length;
    raw.request(OpCode.AUTH, proof('no-such-scheme', 'mallory:x'), { xid: -4 });
    raw.request(OpCode.CREATE, writeEphemeral(`/after-${sid}`));
    stage.run(300);
    assert.deepEqual(
      raw.replies.slice(before).map(({ error }) => error),
      [-115],
      'nothing is answered behind it',
    );
    assert(raw.isClosed);
    assert.equal(stage.model.tree.now(`/after-${sid}`), null);
    const { session } = raw;
    assert(session !== null);
    // The session itself is as good as before; who it is has to be proven anew.
    const again = RawClient.open(stage, sid, session);
    assert.doesNotMatch(whoAmI(again), /alice|mallory/);
    again.destroy();
  }
  epilogue(stage);
});

/** One of each write, as its record alone. */
function writes(path: string): [number, Buffer][] {
  const record = (write: (writer: JuteWriter) => void): Buffer => {
    const writer = new JuteWriter();
    write(writer);
    return writer.take();
  };
  const made = createRequest(path, 'abc', CreateMode.PERSISTENT);
  return [
    [OpCode.CREATE, record((writer) => writeCreateRequest(writer, made))],
    [
      OpCode.SET_DATA,
      record((writer) =>
        setDataRequest.write(writer, { op: 'setData', path, data: Buffer.from('x'), version: -1 }),
      ),
    ],
    [OpCode.MULTI, record((writer) => writeMulti(writer, [made]))],
    [
      OpCode.DELETE,
      record((writer) => {
        writer.string(path);
        writer.int32(-1);
      }),
    ],
  ];
}

test('Decode-first: a write that is cut at any byte takes no zxid, is refused alone, and the next one is done', () => {
  const stage = settled(10, { clients: 0 });
  for (const sid of [leaderOf(stage), followersOf(stage)[0]]) {
    for (const [opCode, bytes] of writes('/cut')) {
      const raw = RawClient.open(stage, sid);
      const before = stage.checker.lastCommitted;
      for (let end = 0; end < bytes.length; end += 1) {
        const reply = raw.ask(opCode, (writer) => writer.raw(bytes.subarray(0, end)), {
          isBroken: true,
        });
        assert.equal(reply?.error, -5, `${opCode} cut at ${end} of ${bytes.length}`);
      }
      assert.equal(stage.checker.lastCommitted, before, 'no transaction');
      const next = raw.ask(OpCode.CREATE, writeEphemeral(`/next-${sid}-${opCode}`));
      assert.equal(next?.error, 0);
      assert.equal(next.zxid, before + 1, 'the very next zxid');
      raw.destroy();
    }
  }
  epilogue(stage);
});

test('ZOOKEEPER-2623: a check outside of a multi is refused and never logged', () => {
  const stage = settled(11, { clients: 0 });
  for (const sid of stage.sids) {
    const raw = RawClient.open(stage, sid);
    const before = stage.checker.lastCommitted;
    const reply = raw.ask(OpCode.CHECK, (writer) => {
      writer.string('/');
      writer.int32(0);
    });
    assert.equal(reply?.error, -6);
    assert.equal(stage.checker.lastCommitted, before);
    raw.destroy();
  }
  epilogue(stage);
});
