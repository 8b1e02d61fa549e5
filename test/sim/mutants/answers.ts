import { EventType } from '../../../server/protocol/event-type.ts';
import { setWatches2Request } from '../../../server/protocol/requests/watch.ts';
import type { Zxid } from '../../../server/protocol/zxid.ts';
import { Commits } from '../../../server/shell/commits.ts';
import { Following } from '../../../server/shell/following.ts';
import { Requests } from '../../../server/shell/requests.ts';
import { Sessions } from '../../../server/shell/sessions.ts';
import { Watching } from '../../../server/shell/watching.ts';
import { createWatchTable } from '../../../server/watch/watch-table.ts';
import type { WatchTable } from '../../../server/watch/door.ts';
import { methodsOf, patched } from './mutant.ts';
import type { Mutant, Undo } from './mutant.ts';
import { laggingFollower, leadersGo, lostAndFound } from './client-scripts.ts';

/** Events of a transaction are written behind the answer to it. */
function eventsLate(): readonly Undo[] {
  const waiting: (() => void)[] = [];
  return [
    patched(Watching.prototype, 'fire', (original) => {
      return function (this: Watching, changes, zxid): void {
        const kept = [...changes];
        waiting.push(() => original.call(this, kept, zxid));
      };
    }),
    patched(Commits.prototype, 'deliver', (original) => {
      return function (this: Commits, proposal, leadership): void {
        original.call(this, proposal, leadership);
        for (const fire of waiting.splice(0)) fire();
      };
    }),
  ];
}

/** One write in ten is forwarded behind the next one of the same server. */
function writesSwapped(): readonly Undo[] {
  const held = new WeakMap<Following, () => void>();
  let count = 0;
  return [
    patched(Following.prototype, 'write', (original) => {
      return function (this: Following, client, pending, op): void {
        count += 1;
        const older = held.get(this);
        if (older === undefined && count % 10 === 0) {
          held.set(this, () => original.call(this, client, pending, op));
          return;
        }
        original.call(this, client, pending, op);
        held.delete(this);
        older?.();
      };
    }),
  ];
}

/** Every so many changes, watches hear of one twice, or not at all. */
function firing(times: number): readonly Undo[] {
  let count = 0;
  return [
    patched(Watching.prototype, 'fire', (original) => {
      return function (this: Watching, changes, zxid): void {
        count += 1;
        const isOdd = count % 20 === 0;
        for (let time = 0; time < (isOdd ? times : 1); time += 1) {
          original.call(this, changes, zxid);
        }
      };
    }),
  ];
}

/** What clients are told, when, and in which order. */
export const answerMutants: readonly Mutant[] = [
  {
    name: 'answers before it tells of the change',
    kin: '4475',
    symptom: /^C5 /,
    showsOutside: true,
    patch: eventsLate,
  },
  {
    name: 'sets watches again without looking at what was missed',
    kin: '3145 1412',
    symptom: /^C5 /,
    showsOutside: true,
    patch: () => [
      patched(setWatches2Request, 'read', (original) => {
        return (reader) => ({ ...original(reader), relativeZxid: Number.MAX_SAFE_INTEGER as Zxid });
      }),
    ],
  },
  {
    name: 'tells of a change as missed that was seen',
    kin: '1412',
    symptom: /^C[56] /,
    patch: () => [
      patched(setWatches2Request, 'read', (original) => {
        return (reader) => ({ ...original(reader), relativeZxid: 0 as Zxid });
      }),
    ],
  },
  {
    name: 'loses an event',
    kin: '1412',
    symptom: /^C5 /,
    showsOutside: true,
    patch: () => firing(0),
  },
  {
    name: 'tells of a change twice',
    kin: '4475',
    symptom: /^C[56] /,
    showsOutside: true,
    patch: () => firing(2),
  },
  {
    name: 'keeps one-shot watches of children for good',
    kin: '1863',
    symptom: /^C[56] /,
    patch: () => [
      patched(methodsOf(createWatchTable<object>()), 'fire', (original) => {
        return function (this: WatchTable<object>, change, emit): void {
          original.call(this, change, (watcher, type, path) => {
            emit(watcher, type, path);
            if (type === EventType.NODE_CHILDREN_CHANGED) this.addChild(path, watcher, 1);
          });
        };
      }),
    ],
  },
  {
    name: 'forwards writes in another order',
    kin: '4655 2137',
    symptom: /^C2 /,
    showsOutside: true,
    patch: writesSwapped,
  },
  {
    name: 'answers syncs itself while it follows',
    kin: '1675',
    symptom: /^C4 /,
    showsOutside: true,
    script: laggingFollower,
    patch: () => [
      patched(Following.prototype, 'sync', (original) => {
        return function (this: Following, client, pending): void {
          original.call(this, client, pending);
          this.syncDone();
        };
      }),
    ],
  },
  {
    name: 'asks again for what may be committed yet',
    kin: '',
    symptom: /^C2 /,
    script: lostAndFound,
    patch: () => [
      patched(Sessions.prototype, 'hold', (original) => {
        return function (this: Sessions, epoch): void {
          original.call(this, epoch - 1);
        };
      }),
    ],
  },
  {
    name: 'asks its next leader in another order',
    kin: '4655',
    symptom: /^C2 /,
    script: leadersGo,
    patch: () => [
      patched(Requests.prototype, 'again', (original) => {
        return function (this: Requests, client, upstream): void {
          const asked: (() => void)[] = [];
          const later = {
            ...upstream,
            write: (...args: Parameters<typeof upstream.write>) => {
              asked.unshift(() => upstream.write(...args));
            },
            sync: (...args: Parameters<typeof upstream.sync>) => upstream.sync(...args),
          };
          original.call(this, client, later);
          for (const ask of asked) ask();
        };
      }),
    ],
  },
];
