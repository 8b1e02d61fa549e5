import { parseArgs } from 'node:util';
import { apacheMissing, apacheVersion } from '../support/apache.ts';
import { RealEnsemble } from '../support/real-ensemble.ts';
import { compareFailovers, threeOf } from './failover.ts';
import { compareLarge, rssMb } from './large.ts';
import { compareOpenLoop } from './open-loop.ts';
import { compareRates } from './rates.ts';
import { compareRolling } from './rolling.ts';
import { compareMixtures, compareObservers } from './shapes.ts';
import { compareSecure } from './secure.ts';
import { compareStorm } from './storm.ts';
import { header, printAll, report } from './table.ts';

// The same load against this server and against Apache ZooKeeper, three members each, fsync on, in
// one run with rounds interleaved. What counts are the ratios of the last column.
//
//   npm run bench               everything, about fifteen minutes
//   npm run bench -- --short    everything but the large ones, one short round each

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { short: { type: 'boolean', default: false } } });
  const missing = apacheMissing();
  if (missing !== null) {
    console.log(
      `Apache ZooKeeper cannot be run: ${missing}. The bench compares, so it does nothing alone.`,
    );
    return;
  }
  console.log(`this server and Apache ZooKeeper ${apacheVersion}, three members each, fsync on\n`);
  console.log(header);
  const rounds = values.short ? 1 : 3;
  const seconds = values.short ? 3 : 6;
  {
    await using apache = await RealEnsemble.started(threeOf('apache'));
    {
      await using ours = await RealEnsemble.started(threeOf('ours'));
      const idle = { ours: rssMb(ours), theirs: rssMb(apache) };
      report({
        what: 'idle memory of a server',
        unit: 'MB',
        ...idle,
        aim: 1,
        wantsMore: false,
      });
      await compareRates({ ours, apache }, rounds, seconds);
      await compareOpenLoop({ ours, apache }, rounds, seconds);
    }
    await compareMixtures(apache, 1, seconds);
  }
  await compareObservers(1, seconds);
  await compareSecure(values.short ? 1 : 2, seconds);
  await compareFailovers(rounds);
  await compareRolling(1);
  await compareStorm(values.short ? 1000 : 10_000);
  if (!values.short) await compareLarge();
  printAll();
}

await main();
