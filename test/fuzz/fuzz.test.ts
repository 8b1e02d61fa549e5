import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fuzz, FuzzFailure } from './fuzz.ts';
import type { Subject } from './fuzz.ts';
import { allSubjects, executionsOf } from './subjects.ts';

// Goal: whatever bytes a decoder is given, it answers with a record or with its own error, soon,
// and reserves no more than the bytes account for; what it read is written and read the same.
// Method: mutants of recorded bytes for each decoder, a new seed for each; `npm run fuzz` runs
// more. Decoders that break a rule are planted, and have to be found.

const executions = 300_000;

for (const [index, subject] of allSubjects.entries()) {
  test(`${subject.name}: every mutant is read or refused`, () => {
    const count = executionsOf(subject, executions);
    const found = fuzz(subject, count, 1000 + index);
    assert(found.executions >= count);
    assert(found.accepted > 0, 'some are read');
    assert(found.outcomes > 1, 'not all alike');
  });
}

const corpus = [Buffer.from('00000004abcd0000', 'hex')];

function planted(decode: (bytes: Buffer) => string | null, more: Partial<Subject> = {}): Subject {
  return { name: 'planted', corpus, decode, refusals: [RangeError], ...more };
}

const plants: readonly (readonly [string, Subject, RegExp])[] = [
  [
    'an error of no kind that is an answer',
    planted((bytes) => {
      if (bytes.length > 3 && bytes.readInt32BE() < 0) throw new TypeError('not thought of');
      return 'read';
    }),
    /TypeError: not thought of/,
  ],
  [
    'memory for a length that nobody checked',
    planted((bytes) => `${Buffer.alloc(Math.min(bytes.readUInt32BE(), 1 << 24)).length > 0}`),
    /bytes reserved for/,
  ],
  [
    'a decoder that takes its time',
    planted(
      (bytes) => {
        const endMs = performance.now() + (bytes.length > 8 ? 30 : 0);
        while (performance.now() < endMs);
        return 'read';
      },
      { decodeMsMax: 10 },
    ),
    /ms for one input/,
  ],
  [
    'a record that is written another way than it was read',
    planted((bytes) => {
      const text = bytes.toString('latin1');
      if (text.trim() !== text) throw new Error(`written ${text.trim()}`);
      return 'read';
    }),
    /written/,
  ],
];

for (const [what, subject, says] of plants) {
  test(`found: ${what}`, () => {
    assert.throws(
      () => fuzz(subject, 20_000, 1),
      (error) => error instanceof FuzzFailure && says.test(error.message),
    );
  });
}

test('a decoder that never ends is stopped and shown', () => {
  const subject = planted((bytes) => {
    for (let at = 0; at < bytes.length;) at += bytes[at] === 0xff ? 0 : 1;
    return 'read';
  });
  assert.throws(() => fuzz(subject, 20_000, 1, { batchMsMax: 1000 }), /it does not end; input/);
});

test('one seed gives the same run', () => {
  const subject = allSubjects.find(({ name }) => name === 'client requests');
  assert(subject !== undefined);
  const run = (seed: number): unknown => ({ ...fuzz(subject, 2000, seed), slowestMs: 0 });
  assert.deepEqual(run(5), run(5));
  assert.notDeepEqual(run(5), run(6));
});
