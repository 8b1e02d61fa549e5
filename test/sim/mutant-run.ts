import { ChangingEnsemble } from './changing-ensemble.ts';
import { epilogue } from './epilogue.ts';
import type { Mutant } from './mutants/mutant.ts';
import { shapeOf } from './scenario.ts';
import { SimEnsemble } from './sim-ensemble.ts';

/** An ensemble to be broken, and whatever else acts on it. */
interface Stage {
  readonly ensemble: SimEnsemble;
  readonly quiet: () => void;
}

export interface Catch {
  readonly seed: number;
  /** Of the violation: its name, and what happened. */
  readonly message: string;
  /** Of all seeds up to that one. */
  readonly simulatedMs: number;
}

function threeStorms(ensemble: SimEnsemble): void {
  for (let round = 0; round < 3; round += 1) {
    ensemble.storm.start();
    ensemble.run(4_000);
    ensemble.storm.calm();
    ensemble.run(1_500);
  }
}

/** The first seed that shows the planted bug; `null`: none up to the last one. */
export function catchMutant(
  mutant: Mutant,
  seedMax: number,
  ignored?: ReadonlySet<string>,
): Catch | null {
  let simulatedMs = 0;
  for (let seed = 1; seed <= seedMax; seed += 1) {
    const undos = mutant.patch?.() ?? [];
    try {
      const shown = runMutant(mutant, seed, ignored);
      simulatedMs += shown.simulatedMs;
      if (shown.message !== null) return { seed, message: shown.message, simulatedMs };
    } finally {
      for (const undo of undos.toReversed()) undo();
    }
  }
  return null;
}

function stageOf(mutant: Mutant, seed: number, ignored?: ReadonlySet<string>): Stage {
  const { options, changing } = mutant;
  if (changing !== undefined) {
    const storm = { meanMs: 450, pauseMsMax: 3_000, downMsMax: 2_500 };
    const members = new ChangingEnsemble({ seed, clients: 2, storm }, seed % 2 === 0, changing);
    return { ensemble: members.sim, quiet: () => members.quiet() };
  }
  const ensemble = new SimEnsemble({
    ...shapeOf(seed),
    ...options,
    seed,
    storm: { meanMs: 500, ...options?.storm },
    ...(mutant.parts === undefined ? {} : { parts: mutant.parts }),
    ...(mutant.host === undefined ? {} : { host: mutant.host }),
    ...(ignored === undefined ? {} : { ignored }),
  });
  return { ensemble, quiet: () => undefined };
}

function runMutant(
  mutant: Mutant,
  seed: number,
  ignored?: ReadonlySet<string>,
): { readonly message: string | null; readonly simulatedMs: number } {
  const { ensemble, quiet } = stageOf(mutant, seed, ignored);
  let message: string | null = null;
  try {
    // Slow disks: much is on its way when a crash comes.
    for (const sid of ensemble.sids) {
      const disk = ensemble.disk(sid);
      disk.usualSyncMsMax = 40;
      disk.faults.syncMsMax = 40;
    }
    mutant.prepare?.(ensemble);
    ensemble.run(500);
    (mutant.script ?? threeStorms)(ensemble);
    quiet();
    epilogue(ensemble);
  } catch (error) {
    message = error instanceof Error ? error.message : String(error);
  }
  return { message, simulatedMs: ensemble.world.nowMs };
}
