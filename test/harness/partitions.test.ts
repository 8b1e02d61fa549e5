import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Prng } from '../sim/prng.ts';
import type { Cut } from './network.ts';
import { alone, bridge, halves, oneWay, ring, someWays } from './partitions.ts';

// Goal: each shape of a partition is the one that its name says, whatever the chance.
// Method: many seeds, ensembles of three and five; who still hears whom is counted.

const seeds = Array.from({ length: 50 }, (_, index) => index + 1);
const three = ['m1', 'm2', 'm3'];
const five = [...three, 'm4', 'm5'];
const clients = ['c1', 'c2', 'c3'];

/** Those that a machine hears, of these. */
function heardBy(host: string, hosts: readonly string[], cuts: readonly Cut[]): string[] {
  return hosts.filter(
    (other) => other !== host && !cuts.some(([from, to]) => from === other && to === host),
  );
}

function isMutual(cuts: readonly Cut[]): boolean {
  return cuts.every(([from, to]) => cuts.some(([left, right]) => left === to && right === from));
}

function counts(hosts: readonly string[], cuts: readonly Cut[]): number[] {
  return hosts.map((host) => heardBy(host, hosts, cuts).length).sort((a, b) => a - b);
}

test('halves leave a majority on one side, and no way between the sides', () => {
  for (const seed of seeds) {
    const cuts = halves(five, clients, new Prng(seed));
    assert(isMutual(cuts));
    assert.deepEqual(counts(five, cuts), [1, 1, 2, 2, 2]);
    assert.deepEqual(counts(three, halves(three, clients, new Prng(seed))), [0, 1, 1]);
    for (const client of clients) {
      const heard = heardBy(client, five, cuts);
      const [one = ''] = heard;
      assert.deepEqual(
        heard,
        five.filter((other) => other === one || heardBy(one, five, cuts).includes(other)),
      );
    }
  }
});

test('one alone hears nobody and is heard by nobody; the others hear each other', () => {
  const cuts = alone('m2', [...five, ...clients]);
  assert(isMutual(cuts));
  assert.deepEqual(counts(five, cuts), [0, 3, 3, 3, 3]);
  assert.deepEqual(heardBy('c1', five, cuts), ['m1', 'm3', 'm4', 'm5']);
  assert.deepEqual(heardBy('c1', five, alone('m2', five)), five);
});

test('one way is one way only', () => {
  const mute = oneWay('m2', three, true);
  assert.deepEqual(heardBy('m2', three, mute), ['m1', 'm3']);
  assert.deepEqual(heardBy('m1', three, mute), ['m3']);
  const deaf = oneWay('m2', three, false);
  assert.deepEqual(heardBy('m2', three, deaf), []);
  assert.deepEqual(heardBy('m1', three, deaf), ['m2', 'm3']);
});

test('some ways are all of them or none at the ends', () => {
  const chance = new Prng(1);
  assert.deepEqual(someWays(three, chance, 0), []);
  assert.deepEqual(counts(five, someWays(five, chance, 1)), [0, 0, 0, 0, 0]);
});

test('over a bridge one member hears everybody, and it alone does', () => {
  for (const seed of seeds) {
    const cuts = bridge(five, new Prng(seed));
    assert(isMutual(cuts));
    assert.deepEqual(counts(five, cuts), [2, 2, 2, 2, 4]);
    assert.deepEqual(counts(three, bridge(three, new Prng(seed))), [1, 1, 2]);
  }
});

test('in a ring everybody hears two', () => {
  for (const seed of seeds) {
    const cuts = ring(five, new Prng(seed));
    assert(isMutual(cuts));
    assert.deepEqual(counts(five, cuts), [2, 2, 2, 2, 2]);
    assert.deepEqual(counts(three, ring(three, new Prng(seed))), [1, 1, 2]);
  }
});
