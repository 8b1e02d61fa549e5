import { parseArgs } from 'node:util';
import { fuzz } from './fuzz.ts';
import type { Found } from './fuzz.ts';
import { allSubjects, executionsOf } from './subjects.ts';

// npm run fuzz -- --executions 1000000 --seed 7      all decoders, each with its part
// npm run fuzz -- --executions 50000 --subject votes one of them
//
// Ends with 1 at the first input that breaks a rule, and shows it.

const { values } = parseArgs({
  options: {
    executions: { type: 'string', default: '100000' },
    seed: { type: 'string', default: '1' },
    subject: { type: 'string' },
  },
});

const executions = Number(values.executions);
const seed = Number(values.seed);
if (!Number.isSafeInteger(executions) || executions < 1 || !Number.isSafeInteger(seed)) {
  console.error('--executions must be a number above 0, --seed a number');
  process.exit(2);
}
const subjects = allSubjects.filter(({ name }) => name === (values.subject ?? name));
if (subjects.length === 0) {
  console.error(`--subject is one of: ${allSubjects.map(({ name }) => name).join(', ')}`);
  process.exit(2);
}

const found: Found[] = [];
for (const subject of subjects) {
  const count = subjects.length === 1 ? executions : executionsOf(subject, executions);
  const result = fuzz(subject, count, seed);
  found.push(result);
  console.log(line(result));
}
const sum = (of: (each: Found) => number): number =>
  found.reduce((total, each) => total + of(each), 0);
console.log(
  `${sum((each) => each.executions)} executions, seed ${seed}: ` +
    `${sum((each) => each.accepted)} read, ${sum((each) => each.refused)} refused`,
);

function line({ name, executions, accepted, refused, outcomes, slowestMs }: Found): string {
  const cells = [name, executions, accepted, refused, outcomes, slowestMs.toFixed(1)];
  return `| ${cells.join(' | ')} |`;
}
