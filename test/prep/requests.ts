import * as fc from 'fast-check';
import { Perm } from '../../server/protocol/acl.ts';
import { OpCode } from '../../server/protocol/op-code.ts';
import type { WriteOp, WriteRequest } from '../../server/prep/door.ts';
import { acl, createOp, deleteOp, mine, other, setAclOp, setDataOp } from './fixture.ts';

const paths = ['/a', '/a', '/b', '/b', '/a/c', '/a/c', '/a/d', '/a/c/e', '/b/f', '/zookeeper/x'];
const path = fc.constantFrom(...paths);
const version = fc.constantFrom(-1, -1, 0, 1, 2);
const text = fc.string({ maxLength: 5 });
const flags = fc.constantFrom(0, 0, 0, 1, 2, 3);
const opCode = fc.constantFrom(OpCode.CREATE, OpCode.CREATE2, OpCode.CREATE_CONTAINER);
const lists = [
  [acl(Perm.ALL, 'world', 'anyone')],
  [acl(Perm.ALL, 'world', 'anyone')],
  [acl(Perm.READ | Perm.CREATE, 'world', 'anyone')],
  [],
];
const list = fc.constantFrom(...lists);

const simple: fc.Arbitrary<WriteOp> = fc.oneof(
  fc
    .tuple(path, flags, opCode, text, fc.constantFrom(...lists.slice(0, 3)))
    .map(([at, given, code, data, entries]) =>
      createOp(at, { flags: given, opCode: code, data: Buffer.from(data), acl: entries }),
    ),
  fc
    .tuple(path, fc.nat(9))
    .map(([at, ttlMs]) => createOp(at, { flags: 5, opCode: OpCode.CREATE_TTL, ttlMs })),
  fc.tuple(path, version).map(([at, expected]) => deleteOp(at, expected)),
  fc.tuple(path, text, version).map(([at, data, expected]) => setDataOp(at, data, expected)),
);

const op: fc.Arbitrary<WriteOp> = fc.oneof(
  { weight: 30, arbitrary: simple },
  {
    weight: 6,
    arbitrary: fc
      .array(
        fc.oneof(
          simple,
          fc
            .tuple(path, version)
            .map(([at, expected]): WriteOp => ({ op: 'check', path: at, version: expected })),
        ),
        { maxLength: 4 },
      )
      .map((ops): WriteOp => ({ op: 'multi', ops })),
  },
  { weight: 3, arbitrary: fc.tuple(path, list, version).map(([at, l, v]) => setAclOp(at, l, v)) },
  { weight: 6, arbitrary: path.map((at): WriteOp => ({ op: 'deleteContainer', path: at })) },
  { weight: 1, arbitrary: fc.constant<WriteOp>({ op: 'closeSession' }) },
  { weight: 2, arbitrary: fc.constant<WriteOp>({ op: 'createSession', timeoutMs: 1 }) },
);

/** Requests of two sessions over few names, so that they meet; some are the server's own. */
export const anyRequest: fc.Arbitrary<Pick<WriteRequest, 'op' | 'sessionId' | 'internal'>> =
  fc.record({
    op,
    sessionId: fc.constantFrom(mine, other),
    internal: fc.constantFrom(false, false, false, true),
  });

/** Batches of requests that are outstanding together. */
export const anyPipelines: fc.Arbitrary<Pick<WriteRequest, 'op' | 'sessionId' | 'internal'>[][]> =
  fc.array(fc.array(anyRequest, { minLength: 1, maxLength: 30, size: '+1' }), {
    minLength: 2,
    maxLength: 6,
    size: '+1',
  });
