import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { EnsembleServer } from '../../server/config/ensemble.ts';
import { ensembleText } from '../../server/config/ensemble-text.ts';
import { ensembleOfText } from '../../server/config/ensemble-values.ts';
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

test('several addresses, groups and weights, as recorded', () => {
  const recorded = recordedConfig('multiaddr_hierarchical_election');
  const ensemble = ensembleOfText(recorded);
  assert(ensemble !== null);
  assert.deepEqual(ensemble.servers[0], {
    sid: 1,
    host: '127.0.0.1',
    quorumPort: 27512,
    electionPort: 27513,
    role: 'participant',
    clientAddress: null,
    others: [{ host: '127.0.0.2', quorumPort: 27512, electionPort: 27513 }],
  });
  assert.equal(ensembleText(ensemble), recorded);
});

test('several addresses of an observer: its role is told once, and the order is that of the hosts', () => {
  const lines = 'server.1=a:1:2\nserver.2=c:1:2|[::1]:1:2|b:3:4:observer;5\nversion=0';
  const text = ensembleText(ensembleOfText(lines) ?? ensembleOf(1));
  assert.equal(text.split('\n')[1], 'server.2=[::1]:1:2|b:3:4|c:1:2:observer;0.0.0.0:5');
  assert.deepEqual(ensembleOfText(text), ensembleOfText(lines));
});

test('every participant has a weight in the text, as the reference writes it', () => {
  const text = ensembleText({
    ...ensembleOf(3, 1),
    groups: new Map([[1, [1, 2, 3]]]),
    weights: new Map([[2, 0]]),
  });
  assert.match(text, /\ngroup\.1=1:2:3\nweight\.1=1\nweight\.2=0\nweight\.3=1\nversion=0$/);
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
