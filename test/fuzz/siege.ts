import { parseArgs } from 'node:util';
import { besiege } from './besieged.ts';

// npm run fuzz:wire -- --inputs 250000 --seed 7
//
// Hostile messages at every port of three real members while clients work; see besieged.ts.

const { values } = parseArgs({
  options: {
    inputs: { type: 'string', default: '20000' },
    seed: { type: 'string', default: '1' },
  },
});
const inputs = Number(values.inputs);
const seed = Number(values.seed);
if (!Number.isSafeInteger(inputs) || inputs < 1 || !Number.isSafeInteger(seed)) {
  console.error('--inputs must be a number above 0, --seed a number');
  process.exit(2);
}
const { sent, seconds, p99Ms, maxMs, rssGrowthBytes } = await besiege(inputs, seed);
for (const [target, count] of sent) console.log(`| ${target} | ${count} |`);
const total = [...sent.values()].reduce((sum, count) => sum + count, 0);
console.log(
  `${total} messages in ${Math.round(seconds)} s, seed ${seed}; others waited ` +
    `${p99Ms.toFixed(1)} ms (p99), ${Math.round(maxMs)} ms (longest); ` +
    `${Math.round(rssGrowthBytes / 2 ** 20)} MiB more memory`,
);
