import { createPrep } from '../../../server/prep/prep.ts';
import type { Prep, WriteOp } from '../../../server/prep/door.ts';
import { CreateMode } from '../../../server/protocol/create-mode.ts';
import { withSequence } from '../../../server/protocol/path.ts';
import { AclCache } from '../../../server/tree/acl-cache.ts';
import { createTree } from '../../../server/tree/data-tree.ts';
import type { StoredTree } from '../../../server/tree/door.ts';
import { methodsOf, patched } from './mutant.ts';
import type { Mutant, Undo } from './mutant.ts';

const tree = methodsOf(createTree());
const prep = methodsOf(
  createPrep(
    {
      extendedTypesEnabled: false,
      skipAcl: true,
      enforceQuota: false,
      digestEnabled: true,
      schemes: {
        isValid: () => true,
        matches: () => true,
        isAuthenticated: () => true,
      },
    },
    createTree(),
  ),
);

/** The leader judges another request than the one that came. */
function judging(change: (op: WriteOp) => WriteOp): readonly Undo[] {
  return [
    patched(prep, 'prepare', (original) => {
      return function (this: Prep, request, zxid, timeMs) {
        const { op } = request;
        const judged = op.op === 'multi' ? { ...op, ops: op.ops.map(change) } : change(op);
        return original.call(this, { ...request, op: judged }, zxid, timeMs);
      };
    }),
  ];
}

function whateverVersion(op: WriteOp): WriteOp {
  return 'version' in op ? { ...op, version: -1 } : op;
}

/** Numbers of sequential nodes come round again. */
function fewNumbers(): (op: WriteOp) => WriteOp {
  let count = 0;
  return (op) => {
    if (op.op !== 'create' || (op.flags & CreateMode.PERSISTENT_SEQUENTIAL) === 0) return op;
    count += 1;
    const flags = op.flags & ~CreateMode.PERSISTENT_SEQUENTIAL;
    return { ...op, flags, path: withSequence(op.path, count % 50) };
  };
}

/** What writes do: versions, numbers, all or nothing. */
export const writeMutants: readonly Mutant[] = [
  {
    name: 'does not look at the version that a write is for',
    kin: '',
    symptom: /^C1 /,
    showsOutside: true,
    patch: () => judging(whateverVersion),
  },
  {
    name: 'numbers sequential nodes anew',
    kin: '',
    symptom: /^T2 /,
    showsOutside: true,
    patch: () => judging(fewNumbers()),
  },
  {
    name: 'does the rest of a multi that was refused',
    kin: '2623',
    symptom: /^C6 |^T5 /,
    showsOutside: true,
    patch: () => [
      patched(tree, 'apply', (original) => {
        return function (this: StoredTree, txn) {
          if (txn.body.type !== 14) return original.call(this, txn);
          const good = txn.body.txns.filter((part) => part.type !== -1);
          if (good.length === txn.body.txns.length) return original.call(this, txn);
          original.call(this, { ...txn, body: { type: 14, txns: good } });
          return original.call(this, txn);
        };
      }),
    ],
  },
  {
    name: 'leaves the parent of a deleted node as it was',
    kin: '3145',
    symptom: /^C6 |^T8 /,
    showsOutside: true,
    patch: () => [
      patched(tree, 'apply', (original) => {
        return function (this: StoredTree, txn) {
          if (txn.body.type !== 2) return original.call(this, txn);
          const header = { ...txn.header, zxid: (txn.header.zxid - 1) as typeof txn.header.zxid };
          const applied = original.call(this, { ...txn, header });
          this.setLastZxid(txn.header.zxid);
          return applied;
        };
      }),
    ],
  },
  {
    name: 'forgets access lists that nodes of a snapshot use',
    kin: '4846 3306 4799',
    symptom: /^T4 |^C|^L|^T8 /,
    patch: () => [patched(AclCache.prototype, 'addUse', () => () => undefined)],
  },
  {
    name: 'gives back an access list once too often',
    kin: '3306',
    symptom: /^T4 |^C|^L|^T8 /,
    patch: () => [
      patched(AclCache.prototype, 'release', (original) => {
        return function (this: AclCache, id: number): void {
          original.call(this, id);
          original.call(this, id);
        };
      }),
    ],
  },
  {
    name: 'loses the time of a change',
    kin: '',
    symptom: /^C6 /,
    showsOutside: true,
    patch: () => [
      patched(tree, 'apply', (original) => {
        return function (this: StoredTree, txn) {
          const timeMs = txn.header.timeMs - (txn.header.timeMs % 1_000);
          return original.call(this, { ...txn, header: { ...txn.header, timeMs } });
        };
      }),
    ],
  },
];
