// Goal: the simulator stays fast enough for many seeds.
// Method: simulated time for each second of the processor's time, three members and five clients,
// with every checker at work; the floor is a fifth of what was measured, for slow machines.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { measureSpeed, speedLoads } from './speed.ts';

/** Simulated seconds a second of one core, at least. */
const floors: Readonly<Record<string, number>> = { idle: 1_000, light: 50, 'as in storms': 8 };

for (const load of speedLoads.filter(({ name }) => name in floors)) {
  test(`${load.name}: ${floors[load.name]} simulated seconds a second, at least`, () => {
    const short = { ...load, simulatedMs: load.simulatedMs / 4 };
    measureSpeed(short);
    const { perCpuSecond } = measureSpeed(short);
    assert(perCpuSecond > (floors[load.name] ?? 0), `${perCpuSecond.toFixed(0)} a second`);
  });
}
