import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { createAuth, digestIdOf, withIds } from '../../server/auth/auth.ts';
import type { Id } from '../../server/protocol/acl.ts';
import { Perm } from '../../server/protocol/acl.ts';
import { JuteError, JuteReader } from '../../server/protocol/jute.ts';
import { OpCode } from '../../server/protocol/op-code.ts';
import { isWrite, readWrite } from '../../server/protocol/requests/write-request.ts';
import type { Stat } from '../../server/protocol/stat.ts';
import type { Zxid } from '../../server/protocol/zxid.ts';
import type { WriteOp } from '../../server/prep/door.ts';
import { createPrep } from '../../server/prep/prep.ts';
import { createTree } from '../../server/tree/data-tree.ts';
import type { Applied, AppliedOp } from '../../server/tree/door.ts';
import { acl, createOp, mine, optionsDefault } from './fixture.ts';

// Goal: every write that was put to the reference gets the answer that the reference gave.
// Method: its recorded request frames, decoded, prepared and applied; errors, paths and the
// counters of stats against the recorded replies. What the recording left out is asked for here.

interface Frame {
  readonly name: string;
  readonly direction: 'request' | 'response' | 'notification' | 'note';
  readonly hex: string;
  readonly decoded: {
    readonly header: { readonly type: number; readonly err: number };
    readonly body: {
      readonly scheme: string;
      readonly auth: string | null;
      readonly path?: string;
      readonly stat?: RecordedStat;
      readonly ops: readonly { readonly header: { type: number; err: number } }[];
    } | null;
  };
}

type RecordedStat = Pick<
  Stat,
  'version' | 'cversion' | 'aversion' | 'dataLength' | 'numChildren'
> & { readonly ephemeralOwner: string };

const superProof = Buffer.from('super:secret');
const auth = createAuth({ superDigest: digestIdOf(superProof) });
const bobs = [
  acl(Perm.ALL, 'digest', digestIdOf(Buffer.from('bob:pw'))),
  acl(Perm.READ, 'world', 'anyone'),
];

/** Asked for before the frame of that name, as the recording did without keeping it. */
const unrecorded: Readonly<Record<string, readonly WriteOp[]>> = {
  'exists/hit': [createOp('/g/a/c1'), createOp('/g/a/c2')],
  'deleteContainer/from-client': [createOp('/g/cont2', { opCode: OpCode.CREATE_CONTAINER })],
  'error/create-node-exists': [createOp('/g/e')],
  'error/create-under-ephemeral': [createOp('/g/eeph', { flags: 1 })],
  'auth/ip': [createOp('/g/aclro', { acl: bobs })],
  'multi/mixed-success': [createOp('/g/m'), createOp('/g/m/del')],
  'quota/create-limits-node': [
    createOp('/q', { data: Buffer.from('12345') }),
    createOp('/zookeeper/quota/q'),
  ],
};

/** Here the recording goes on with a new connection: proofs given before do not count any more. */
const newConnection = 'auth/getData-no-auth';

/** Refused on purpose where the reference obeys: a container that was never used stays. */
const stricter: Readonly<Record<string, number>> = { 'deleteContainer/from-client': -103 };

class Replay {
  readonly #tree = createTree({ extendedTypesEnabled: true });
  readonly #prep = createPrep({ ...optionsDefault, enforceQuota: true, schemes: auth }, this.#tree);
  #zxid = 0;
  #ids: readonly Id[] = auth.connectionIds('127.0.0.1');

  constructor() {
    this.ask({ op: 'createSession', timeoutMs: 10_000 });
    this.ask(createOp('/g'));
  }

  ask(op: WriteOp): Applied {
    this.#zxid += 1;
    const zxid = this.#zxid as Zxid;
    const request = { sessionId: mine, cxid: 1, op, authIds: this.#ids, internal: false };
    const applied = this.#tree.apply(this.#prep.prepare(request, zxid, 1_000));
    this.#prep.applied(zxid);
    return applied;
  }

  prove(scheme: string, proof: Buffer | null): number {
    const outcome = auth.authenticate(scheme, proof, '127.0.0.1');
    if ('refused' in outcome) return outcome.refused;
    this.#ids = withIds(this.#ids, outcome.value);
    return 0;
  }

  reconnect(): void {
    this.#ids = auth.connectionIds('127.0.0.1');
  }
}

function framesOf(file: string): Frame[] {
  const path = join(import.meta.dirname, '../golden/client', `${file}.json`);
  return JSON.parse(readFileSync(path, 'utf8')) as Frame[];
}

/** `null`: cannot be decoded. */
function opOf(frame: Frame): WriteOp | null {
  try {
    const reader = new JuteReader(Buffer.from(frame.hex, 'hex'), 12);
    return readWrite(frame.decoded.header.type, reader);
  } catch (error) {
    if (error instanceof JuteError) return null;
    throw error;
  }
}

function assertStat(given: Stat | null, recorded: RecordedStat | undefined, name: string): void {
  if (recorded === undefined) return;
  assert.ok(given !== null, `${name} has a stat`);
  const keys = ['version', 'cversion', 'aversion', 'dataLength', 'numChildren'] as const;
  for (const key of keys) assert.equal(given[key], recorded[key], `${name}: ${key}`);
  assert.equal(given.ephemeralOwner !== 0n, recorded.ephemeralOwner !== '0', `${name}: owner`);
}

function assertParts(parts: readonly AppliedOp[], reply: Frame): void {
  const recorded = reply.decoded.body?.ops ?? [];
  assert.equal(parts.length, recorded.length, reply.name);
  for (const [index, { header }] of recorded.entries()) {
    const part = parts[index];
    // A create of any kind but the first answers as create2 does.
    const type = part !== undefined && part.type >= OpCode.CREATE_CONTAINER ? 15 : part?.type;
    assert.deepEqual([type, part?.error], [header.type, header.err], `${reply.name} ${index}`);
  }
}

function replay(file: string): number {
  const frames = framesOf(file);
  const world = new Replay();
  let compared = 0;
  for (const frame of frames) {
    if (frame.direction !== 'request' || frame.decoded === undefined) continue;
    for (const op of unrecorded[frame.name] ?? []) assert.equal(world.ask(op).error, 0);
    if (frame.name === newConnection) world.reconnect();
    const { name } = frame;
    const reply = frames.find((each) => each.name === name && each.direction === 'response');
    if (reply === undefined) continue;
    const error = stricter[name] ?? reply.decoded.header.err;
    const { type } = frame.decoded.header;
    if (type === OpCode.AUTH) {
      const { scheme = '', auth: proof = null } = frame.decoded.body ?? {};
      assert.equal(world.prove(scheme, proof === null ? null : Buffer.from(proof, 'hex')), error);
      compared += 1;
    } else if (isWrite(type)) {
      compared += 1;
      const op = opOf(frame);
      if (op === null) {
        assert.equal(error, -5, `${name} cannot be decoded`);
        continue;
      }
      const applied = world.ask(op);
      if (op.op === 'multi') {
        assertParts(applied.results ?? [], reply);
        continue;
      }
      assert.equal(applied.error, error, name);
      if (error !== 0) continue;
      const { path, stat } = reply.decoded.body ?? {};
      if (path !== undefined) assert.equal(applied.path, path, name);
      assertStat(applied.stat, stat, name);
    }
  }
  return compared;
}

const files = { crud: 28, errors: 29, auth: 11, multi: 7, quota: 6 } as const;
for (const [file, count] of Object.entries(files)) {
  test(`the writes of ${file} are answered as recorded`, () => {
    assert.equal(replay(file), count);
  });
}
