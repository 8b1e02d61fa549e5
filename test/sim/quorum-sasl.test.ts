import assert from 'node:assert/strict';
import { test } from 'node:test';
import { plainPeers } from '../../server/net/peer-network.ts';
import type { PeerNetwork } from '../../server/net/peer-network.ts';
import { QuorumSasl } from '../../server/net/quorum-sasl.ts';
import { createSaslTransport } from '../../server/net/sasl-transport.ts';
import type { Host } from '../../server/shell/host.ts';
import { report, stormScenario } from './scenario.ts';
import type { EnsembleOptions } from './sim-ensemble.ts';

// Goal: members that authenticate each other lose nothing in storms and come back after them, also
// while some of them are a step behind on the way to it.
// Method: the storms of the other scenarios over real exchanges; each start of a member takes one of
// two neighbouring steps of the migration.

const seedsEach = 4;

/** What a member asks of others, and whether it authenticates itself. */
interface Step {
  readonly isRequired: boolean;
  readonly authenticates: boolean;
}

/** `null`: no SASL at all. */
const steps: readonly (Step | null)[] = [
  null,
  { isRequired: false, authenticates: false },
  { isRequired: false, authenticates: true },
  { isRequired: true, authenticates: true },
];

/** What came of the exchanges. */
interface Seen {
  nonces: number;
  readonly refused: string[];
}

function peersOf(host: Host, step: Step | null, seen: Seen): PeerNetwork {
  const plain = plainPeers(host.transport);
  if (step === null) return plain;
  const sasl = new QuorumSasl({
    users: new Map([['zkq', 's3cret']]),
    login: step.authenticates ? { username: 'zkq', password: 's3cret' } : null,
    isRequired: step.isRequired,
    random: (bytes) => {
      seen.nonces += 1;
      return Buffer.from(Array.from({ length: bytes }, () => host.random() * 256));
    },
    timer: (afterMs, run) => host.timer(afterMs, run),
  });
  const onRefused = (_remote: unknown, reason: string): unknown => seen.refused.push(reason);
  const quorum = createSaslTransport(host.transport, sasl, onRefused);
  return { ...plain, quorum, sasl, isSecured: true, onRefused };
}

function saslOptions(first: number, seen: Seen): Partial<EnsembleOptions> {
  const hosts = new Map<number, Host>();
  const starts = new Map<number, number>();
  return {
    host(sid, host) {
      hosts.set(sid, host);
      return host;
    },
    parts(sid) {
      const count = starts.get(sid) ?? sid;
      starts.set(sid, count + 1);
      const step = steps[Math.min(first + (count % 2), steps.length - 1)] ?? null;
      return { peers: peersOf(hosts.get(sid) as Host, step, seen) };
    },
  };
}

for (const [index, name] of ['enabled', 'learners authenticate', 'required', 'all'].entries()) {
  test(`storms while members go over to "${name}" (seeds 1 to ${seedsEach})`, () => {
    const seen: Seen = { nonces: 0, refused: [] };
    for (let seed = 1; seed <= seedsEach; seed += 1) {
      const options = saslOptions(index, seen);
      const result = stormScenario({ seed, stormMs: 6_000, storms: 2, options });
      assert.equal(result.violation, null, report(seed, result));
    }
    // Cuts end exchanges; nobody is refused for what it said.
    const unjust = seen.refused.filter((reason) =>
      /password|packet|refused|challenge|turn/.test(reason),
    );
    assert.deepEqual(unjust, []);
    assert(seen.nonces > 100, 'members authenticate');
  });
}
