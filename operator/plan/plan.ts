import { bytesOf } from '../api/quantity.ts';
import type { KubeObject } from '../api/zk-ensemble.ts';
import { foreignServers, mayBootstrap } from './guards.ts';
import type { Observed, ServerView } from './observed.ts';
import { bootstrapMap, configFiles, configMap, configMapNameOf } from './resources/config-map.ts';
import type { ConfigFiles, Membership } from './resources/config-map.ts';
import { disruptionBudget } from './resources/disruption-budget.ts';
import { podTemplate } from './resources/pod-template.ts';
import type { ServerDefaults, Template } from './resources/pod-template.ts';
import { clientService, peerService } from './resources/services.ts';
import { statefulSet } from './resources/stateful-set.ts';
import { nextRolloutStep } from './rollout.ts';
import type { Rollout, RolloutStep } from './rollout.ts';
import { scalingOf } from './scale.ts';
import type { Scaling } from './scale.ts';

/** What this pass wants. Nothing in it has happened yet. */
export interface Planned {
  readonly scaling: Scaling;
  readonly voterTemplate: Template;
  readonly observerTemplate: Template;
  /** Applied in this order, before the step. None of them disrupts. */
  readonly objects: readonly KubeObject[];
  /** A budget that has no reason any more. */
  readonly removeDisruptionBudget: boolean;
  /** ConfigMaps that no pod uses any more. */
  readonly removeConfigMaps: readonly string[];
  /** At most one claim grows in a pass. */
  readonly growth: { readonly claim: string; readonly size: string } | null;
  /** At most one disruption in a pass. */
  readonly step: RolloutStep;
  readonly rollout: Rollout;
  readonly foreign: readonly ServerView[];
}

/** Unused configurations that stay. */
const configMapsKept = 2;

const idle: RolloutStep = { type: 'idle' };

/** Decides what one pass does, from nothing but what was observed. */
export function plan(observed: Observed, defaults: ServerDefaults): Planned {
  const { ensemble } = observed;
  const { spec } = ensemble;
  const scaling = scalingOf(observed);
  const files = configFiles(ensemble, scaling.membership);
  const voterTemplate = podTemplate(ensemble, 'voter', files, defaults);
  const observerTemplate = podTemplate(ensemble, 'observer', files, defaults);
  const rollout: Rollout = {
    servers: observed.servers,
    voterRevision: voterTemplate.revision,
    observerRevision: observerTemplate.revision,
    minReadyMs: spec.update.minReadyMs,
    lagTxnsMax: spec.update.lagTxnsMax,
    manual: spec.update.type === 'Manual',
    wallMs: observed.wallMs,
  };
  const foreign = foreignServers(observed.servers);
  const handsOff = spec.paused || ensemble.deleting || !scaling.mayMake;
  const still = handsOff || spec.hibernate || foreign.length > 0;
  const budget = disruptionBudget(ensemble, scaling.membership.voters);
  const templates = { voterTemplate, observerTemplate };
  return {
    scaling,
    voterTemplate,
    observerTemplate,
    objects: handsOff ? [] : objectsOf(observed, scaling.membership, files, templates),
    removeDisruptionBudget: !handsOff && budget === null && observed.hasDisruptionBudget,
    removeConfigMaps: handsOff ? [] : unusedConfigMaps(observed, configMapNameOf(ensemble, files)),
    growth: handsOff ? null : growthOf(observed),
    step: still ? idle : nextRolloutStep(rollout),
    rollout,
    foreign,
  };
}

function objectsOf(
  observed: Observed,
  membership: Membership,
  files: ConfigFiles,
  templates: Pick<Planned, 'voterTemplate' | 'observerTemplate'>,
): KubeObject[] {
  const { ensemble } = observed;
  const { memberIdOffset } = membership;
  const objects = [
    configMap(ensemble, files),
    bootstrapMap(ensemble, mayBootstrap(observed, membership)),
    peerService(ensemble),
    clientService(ensemble),
    statefulSet(ensemble, {
      component: 'voter',
      members: membership.voters,
      memberIdOffset,
      template: templates.voterTemplate,
      live: observed.voters,
    }),
  ];
  if (membership.observers > 0 || observed.observers !== null) {
    objects.push(
      statefulSet(ensemble, {
        component: 'observer',
        members: membership.observers,
        memberIdOffset,
        template: templates.observerTemplate,
        live: observed.observers,
      }),
    );
  }
  const budget = disruptionBudget(ensemble, membership.voters);
  return budget === null ? objects : [...objects, budget];
}

/** All but the wanted one, those that pods have, and a few of the newest, for a quick way back. */
function unusedConfigMaps(observed: Observed, wanted: string): readonly string[] {
  const used = new Set(observed.servers.map(({ pod }) => pod?.configMap));
  return observed.configMaps
    .filter(({ name }) => name !== wanted && !used.has(name))
    .toSorted((a, b) => b.createdMs - a.createdMs)
    .slice(configMapsKept)
    .map(({ name }) => name);
}

/** The first claim that asks for less than the spec does. */
function growthOf(observed: Observed): Planned['growth'] {
  const { spec } = observed.ensemble;
  for (const claim of observed.claims) {
    const size = spec[claim.volume]?.size;
    if (size !== undefined && bytesOf(size) > bytesOf(claim.requested)) {
      return { claim: claim.name, size };
    }
  }
  return null;
}
