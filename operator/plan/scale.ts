import type { Observed } from './observed.ts';
import type { Membership } from './resources/config-map.ts';

/** Membership to configure, and a sentence where it is not the one asked for. */
export interface Scaling {
  readonly membership: Membership;
  readonly refusal: { readonly reason: 'ScaleUnsupported'; readonly message: string } | null;
}

/**
 * The voters of an ensemble that exists stay as they are: a changed server list without an agreed
 * change of membership lets two majorities exist at once. Observers do not vote, so they may come
 * and go with the next restart of the others.
 */
export function scalingOf(observed: Pick<Observed, 'ensemble' | 'voters'>): Scaling {
  const { spec } = observed.ensemble;
  const { voters: live } = observed;
  const asked = {
    voters: spec.replicas,
    observers: spec.observers,
    memberIdOffset: spec.memberIdOffset,
  };
  if (live === null) return { membership: asked, refusal: null };
  const kept = { ...asked, voters: live.members, memberIdOffset: live.memberIdOffset };
  if (live.members !== spec.replicas) {
    const message =
      `the ensemble has ${live.members} voters and cannot change to ${spec.replicas}: ` +
      `membership change is not supported yet; set replicas back to ${live.members}`;
    return { membership: kept, refusal: { reason: 'ScaleUnsupported', message } };
  }
  if (live.memberIdOffset !== spec.memberIdOffset) {
    const message = `members keep their ids for life; set memberIdOffset back to ${live.memberIdOffset}`;
    return { membership: kept, refusal: { reason: 'ScaleUnsupported', message } };
  }
  return { membership: kept, refusal: null };
}
