import * as fc from 'fast-check';
import { aclOpen, type Acl } from '../../server/protocol/acl.ts';
import type { SessionId } from '../../server/protocol/session-id.ts';
import type { Txn, TxnBody } from '../../server/protocol/txn.ts';
import type { Zxid } from '../../server/protocol/zxid.ts';
import { PlainTree } from './plain-tree.ts';

/** What someone tries; becomes a transaction, as a leader would make it, against a plain tree. */
export interface Attempt {
  readonly act: 'create' | 'delete' | 'set' | 'setAcl' | 'open' | 'close' | 'multi';
  readonly path: string;
  readonly session: bigint;
  readonly bytes: number;
  readonly acl: readonly Acl[];
  readonly kind: 1 | 15 | 19 | 21;
  readonly ephemeral: boolean;
}

const names = ['a', 'b', 'é', 'c-long-name-0000000001'];
const paths = names.flatMap((one) => [`/${one}`, ...names.map((two) => `/${one}/${two}`)]);
const deep = ['/a/b/c', '/a/b/c/d', '/b/a/x', '/zookeeper/x', '/zookeeper/quota/y'];
const acls: (readonly Acl[])[] = [
  aclOpen,
  [{ perms: 1, id: { scheme: 'world', id: 'anyone' } }],
  [
    { perms: 31, id: { scheme: 'digest', id: 'a:b' } },
    { perms: 1, id: { scheme: 'ip', id: '::1' } },
  ],
];

export const attempts: fc.Arbitrary<Attempt[]> = fc.array(
  fc.record({
    act: fc.constantFrom(
      ...([
        'create',
        'create',
        'create',
        'delete',
        'set',
        'setAcl',
        'open',
        'close',
        'multi',
      ] as const),
    ),
    path: fc.constantFrom(...paths, ...deep),
    session: fc.constantFrom(1n, -5n, 0x1ff000000000001n),
    bytes: fc.constantFrom(-1, 0, 1, 20, 300, 40_000),
    acl: fc.constantFrom(...acls),
    kind: fc.constantFrom<(1 | 15 | 19 | 21)[]>(1, 15, 19, 21),
    ephemeral: fc.boolean(),
  }),
  { minLength: 1, maxLength: 80 },
);

/** Numbers them and fills in what a leader fills in; refused ones are error transactions. */
export function txnsOf(tried: readonly Attempt[]): Txn[] {
  const plain = new PlainTree();
  return tried.map((attempt, index) => {
    const zxid = (2 ** 32 + index + 1) as Zxid;
    const header = {
      sessionId: attempt.session as SessionId,
      cxid: index,
      zxid,
      timeMs: 1.7e12 + index,
    };
    let body = bodyOf(attempt, plain, index);
    if (attempt.act === 'multi') body = multiOf(attempt, plain, index);
    const txn: Txn = { header, body, digest: null };
    plain.apply(txn);
    return txn;
  });
}

function bodyOf(attempt: Attempt, plain: PlainTree, index: number): TxnBody {
  const { path, acl, act } = attempt;
  const data = attempt.bytes < 0 ? null : Buffer.alloc(attempt.bytes, index);
  const parent = plain.nodes.get(path.slice(0, path.lastIndexOf('/')));
  const node = plain.nodes.get(path);
  const refused: TxnBody = { type: -1, error: -101 };
  if (act === 'open') return { type: -10, timeoutMs: 1000 + index };
  if (act === 'close') {
    return { type: -11, paths: index % 2 === 0 ? plain.owned(attempt.session) : null };
  }
  if (act === 'create' || act === 'multi') {
    if (parent === undefined || node !== undefined) return refused;
    const parentCversion = parent.creates + 1;
    if (attempt.kind === 19) return { type: 19, path, data, acl, parentCversion };
    if (attempt.kind === 21) return { type: 21, path, data, acl, parentCversion, ttlMs: 2 ** 39 };
    const { kind: type, ephemeral } = attempt;
    return { type, path, data, acl, ephemeral, parentCversion };
  }
  if (node === undefined) return refused;
  if (act === 'set') return { type: 5, path, data, version: node.version + 1 };
  if (act === 'setAcl') return { type: 7, path, acl, version: node.aversion + 1 };
  return plain.children(path).length > 0 ? refused : { type: 2, path };
}

/** A create, data for it and a delete of it; or, where it cannot be created, a refused multi. */
function multiOf(attempt: Attempt, plain: PlainTree, index: number): TxnBody {
  const first = bodyOf(attempt, plain, index);
  const { path } = attempt;
  const set: TxnBody = { type: 5, path, data: Buffer.from('m'), version: 1 };
  const last: TxnBody = first.type === -1 ? { type: -1, error: -2 } : { type: 2, path };
  const check: TxnBody = { type: 13, path: '/', version: 1 };
  return { type: 14, txns: index % 3 === 0 ? [check, first, set] : [first, set, last] };
}
