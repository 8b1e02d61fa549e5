import { SimEnsemble } from './sim-ensemble.ts';

/** A load that the simulator's speed is measured with. */
export interface SpeedLoad {
  readonly name: string;
  /** Mean time between two bursts of one to three requests of each client, ms. */
  readonly thinkMs: number;
  readonly inStorm: boolean;
  readonly simulatedMs: number;
}

export interface Speed {
  readonly load: SpeedLoad;
  readonly requestsPerSecond: number;
  readonly eventsPerSecond: number;
  /** Simulated seconds for each second of one core's time. */
  readonly perCpuSecond: number;
}

/** Three members and five clients each. */
export const speedLoads: readonly SpeedLoad[] = [
  { name: 'idle', thinkMs: 1e9, inStorm: false, simulatedMs: 600_000 },
  { name: 'light', thinkMs: 250, inStorm: false, simulatedMs: 120_000 },
  { name: 'as in storms', thinkMs: 25, inStorm: false, simulatedMs: 30_000 },
  { name: 'in storms', thinkMs: 25, inStorm: true, simulatedMs: 30_000 },
];

/** With every checker at work. The processor's time counts, whatever else runs on the machine. */
export function measureSpeed(load: SpeedLoad): Speed {
  const { thinkMs, inStorm, simulatedMs } = load;
  const ensemble = new SimEnsemble({ seed: 1, voters: 3, clients: 5, workload: { thinkMs } });
  ensemble.settle(5_000);
  if (inStorm) ensemble.storm.start();
  const { eventCount } = ensemble.world;
  const before = process.cpuUsage();
  ensemble.run(simulatedMs);
  const { user, system } = process.cpuUsage(before);
  const { writes, refusals, reads, syncs } = ensemble.clientChecker.counts;
  const seconds = simulatedMs / 1_000;
  return {
    load,
    requestsPerSecond: (writes + refusals + reads + syncs) / seconds,
    eventsPerSecond: (ensemble.world.eventCount - eventCount) / seconds,
    perCpuSecond: simulatedMs / ((user + system) / 1_000),
  };
}

/** The second measurement of each load counts: by then the code is compiled. */
export function measureAll(): Speed[] {
  for (const load of speedLoads) measureSpeed(load);
  return speedLoads.map((load) => measureSpeed(load));
}
