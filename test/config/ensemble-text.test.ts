import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { EnsembleServer } from '../../server/config/ensemble.ts';
import { ensembleText } from '../../server/config/ensemble-text.ts';
import { ensembleOf } from '../zab/ensembles.ts';

// Goal: the text of an ensemble is the one the reference sends.
// Method: recorded notifications, and each optional part once.

function recordedConfig(name: string): string {
  const path = join(import.meta.dirname, '../golden/quorum', `${name}.json`);
  const found = /"config": ("[^"]*")/.exec(readFileSync(path, 'utf8'))?.[1];
  assert(found !== undefined, 'the recording has a configuration');
  return JSON.parse(found) as string;
}

test('three participants and an observer, as recorded', () => {
  assert.equal(ensembleText(ensembleOf(3, 1)), recordedConfig('election_initial'));
});

test('groups and weights follow the servers, as recorded with one address each', () => {
  const recorded = recordedConfig('multiaddr_hierarchical_election')
    .replaceAll(/\|[^:]+:\d+:\d+/g, '')
    .replaceAll(/275(\d)(\d)/g, '272$1$2');
  const ensemble = {
    ...ensembleOf(3),
    groups: new Map([[1, [1, 2, 3]]]),
    weights: new Map([
      [1, 1],
      [2, 2],
      [3, 1],
    ]),
  };
  assert.equal(ensembleText(ensemble), recorded);
});

test('client addresses, IPv6 brackets and a version in hex', () => {
  const server: EnsembleServer = {
    sid: 7,
    host: '2001:db8::1',
    quorumPort: 2888,
    electionPort: 3888,
    role: 'participant',
    clientAddress: { host: '::', port: 2181 },
  };
  const groups = new Map<number, number[]>();
  const text = ensembleText({
    version: 0x1_0000_00ab,
    servers: [server],
    groups,
    weights: new Map(),
  });
  assert.equal(text, 'server.7=[2001:db8::1]:2888:3888:participant;[::]:2181\nversion=1000000ab');
});
