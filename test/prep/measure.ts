import { createAuth } from '../../server/auth/auth.ts';
import { aclOpen } from '../../server/protocol/acl.ts';
import { OpCode } from '../../server/protocol/op-code.ts';
import type { SessionId } from '../../server/protocol/session-id.ts';
import type { Txn } from '../../server/protocol/txn.ts';
import type { Zxid } from '../../server/protocol/zxid.ts';
import type { WriteOp } from '../../server/prep/door.ts';
import { createPrep } from '../../server/prep/prep.ts';
import { createTree } from '../../server/tree/data-tree.ts';

// Prints how many writes a leader prepares and applies a second, with a window of transactions
// outstanding. `node test/prep/measure.ts`

const count = 200_000;
const window = 100;
const session = 0x0100_0000_0000_0001n as SessionId;
const data = Buffer.alloc(100, 'x');
const schemes = createAuth({ superDigest: null });

const tree = createTree();
const prep = createPrep(
  {
    extendedTypesEnabled: false,
    skipAcl: false,
    enforceQuota: false,
    digestEnabled: true,
    schemes,
  },
  tree,
);
let zxid = 0;

function run(name: string, opOf: (index: number) => WriteOp): void {
  let held: Txn[] = [];
  let prepareMs = 0;
  let applyMs = 0;
  for (let index = 0; index < count; index += window) {
    const from = performance.now();
    for (let at = index; at < index + window; at += 1) {
      zxid += 1;
      const op = opOf(at);
      const request = { sessionId: session, cxid: at, op, authIds: [], internal: false };
      held.push(prep.prepare(request, zxid as Zxid, 1_700_000_000_000 + zxid));
    }
    const between = performance.now();
    for (const txn of held) {
      tree.apply(txn);
      prep.applied(txn.header.zxid);
    }
    prepareMs += between - from;
    applyMs += performance.now() - between;
    held = [];
  }
  const microseconds = (ms: number): string => ((ms * 1_000) / count).toFixed(2);
  console.log(`${name}: prepare ${microseconds(prepareMs)} µs, apply ${microseconds(applyMs)} µs`);
}

const createOf = (path: string): WriteOp => {
  const opCode = OpCode.CREATE;
  return { op: 'create', opCode, path, data, acl: aclOpen, flags: 0, ttlMs: -1 };
};

const pathOf = (at: number): string => `/bench/n${String(at).padStart(10, '0')}`;

run('createSession', () => ({ op: 'createSession', timeoutMs: 10_000 }));
run('create', (at) => createOf(at === 0 ? '/bench' : pathOf(at)));
run('setData', (at) => ({ op: 'setData', path: pathOf((at * 7919) % count), data, version: -1 }));
run('delete', (at) => ({ op: 'delete', path: pathOf(at), version: -1 }));
