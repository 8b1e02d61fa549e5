import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { CertificateAuthority } from '../support/certificates.ts';
import { KeyFiles } from '../support/key-files.ts';
import { freePorts } from '../support/ports.ts';
import { RealEnsemble, until } from '../support/real-ensemble.ts';
import type { Member } from '../support/real-ensemble.ts';
import { Bystander } from './bystander.ts';
import { storm } from './wire-storm.ts';
import type { Target } from './wire-storm.ts';

const mebibyte = 2 ** 20;
/** Memory that a member may have more of afterwards: nodes and watches that good requests left. */
const rssGrowthMax = 256 * mebibyte;
/** Nobody who behaves waits longer for a write and a read, ms; the machine may be busy. */
const waitMsMax = 5000;

export interface Siege {
  readonly sent: ReadonlyMap<Target, number>;
  readonly seconds: number;
  readonly p99Ms: number;
  readonly maxMs: number;
  readonly rssGrowthBytes: number;
}

/**
 * Three members with every port open under so many hostile messages, a client at each that works.
 *
 * @throws AssertionError when one of them loses its connection or waits too long, the leader
 *   changes, a process ends, or descriptors or memory do not come back.
 */
export async function besiege(inputs: number, seed: number): Promise<Siege> {
  using files = new KeyFiles();
  const authority = new CertificateAuthority();
  const own = authority.issue({ commonName: 'server', names: ['127.0.0.1'] });
  const stores = {
    'ssl.keyStore.location': files.keyStore('server', own),
    'ssl.trustStore.location': files.trustStore('clients', [authority.certificate]),
  };
  const securePorts = await freePorts(3);
  await using ensemble = await RealEnsemble.started({
    members: securePorts.map((port) => ({
      kind: 'ours',
      settings: { secureClientPort: port, secureClientPortAddress: '127.0.0.1', ...stores },
    })),
    tickMs: 1000,
    properties: { 'zookeeper.nio.sessionlessCnxnTimeout': '2000' },
  });
  const { members } = ensemble;
  const leader = await ensemble.leader();
  const epoch = await epochOf(leader);
  const bystanders = await Promise.all(
    members.map((member) => Bystander.start(member.address, `/bystander-${member.sid}`)),
  );
  const before = members.map(standOf);
  const sinceMs = performance.now();
  const sent = await storm({ members, securePorts, inputs, seed });
  const seconds = (performance.now() - sinceMs) / 1000;
  for (const member of members) assert(member.isRunning, `server ${member.sid}: ${member.log()}`);
  const figures = [];
  for (const bystander of bystanders) figures.push(await bystander.stop(waitMsMax));
  assert.equal(await leader.mode(), 'leader', 'the leader is the same');
  assert.equal(await epochOf(leader), epoch, 'and so is its epoch');
  const isBack = (member: Member, index: number): boolean =>
    // Three bystanders have gone; files of the log may have come.
    standOf(member).descriptors <= (before[index]?.descriptors ?? 0) + 4;
  await until('descriptors to come back', 60_000, () => members.every(isBack)).catch((error) => {
    const counts = members.map((member, index) => {
      return `${before[index]?.descriptors} → ${standOf(member).descriptors}`;
    });
    throw new Error(`${String(error)}: ${counts.join(', ')}`);
  });
  const growth = members.map(
    (each, index) => standOf(each).rssBytes - (before[index]?.rssBytes ?? 0),
  );
  const rssGrowthBytes = Math.max(...growth);
  assert(rssGrowthBytes < rssGrowthMax, `${Math.round(rssGrowthBytes / mebibyte)} MiB more`);
  return {
    sent,
    seconds,
    p99Ms: Math.max(...figures.map((each) => each.p99Ms)),
    maxMs: Math.max(...figures.map((each) => each.maxMs)),
    rssGrowthBytes,
  };
}

function standOf(member: Member): { readonly rssBytes: number; readonly descriptors: number } {
  return { rssBytes: member.rssBytes(), descriptors: readdirSync(`/proc/${member.pid}/fd`).length };
}

/** The high half of its newest zxid. */
async function epochOf(member: Member): Promise<string> {
  const zxid = /^Zxid: 0x([0-9a-f]+)/m.exec((await member.ask('srvr')) ?? '')?.[1] ?? '';
  return zxid.slice(0, -8);
}
