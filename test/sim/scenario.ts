import type { SessionRules } from '../../server/shell/core.ts';
import { epilogue } from './epilogue.ts';
import { SimEnsemble } from './sim-ensemble.ts';
import type { EnsembleOptions } from './sim-ensemble.ts';
import { InvariantViolation } from './world.ts';

export interface StormScenario {
  readonly seed: number;
  /** Simulated time of faults, split into storms with calm between them. */
  readonly stormMs: number;
  readonly storms?: number;
  readonly options?: Partial<EnsembleOptions>;
}

export interface ScenarioResult {
  readonly ensemble: SimEnsemble;
  readonly hash: string;
  /** `null`: every invariant held. */
  readonly violation: Error | null;
}

/** Faults far enough apart for much to be written between them. */
const gentle = { meanMs: 1_200, pauseMsMax: 2_000, downMsMax: 1_500 };

/** The seed decides the ensemble's shape as well. */
export function shapeOf(seed: number): Partial<EnsembleOptions> & { readonly voters: number } {
  const voters = seed % 3 === 0 ? 5 : 3;
  return {
    voters,
    observers: seed % 4 === 0 ? 1 : 0,
    clients: 3,
    ...(seed % 7 === 1 ? { workload: { valueBytesMax: 40_000, thinkMs: 60 } } : {}),
    ...(seed % 7 === 3 ? { network: { delayMsMin: 0.5, delayMsMax: 15, splitChance: 0.2 } } : {}),
    ...(seed % 7 === 5 ? { counterMax: 250 } : {}),
    // Every two seconds, so that purging meets everything else.
    ...(seed % 3 === 1 ? { config: { purgeIntervalHours: 2 / 3_600 } } : {}),
    // A minority of the disks: the others know what these forget.
    ...(seed % 8 === 6 ? { rot: { sids: voters === 5 ? [2, 4] : [2], chance: 0.5 } } : {}),
    storm: { ...(seed % 2 === 0 ? gentle : {}), diskErrors: seed % 5 === 0 },
  };
}

export type SessionKind = 'local' | 'fixed' | 'readOnly' | 'readOnlyLocal';

/** Kinds of sessions for a whole run: none but global ones unless one of these is asked for. */
export const sessionKinds: Readonly<Record<SessionKind, Partial<EnsembleOptions>>> = {
  /** Known to one server, until they are to own a node. */
  local: sessionsOf({ localSessionsEnabled: true, localSessionsUpgradingEnabled: true }),
  /** Known to one server, and never owners. */
  fixed: sessionsOf({ localSessionsEnabled: true }),
  /** Three clients of four are content with a member that has no quorum. */
  readOnly: { ...sessionsOf({ readOnlyModeEnabled: true }), readOnlyClients: 3 },
  readOnlyLocal: {
    ...sessionsOf({
      localSessionsEnabled: true,
      localSessionsUpgradingEnabled: true,
      readOnlyModeEnabled: true,
    }),
    readOnlyClients: 3,
  },
};

function sessionsOf(rules: Partial<SessionRules>): Partial<EnsembleOptions> {
  const none = {
    localSessionsEnabled: false,
    localSessionsUpgradingEnabled: false,
    readOnlyModeEnabled: false,
  };
  return { clients: 4, sessionRules: { ...none, ...rules } };
}

/** Of every other seed each client has one server, which local sessions are made for. */
export function withSessions(kind: SessionKind, seed: number): Partial<EnsembleOptions> {
  const options = sessionKinds[kind];
  const isLocal = options.sessionRules?.localSessionsEnabled === true;
  return { ...options, homed: isLocal && seed % 2 === 1 };
}

/** Storm, heal, storm again; then the epilogue. Whatever the code under test throws is a finding. */
export function stormScenario(scenario: StormScenario): ScenarioResult {
  const { seed, stormMs, storms = 1, options } = scenario;
  const ensemble = new SimEnsemble({ seed, ...shapeOf(seed), ...options });
  let violation: Error | null = null;
  try {
    ensemble.run(1_000);
    for (let count = 0; count < storms; count += 1) {
      ensemble.storm.start();
      ensemble.run(stormMs / storms);
      ensemble.storm.calm();
      ensemble.settle(20_000);
    }
    epilogue(ensemble);
  } catch (error) {
    violation = error instanceof Error ? error : new Error(String(error));
  }
  return { ensemble, hash: ensemble.world.trace.hash, violation };
}

/** What a person needs to understand a failed seed: what, where, and the way there. */
export function report(seed: number, result: ScenarioResult, linesMax: number = 200): string {
  const { ensemble, violation } = result;
  const columns = ensemble.sids.map((sid) => `s${sid}`);
  const stack = violation instanceof InvariantViolation ? '' : `\n${violation?.stack ?? ''}`;
  return [
    `seed ${seed} failed: ${violation?.message ?? 'not at all'}${stack}`,
    ensemble.world.trace.transcript(columns, linesMax),
    `run again: npm run sim -- --seed ${seed}`,
  ].join('\n');
}
