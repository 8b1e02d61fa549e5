import { counterMax } from '../../../server/protocol/zxid.ts';
import type { JuteReader } from '../../../server/protocol/jute.ts';
import type { SessionId } from '../../../server/protocol/session-id.ts';
import { sessionIdNone } from '../../../server/protocol/session-id.ts';
import { sessionPassword } from '../../../server/protocol/session-password.ts';
import { PendingSessions } from '../../../server/prep/pending-sessions.ts';
import type { SessionTracker } from '../../../server/session/door.ts';
import { createSessionTracker } from '../../../server/session/session-tracker.ts';
import { createTouchTable } from '../../../server/session/touch-table.ts';
import { Sessions } from '../../../server/shell/sessions.ts';
import { createTree } from '../../../server/tree/data-tree.ts';
import type { StoredTree } from '../../../server/tree/door.ts';
import { epochWallMs } from '../sim-host.ts';
import { before, methodsOf, patched } from './mutant.ts';
import type { Mutant, Undo } from './mutant.ts';
import {
  clocksSet,
  expiryBehindPause,
  idleReader,
  intruder,
  movedSession,
  slowAtFirst,
  staleServer,
} from './client-scripts.ts';

const tracker = methodsOf(createSessionTracker({ tickMs: 1 }));

/** Places in a connect request. Source: client-protocol, section 3. */
const lastZxidAt = 4;
const sessionIdAt = 16;
const passwordAt = 28;

/** Changes the bytes of a connect request before the server reads them. */
function handshakes(change: (bytes: DataView) => void): readonly Undo[] {
  return [
    patched(Sessions.prototype, 'handshake', (original) => {
      return function (this: Sessions, client, reader: JuteReader): void {
        const { buffer, offset, end } = reader;
        change(new DataView(buffer.buffer, buffer.byteOffset + offset, end - offset));
        original.call(this, client, reader);
      };
    }),
  ];
}

/** Whoever names a session has its password. */
function rightPassword(bytes: DataView): void {
  const id = bytes.getBigInt64(sessionIdAt) as SessionId;
  if (id === sessionIdNone) return;
  sessionPassword(id).forEach((byte, index) => bytes.setUint8(passwordAt + index, byte));
}

/** Touches count once the sessions that seem silent have ended. */
function touchesLate(): readonly Undo[] {
  const waiting = new WeakMap<SessionTracker, (() => void)[]>();
  return [
    patched(tracker, 'touch', (original) => {
      return function (this: SessionTracker, id, timeoutMs, nowMs): boolean {
        if (!this.has(id) || this.isClosing(id)) return false;
        const list = waiting.get(this) ?? [];
        list.push(() => original.call(this, id, timeoutMs, nowMs));
        waiting.set(this, list);
        return true;
      };
    }),
    patched(tracker, 'expire', (original) => {
      return function (this: SessionTracker, nowMs): SessionId[] {
        const expired = original.call(this, nowMs);
        for (const touch of waiting.get(this)?.splice(0) ?? []) touch();
        return expired;
      };
    }),
  ];
}

/** Sessions: their ids, owners, timeouts and ends. */
export const sessionMutants: readonly Mutant[] = [
  {
    name: 'lets a session write that is about to end',
    kin: '1208 1496',
    symptom: /^S3 |^S8 /,
    patch: () => [
      patched(tracker, 'isClosing', () => () => false),
      patched(PendingSessions.prototype, 'isOpen', () => () => true),
    ],
  },
  {
    name: 'leaves the ephemerals of a session that has ended',
    kin: '2355 1208',
    symptom: /^C|^S3 |^L6 |^T8 /,
    showsOutside: true,
    patch: () => [
      patched(methodsOf(createTree()), 'apply', (original) => {
        return function (this: StoredTree, txn) {
          if (txn.body.type !== -11) return original.call(this, txn);
          (this.sessions as Map<SessionId, number>).delete(txn.header.sessionId);
          return original.call(this, { ...txn, body: { type: -1, error: 0 } });
        };
      }),
    ],
  },
  {
    name: 'ends sessions without a transaction',
    kin: '1367',
    symptom: /^S3 |^L6 /,
    patch: () => [
      patched(tracker, 'expire', (original) => {
        return function (this: SessionTracker, nowMs): SessionId[] {
          for (const id of original.call(this, nowMs)) this.remove(id);
          return [];
        };
      }),
    ],
  },
  {
    name: 'gives sessions no new time after an election',
    kin: '1367',
    symptom: /^S2 /,
    patch: () => [
      patched(tracker, 'add', (original) => {
        return function (this: SessionTracker, id, timeoutMs, nowMs): void {
          original.call(this, id, timeoutMs / 30, nowMs);
        };
      }),
    ],
  },
  {
    name: 'ends sessions before it looks at what has come from them',
    kin: '1049 3072',
    symptom: /^S2 /,
    script: expiryBehindPause,
    options: { clients: 0, config: { sessionTimeoutMsMax: 400 } },
    patch: touchesLate,
  },
  {
    name: 'does not tell its leader who has spoken',
    kin: 'Keeper 121361',
    symptom: /^S2 /,
    script: idleReader,
    patch: () => [patched(methodsOf(createTouchTable()), 'touch', () => () => undefined)],
  },
  {
    name: 'draws the same session ids in every life',
    kin: '',
    symptom: /^S1 /,
    host: (_sid, host) => before(host, { wallMs: () => epochWallMs, random: () => 0.5 }),
  },
  {
    name: 'counts time by the wall clock',
    kin: '',
    symptom: /^S2 |^L/,
    script: clocksSet,
    options: { counterMax },
    host: (_sid, host) => before(host, { nowMs: () => host.wallMs() - epochWallMs + 2 ** 40 }),
  },
  {
    name: 'does not ask who a session belongs to',
    kin: '',
    symptom: /^C2 /,
    script: movedSession,
    patch: () => [patched(tracker, 'owner', () => () => null)],
  },
  {
    name: 'takes any password',
    kin: '',
    symptom: /^S6 /,
    script: intruder,
    patch: () => handshakes(rightPassword),
  },
  {
    name: 'takes clients that have seen more than it has',
    kin: '4503',
    symptom: /^C3 /,
    script: staleServer,
    get options() {
      return { voters: 3, observers: 0, clockOf: slowAtFirst() };
    },
    patch: () => handshakes((bytes) => bytes.setBigInt64(lastZxidAt, 0n)),
  },
  {
    name: 'gives a new session to who comes back with an old one',
    kin: 'Keeper 116690',
    symptom: /^S3 |^S8 /,
    patch: () => handshakes((bytes) => bytes.setBigInt64(sessionIdAt, 0n)),
  },
];
