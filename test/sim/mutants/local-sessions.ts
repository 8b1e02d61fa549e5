import { createPrep } from '../../../server/prep/prep.ts';
import { PendingSessions } from '../../../server/prep/pending-sessions.ts';
import type { Prep } from '../../../server/prep/door.ts';
import { createAuth } from '../../../server/auth/auth.ts';
import { CreateMode } from '../../../server/protocol/create-mode.ts';
import type { JuteReader } from '../../../server/protocol/jute.ts';
import { ClosedSessions } from '../../../server/session/closed-sessions.ts';
import { LocalHomes } from '../../../server/shell/local-homes.ts';
import { Sessions } from '../../../server/shell/sessions.ts';
import { createTree } from '../../../server/tree/data-tree.ts';
import { closeSession, create } from '../client-ops.ts';
import { withSessions } from '../scenario.ts';
import { methodsOf, patched } from './mutant.ts';
import type { Mutant } from './mutant.ts';

/** Place of the readOnly byte in a connect request with a whole password. Source: client-protocol, section 3. */
const readOnlyAt = 44;

const prep: Prep = methodsOf(
  createPrep(
    {
      extendedTypesEnabled: false,
      skipAcl: false,
      enforceQuota: false,
      digestEnabled: false,
      schemes: createAuth({ superDigest: null }),
    },
    createTree(),
  ),
);

/** What goes wrong with sessions that one server alone knows, and with members that only read. */
export const localSessionMutants: readonly Mutant[] = [
  {
    name: 'ends a session at home that is becoming everybody’s',
    kin: '3471',
    symptom: /^Z9 |^S8 |^S3 /,
    options: withSessions('local', 1),
    patch: () => [patched(LocalHomes.prototype, 'endsHere', () => (client) => client.isLocal)],
    // The end comes right behind what makes the session everybody's.
    script(ensemble) {
      ensemble.settle(5_000);
      for (const client of ensemble.clients) {
        client.call(create(`/mine-${client.name}`, 'x', CreateMode.EPHEMERAL));
        client.call(closeSession);
      }
      ensemble.run(2_000);
    },
  },
  {
    name: 'lets a session own a node that no other server knows',
    kin: '3471 2725',
    symptom: /^S8 /,
    options: withSessions('fixed', 1),
    patch: () => [
      patched(prep, 'prepare', (original) => {
        return function (this: Prep, request, zxid, timeMs) {
          return original.call(this, { ...request, isLocalSession: false }, zxid, timeMs);
        };
      }),
      patched(PendingSessions.prototype, 'isOpen', () => () => true),
    ],
  },
  {
    name: 'takes the late write of a session that has ended for a local one’s',
    kin: '1208',
    symptom: /^S3 /,
    options: withSessions('local', 2),
    patch: () => [patched(ClosedSessions.prototype, 'has', () => () => false)],
  },
  {
    name: 'serves without a quorum who did not ask for that',
    kin: '',
    symptom: /^C4 no quorum/,
    options: { ...withSessions('readOnly', 1), readOnlyClients: 0 },
    patch: () => [
      patched(Sessions.prototype, 'handshake', (original) => {
        return function (this: Sessions, client, reader: JuteReader): void {
          const { buffer, offset, end } = reader;
          if (end - offset > readOnlyAt) buffer[offset + readOnlyAt] = 1;
          original.call(this, client, reader);
        };
      }),
    ],
  },
];
