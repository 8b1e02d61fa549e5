import { PacketType } from '../protocol/packet-type.ts';
import type { Zxid } from '../protocol/zxid.ts';
import { zxidHex, zxidOf } from '../protocol/zxid.ts';
import type { Core } from './core.ts';
import type { Proposal } from './events.ts';
import type { LearnerProgress } from './learner-progress.ts';
import type { Learners } from './learners.ts';
import { packet } from './packets.ts';
import type { SyncPlan, SyncRange } from './sync-plan.ts';
import { planSync } from './sync-plan.ts';

/**
 * Brings a learner level: DIFF, TRUNC or SNAP, the transactions it lacks as PROPOSAL and COMMIT
 * pairs, what is proposed and not committed, NEWLEADER. All of it within one step, so that live
 * traffic follows without a hole.
 *
 * Before the epoch is open the leader's whole log is its history, though the tree may end
 * earlier; afterwards the tree says what is committed.
 *
 * `reading`: the disk's log is being read; call again with the answer. `refused`: so many
 * observers are being synchronized that this one must come again; a voter never is.
 *
 * Source: quorum protocol, section 6.
 */
export function synchronize(
  core: Core,
  learners: Learners,
  learner: LearnerProgress,
  at: { readonly epoch: number; readonly isOpen: boolean },
  disk: readonly Proposal[] | null | undefined,
): 'syncing' | 'reading' | 'refused' {
  const { history } = core;
  const start = zxidOf(at.epoch, 0);
  const last = at.isOpen ? (Math.max(history.lastDelivered, start) as Zxid) : history.lastLogged;
  const count = at.isOpen ? history.deliveredCount : history.length;
  const source = { count, last, at: (index: number): Proposal => history.at(index) };
  const isForced = core.options.forceSnapshotSync === true;
  const plan: SyncPlan = isForced ? { how: 'snap' } : planSync(learner.peerZxid, source, disk);
  if (plan.how === 'readLog') {
    core.effects.push({ type: 'readLog', link: learner.link, from: learner.peerZxid });
    return 'reading';
  }
  learner.syncedBy = plan.how === 'snap' ? 'snap' : 'diff';
  if (isCrowded(core, learners, learner)) return 'refused';
  const treeZxid = at.isOpen ? last : history.lastDelivered;
  core.note('synchronizing a learner', {
    sid: learner.sid,
    how: plan.how,
    from: `0x${zxidHex(learner.peerZxid)}`,
    to: `0x${zxidHex(last)}`,
  });
  learner.syncedTo = Math.max(last, start) as Zxid;
  sendHistory(core, learner, plan, { count, treeZxid, disk: disk ?? [] });
  if (learner.role === 'follower') {
    for (let index = count; index < history.length; index += 1) {
      const { zxid, bytes } = history.at(index);
      core.send(learner.links, packet(PacketType.PROPOSAL, zxid, bytes));
    }
  }
  // A change that is proposed in this epoch is committed by its own commit, not by UPTODATE.
  const { activeBytes, newestBytes } = core.members;
  const members = at.isOpen ? activeBytes : newestBytes;
  core.send(learner.links, packet(PacketType.NEWLEADER, start, members));
  return 'syncing';
}

/** Participants are let in always: the quorum needs them. */
function isCrowded(core: Core, learners: Learners, learner: LearnerProgress): boolean {
  if (learner.role === 'follower') return false;
  const { concurrentSnapSyncsMax, concurrentDiffSyncsMax } = core.options;
  const max = learner.syncedBy === 'snap' ? concurrentSnapSyncsMax : concurrentDiffSyncsMax;
  return max !== undefined && learners.syncingCount(learner.syncedBy) >= max;
}

function sendHistory(
  core: Core,
  learner: LearnerProgress,
  plan: Exclude<SyncPlan, { readonly how: 'readLog' }>,
  from: { readonly count: number; readonly treeZxid: Zxid; readonly disk: readonly Proposal[] },
): void {
  const { links, link } = learner;
  let range: SyncRange;
  if (plan.how === 'snap') {
    core.send(links, packet(PacketType.SNAP, from.treeZxid));
    core.effects.push({ type: 'sendSnapshot', link });
    range = { diskFrom: 0, diskEnd: 0, memoryFrom: core.history.deliveredCount };
  } else {
    const type = plan.how === 'diff' ? PacketType.DIFF : PacketType.TRUNC;
    core.send(links, packet(type, plan.zxid));
    range = plan.send;
  }
  for (const proposal of from.disk.slice(range.diskFrom, range.diskEnd)) {
    sendCommitted(core, learner, proposal);
  }
  for (let index = range.memoryFrom; index < from.count; index += 1) {
    sendCommitted(core, learner, core.history.at(index));
  }
}

function sendCommitted(core: Core, learner: LearnerProgress, proposal: Proposal): void {
  const { zxid, bytes } = proposal;
  core.send(learner.links, packet(PacketType.PROPOSAL, zxid, bytes));
  core.send(learner.links, packet(PacketType.COMMIT, zxid));
}
