// Goal: nothing is lost, and everything comes back, where votes weigh differently, where servers
// watch without a vote, and where those are served by followers.
// Method: whole servers on simulated machines; quorums are counted by the configuration; many seeds
// of storms, and scripts for what only happens behind a follower.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ConfigValues } from '../../server/config/config-values.ts';
import { serverSettings } from '../../server/config/server-settings.ts';
import type { ServerSettings } from '../../server/config/server-settings.ts';
import { parseZooCfg } from '../../server/config/zoo-cfg.ts';
import type { EnsembleOptions, SimEnsemble } from './sim-ensemble.ts';
import { report, stormScenario } from './scenario.ts';

/** Settings as a zoo.cfg says them. */
function settingsOf(text: string): ServerSettings {
  return serverSettings(new ConfigValues(parseZooCfg(text).entries, new Map()));
}

const masters = settingsOf('observerMasterPort=2191');

/**
 * Two of three groups: the first needs one server, the second its heavier one, the third both. Two
 * servers weigh nothing: they vote, and count for nobody.
 */
const votes = {
  groups: new Map([
    [1, [1, 2]],
    [2, [3, 4]],
    [3, [5, 6, 7]],
  ]),
  weights: new Map([
    [2, 0],
    [3, 2],
    [7, 0],
  ]),
};

const shapes: Readonly<Record<string, Partial<EnsembleOptions> & { readonly voters: number }>> = {
  'groups with weights, two observers': { voters: 7, observers: 2, votes },
  'observers behind followers': { voters: 3, observers: 2, parts: () => ({ settings: masters }) },
  'groups with weights, observers behind followers': {
    voters: 7,
    observers: 2,
    votes,
    parts: () => ({ settings: masters }),
  },
  'a lone voter has no followers': {
    voters: 1,
    observers: 2,
    parts: () => ({ settings: masters }),
  },
};

for (const [name, options] of Object.entries(shapes)) {
  test(`storms end well: ${name} (12 seeds)`, () => {
    let transactions = 0;
    let followers = 0;
    for (let seed = 501; seed <= 512; seed += 1) {
      const result = stormScenario({ seed, stormMs: 6_000, storms: 2, options });
      assert.equal(result.violation, null, report(seed, result));
      transactions += result.ensemble.checker.committed.length;
      followers += servedByFollowers(result.ensemble);
    }
    const isWanted = options.parts !== undefined && options.voters > 1;
    assert.equal(followers > 0, isWanted, `${followers} observers were served by followers`);
    assert(transactions > 1_500, `${transactions} transactions`);
  });
}

function servedByFollowers(ensemble: SimEnsemble): number {
  return ensemble.sids.filter((sid) => {
    const state = ensemble.server(sid)?.view.state();
    const master = state?.observerMaster;
    return master !== undefined && ensemble.server(master)?.view.state().role === 'following';
  }).length;
}
