import { RealEnsemble } from '../support/real-ensemble.ts';
import type { Kind, MemberSpec } from '../support/real-ensemble.ts';
import {
  measureLoad,
  pipelinedReads,
  pipelinedWrites,
  prepare,
  reportLoad,
  waitingWriters,
} from './rates.ts';
import type { Pair } from './rates.ts';
import { inTurn } from './table.ts';

const ours: MemberSpec = { kind: 'ours' };
const apache: MemberSpec = { kind: 'apache' };

/** Both kinds in one ensemble: nobody who replaces member by member is slower on the way. */
const mixtures: readonly { readonly name: string; readonly members: readonly MemberSpec[] }[] = [
  { name: 'two of ours, our leader', members: [apache, ours, ours] },
  { name: "two of ours, Apache's leader", members: [ours, ours, apache] },
];

/**
 * Ensembles with members of both kinds, against one of Apache's alone.
 *
 * @param apacheAlone three members, with the nodes of the loads.
 */
export async function compareMixtures(
  apacheAlone: RealEnsemble,
  rounds: number,
  seconds: number,
): Promise<void> {
  for (const { name, members } of mixtures) {
    await using mixed = await ledByTheLast(members);
    const pair: Pair = { ours: mixed, apache: apacheAlone };
    await prepare(pair);
    for (const one of [pipelinedWrites, waitingWriters]) {
      const measured = await inTurn(rounds, (kind) => measureLoad(pair[kind], one.args, seconds));
      reportLoad(`${name}: ${one.name}`, measured, { throughputAim: 1, cpuAim: 1 });
    }
  }
}

/** Members start so that the last one is elected: first it and one other, then the rest. */
async function ledByTheLast(members: readonly MemberSpec[]): Promise<RealEnsemble> {
  const ensemble = await RealEnsemble.create({ members });
  const last = ensemble.member(members.length);
  last.start();
  ensemble.member(1).start();
  await ensemble.ready();
  if ((await ensemble.leader()) !== last) throw new Error(`server ${last.sid} was not elected`);
  for (const member of ensemble.members) if (!member.isRunning) member.start();
  await ensemble.ready();
  return ensemble;
}

/** Three voters and two observers; all clients at the observers. */
export async function compareObservers(rounds: number, seconds: number): Promise<void> {
  const of = (kind: Kind): { readonly members: readonly MemberSpec[] } => {
    const observer: MemberSpec = { kind, role: 'observer' };
    return { members: [{ kind }, { kind }, { kind }, observer, observer] };
  };
  await using oursOnly = await RealEnsemble.started(of('ours'));
  await using apacheOnly = await RealEnsemble.started(of('apache'));
  const pair: Pair = { ours: oursOnly, apache: apacheOnly };
  await prepare(pair);
  for (const one of [pipelinedWrites, pipelinedReads]) {
    const measured = await inTurn(rounds, (kind) => {
      const observers = [4, 5].map((sid) => pair[kind].member(sid).address);
      return measureLoad(pair[kind], one.args, seconds, observers.join(','));
    });
    reportLoad(`at observers: ${one.name}`, measured, one);
  }
}
