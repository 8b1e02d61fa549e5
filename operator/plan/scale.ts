import type { Observed } from './observed.ts';
import type { Membership } from './resources/config-map.ts';

/** Membership to configure, and a sentence where it is not the one asked for. */
export interface Scaling {
  readonly membership: Membership;
  readonly refusal: { readonly reason: 'ScaleUnsupported'; readonly message: string } | null;
  /** False: nothing may be made, since what there is would be led by too few. */
  readonly mayMake: boolean;
}

type Known = Pick<Observed, 'ensemble' | 'voters' | 'claims' | 'createdMs'>;

/**
 * The voters of an ensemble that exists stay as they are: a changed server list without an agreed
 * change of membership lets two majorities exist at once. Observers do not vote, so they may come
 * and go with the next restart of the others.
 *
 * What the membership is stands in the StatefulSet; should somebody have deleted that, in the
 * last status; and for an ensemble that was deleted and made again, in the volumes that it left.
 */
export function scalingOf(observed: Known): Scaling {
  const { spec } = observed.ensemble;
  const asked = {
    voters: spec.replicas,
    observers: spec.observers,
    memberIdOffset: spec.memberIdOffset,
  };
  const present = presentOf(observed);
  if (present === null) return scalingOfNew(observed, asked);
  const membership = { ...asked, ...present };
  const refused = (message: string): Scaling => ({
    membership,
    refusal: { reason: 'ScaleUnsupported', message },
    mayMake: true,
  });
  if (present.voters !== spec.replicas) {
    return refused(
      `the ensemble has ${present.voters} voters and cannot change to ${spec.replicas}: ` +
        `membership change is not supported yet; set replicas back to ${present.voters}`,
    );
  }
  if (present.memberIdOffset !== spec.memberIdOffset) {
    return refused(
      `members keep their ids for life; set memberIdOffset back to ${present.memberIdOffset}`,
    );
  }
  return { membership, refusal: null, mayMake: true };
}

function presentOf(observed: Known): Pick<Membership, 'voters' | 'memberIdOffset'> | null {
  const { voters: set, ensemble } = observed;
  if (set !== null) return { voters: set.members, memberIdOffset: set.memberIdOffset };
  const { bootstrapped, members = [] } = ensemble.object.status ?? {};
  const voters = members.filter(({ voting }) => voting);
  const first = voters[0];
  if (bootstrapped !== true || first === undefined) return null;
  return { voters: voters.length, memberIdOffset: first.myid - 1 };
}

/** Fewer voters than the volumes of an earlier ensemble: its last writes may lie on the others. */
function scalingOfNew(observed: Known, asked: Membership): Scaling {
  const older = observed.claims.filter(
    ({ voter, volume, createdMs }) => voter && volume === 'data' && createdMs < observed.createdMs,
  );
  const size = Math.max(0, ...older.map(({ ordinal }) => ordinal + 1));
  if (size <= asked.voters) return { membership: asked, refusal: null, mayMake: true };
  const message =
    `volumes of an earlier ensemble with at least ${size} voters exist: its last writes may lie ` +
    `on any of them; ask for that many replicas, or delete the volumes to begin anew`;
  return {
    membership: asked,
    refusal: { reason: 'ScaleUnsupported', message },
    mayMake: false,
  };
}
