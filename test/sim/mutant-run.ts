import type { Mutant } from './mutants.ts';
import { shapeOf } from './scenario.ts';
import { SimEnsemble } from './sim-ensemble.ts';
import { epilogue } from './epilogue.ts';

export interface Catch {
  readonly seed: number;
  readonly message: string;
}

function threeStorms(ensemble: SimEnsemble): void {
  for (let round = 0; round < 3; round += 1) {
    ensemble.storm.start();
    ensemble.run(4_000);
    ensemble.storm.calm();
    ensemble.run(1_500);
  }
}

/** The first seed whose storm shows the planted bug; `null`: none up to the last one. */
export function catchMutant(
  mutant: Mutant,
  seedMax: number,
  ignored?: ReadonlySet<string>,
): Catch | null {
  for (let seed = 1; seed <= seedMax; seed += 1) {
    const ensemble = new SimEnsemble({
      seed,
      ...shapeOf(seed),
      storm: { meanMs: 500 },
      ...(mutant.parts === undefined ? {} : { parts: mutant.parts }),
      ...(ignored === undefined ? {} : { ignored }),
    });
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
      epilogue(ensemble);
    } catch (error) {
      return { seed, message: error instanceof Error ? error.message : String(error) };
    }
  }
  return null;
}
