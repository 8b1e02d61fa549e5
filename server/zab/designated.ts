import { serverOf } from '../config/ensemble-values.ts';
import { isSameQuorumPlace } from '../config/server-addresses.ts';
import type { Zxid } from '../protocol/zxid.ts';
import type { Core } from './core.ts';
import type { LearnerProgress } from './learner-progress.ts';

/**
 * Who leads the next members once the transaction with that zxid has made them active: the
 * leader itself if it votes there and is reached at the same address; otherwise the voter that
 * has acknowledged most.
 *
 * Source: quorum protocol, section 13.4.
 */
export function designatedLeader(
  core: Core,
  learners: Iterable<LearnerProgress>,
  zxid: Zxid,
): number {
  const { active, next } = core.members;
  if (next === null) return core.sid;
  const before = serverOf(active, core.sid);
  const own = serverOf(next, core.sid);
  const isReached = isSameQuorumPlace(own, before);
  if (own?.role === 'participant' && (before === null || isReached)) return core.sid;
  let best: LearnerProgress | null = null;
  for (const learner of learners) {
    if (!learner.isSynced || learner.lastAcked < zxid) continue;
    if (learner.role !== 'follower' || serverOf(next, learner.sid)?.role !== 'participant')
      continue;
    if (best === null || learner.lastAcked > best.lastAcked) best = learner;
  }
  return best?.sid ?? core.sid;
}
