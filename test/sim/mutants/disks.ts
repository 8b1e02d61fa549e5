import { OpCode } from '../../../server/protocol/op-code.ts';
import { encodeTxn, peekTxnHeader, decodeTxn } from '../../../server/protocol/txn-codec.ts';
import type { Zxid } from '../../../server/protocol/zxid.ts';
import { zxidZero } from '../../../server/protocol/zxid.ts';
import { TreeRecovery } from '../../../server/shell/history.ts';
import type { Host } from '../../../server/shell/host.ts';
import type { Disk, DiskFile } from '../../../server/storage/disk.ts';
import { openStorage } from '../../../server/storage/storage.ts';
import type { Proposal } from '../../../server/zab/events.ts';
import { before, patched, storages } from './mutant.ts';
import type { Mutant } from './mutant.ts';
import { failingSync, flippedBits, killedThenDark } from './scripts.ts';

type Parts = NonNullable<Mutant['parts']>;

/** The machine with another disk. */
function disks(change: (disk: Disk) => Partial<Disk>): NonNullable<Mutant['host']> {
  return (_sid, host: Host) => before(host, { disk: before(host.disk, change(host.disk)) });
}

/** Files whose writes or syncs are answered otherwise. */
function files(change: (file: DiskFile) => Partial<DiskFile>): NonNullable<Mutant['host']> {
  return disks((disk) => ({
    create: (path) => {
      const file = disk.create(path);
      return before(file, change(file));
    },
  }));
}

/** Recovers everything but the newest transaction. */
function withoutNewest(): Parts {
  return storages((storage) => {
    const recover = storage.recover.bind(storage);
    storage.recover = (target, count) => {
      const held: Proposal[] = [];
      const recovered = recover(
        before(target, {
          replay: (entry) => {
            held.push(entry);
            const older = held.length > 1 ? held.shift() : undefined;
            if (older !== undefined) target.replay(older);
          },
        }),
        count,
      );
      const last = recovered.recentLog.at(-2)?.zxid;
      if (last === undefined || held.length === 0) return recovered;
      return { ...recovered, lastZxid: last, recentLog: recovered.recentLog.slice(0, -1) };
    };
  });
}

/** What cannot be read counts as never written. */
function startsEmpty(): Parts {
  return storages((storage) => {
    const recover = storage.recover.bind(storage);
    storage.recover = (target, count) => {
      const recovered = recover(target, count);
      if (recovered.lack === null) return recovered;
      target.reset();
      return { ...recovered, lastZxid: zxidZero, recentLog: [], wasEmpty: true, lack: null };
    };
  });
}

/** Confirms every entry, and writes all but one in fifty. */
function sparseLog(): Parts {
  return storages((storage) => {
    const append = storage.append.bind(storage);
    let count = 0;
    storage.append = (entry) => {
      count += 1;
      if (count % 50 !== 0) append(entry);
    };
  });
}

function isSessionEnd(bytes: Uint8Array): boolean {
  return peekTxnHeader(bytes).type === OpCode.CLOSE_SESSION;
}

/** What is written, what is synced, and what a start makes of it. */
export const diskMutants: readonly Mutant[] = [
  {
    name: 'has a disk that answers fsync without doing it',
    kin: '',
    symptom: /^L2 |^Z8 |^Z11 /,
    showsOutside: true,
    prepare: (ensemble) => {
      for (const sid of ensemble.sids) ensemble.disk(sid).faults.lies = true;
    },
  },
  {
    name: 'does not sync its log',
    kin: '',
    symptom: /^L2 |^Z8 |^Z11 /,
    parts: () => ({
      openStorage: (options, disk) => openStorage({ ...options, forceSync: false }, disk),
    }),
  },
  {
    name: 'does not sync directories',
    kin: 'Keeper 111339, 116316',
    symptom: /^L2 |^Z8 |^Z11 /,
    prepare: (ensemble) => {
      for (const sid of ensemble.sids) ensemble.disk(sid).syncDir = () => undefined;
    },
  },
  {
    name: 'takes what it can read for what is on disk',
    kin: '',
    symptom: /^Z8 /,
    script: killedThenDark,
    host: disks(() => ({ secure: () => undefined })),
  },
  {
    name: 'goes on after a write that failed',
    kin: '4882',
    symptom: /^L2 |^Z8 |^Z11 /,
    options: { storm: { diskErrors: true } },
    host: files((file) => ({
      write: (bytes, position, done) => file.write(bytes, position, () => done(null)),
    })),
  },
  {
    name: 'takes an fsync that failed for done',
    kin: '',
    symptom: /^L2 |^Z8 |^Z11 /,
    options: { storm: { diskErrors: true } },
    script: failingSync,
    host: files((file) => ({ sync: (done) => file.sync(() => done(null)) })),
  },
  {
    name: 'confirms an entry that it did not write',
    kin: '4882',
    symptom: /^L2 |^Z8 |^Z11 /,
    parts: sparseLog(),
  },
  {
    name: 'stores no epoch',
    kin: '1653',
    symptom: /^L2 |^Z8 |^Z11 /,
    showsOutside: true,
    parts: storages((storage) => {
      storage.storeEpoch = (_which, _epoch, done) => done();
    }),
  },
  {
    name: 'writes its epochs in place',
    kin: '1653 2307 1387',
    symptom: /^L2 |^Z8 |^Z11 /,
    host: disks((disk) => ({
      replaceAtomically: (path, bytes) => disk.create(path).write(bytes, 0, () => undefined),
    })),
  },
  {
    name: 'recovers without its newest transaction',
    kin: '',
    symptom: /^Z8 /,
    showsOutside: true,
    parts: withoutNewest(),
  },
  {
    name: 'starts empty when its disk cannot be read',
    kin: '2325 261',
    symptom: /^Z8 /,
    options: { voters: 3, observers: 0, storm: { diskErrors: true } },
    script: flippedBits,
    parts: startsEmpty(),
  },
  {
    name: 'names a snapshot after what it lacks',
    kin: '3127',
    symptom: /^Z|^C|^T/,
    parts: storages((storage) => {
      const write = storage.writeSnapshot.bind(storage);
      storage.writeSnapshot = (source, options, done) => {
        const zxid = (source.zxid % 2 ** 32 < 5 ? source.zxid : source.zxid + 2) as Zxid;
        write(before(source, { zxid }), options, done);
      };
    }),
  },
  {
    name: 'does not end sessions when it replays its log',
    kin: '3144',
    symptom: /^Z|^C|^S3 |^T8 |^L6 /,
    patch: () => [
      patched(TreeRecovery.prototype, 'replay', (original) => {
        return function (this: TreeRecovery, entry): void {
          if (!isSessionEnd(entry.bytes)) return original.call(this, entry);
          const txn = { ...decodeTxn(entry.bytes), digest: null };
          const bytes = encodeTxn({ ...txn, body: { type: -1, error: 0 } });
          original.call(this, { zxid: entry.zxid, bytes });
        };
      }),
    ],
  },
  {
    name: 'removes logs that its snapshots need',
    kin: '3231',
    symptom: /^L2 |^Z8 |^Z11 /,
    options: { config: { purgeIntervalHours: 1 / 3_600 } },
    parts: storages((storage, disk) => {
      storage.purge = () => {
        const logs = disk.list('/data/version-2').filter((name) => name.startsWith('log.'));
        const old = logs.sort((a, b) => a.length - b.length || (a < b ? -1 : 1)).slice(0, -1);
        for (const name of old) disk.remove(`/data/version-2/${name}`);
        return old;
      };
    }),
  },
];
