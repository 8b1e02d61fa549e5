import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ChangeRequest, ChangeState } from '../../server/config/ensemble-change.ts';
import { changedEnsemble } from '../../server/config/ensemble-change.ts';
import type { EnsembleServer } from '../../server/config/ensemble.ts';
import { ensembleText } from '../../server/config/ensemble-text.ts';
import {
  areSameMembers,
  ensembleOfText,
  versionOfText,
} from '../../server/config/ensemble-values.ts';
import { ErrorCode } from '../../server/protocol/error-code.ts';
import { ensembleOf } from '../zab/ensembles.ts';

// Goal: a change of members makes exactly the ensemble asked for, or is refused for the first
// reason that the reference would give.
// Method: a table of requests against ensembles of three; the texts of the results are compared.

const nothing: ChangeRequest = {
  joiningServers: null,
  leavingServers: null,
  newMembers: null,
  curConfigId: -1,
};
const state: ChangeState = {
  active: { ...ensembleOf(3), version: 0x100000000 },
  next: null,
  version: 0x100000007,
  voterCountMin: 2,
  isQuorumReady: () => true,
};
const ids = (request: Partial<ChangeRequest>, at: Partial<ChangeState> = {}): string => {
  const outcome = changedEnsemble({ ...nothing, ...request }, { ...state, ...at });
  if ('refused' in outcome) return `refused ${outcome.refused}`;
  const words = outcome.value.servers.map(({ sid, role }) =>
    role === 'observer' ? `o${sid}` : sid,
  );
  return `${words.join(' ')} @${outcome.value.version.toString(16)}`;
};
const fourth = 'server.4=10.0.0.4:2888:3888:participant;2181';

const accepted: readonly (readonly [string, Partial<ChangeRequest>, string])[] = [
  ['one joins', { joiningServers: fourth }, '1 2 3 4 @100000007'],
  ['one leaves', { leavingServers: '2' }, '1 3 @100000007'],
  ['one joins, one leaves', { joiningServers: fourth, leavingServers: '1' }, '2 3 4 @100000007'],
  ['who is not there may leave', { leavingServers: '9' }, '1 2 3 @100000007'],
  [
    'a voter becomes an observer',
    { joiningServers: 'server.3=127.0.0.1:27232:27233:observer' },
    '1 2 o3 @100000007',
  ],
  [
    'a server leaves and joins elsewhere in one change',
    { joiningServers: 'server.2=10.0.0.2:2888:3888', leavingServers: '2' },
    '1 2 3 @100000007',
  ],
  [
    'the whole list wins',
    {
      newMembers: 'server.5=a:1:2,server.6=b:1:2\nserver.7=c:1:2:observer;2181',
      leavingServers: '1',
    },
    '5 6 o7 @100000007',
  ],
  ['the version is the expected one', { curConfigId: 0x100000000 }, '1 2 3 @100000007'],
];

for (const [name, request, expected] of accepted) {
  test(name, () => assert.equal(ids(request), expected));
}

const bad = `refused ${ErrorCode.BAD_ARGUMENTS}`;
const nonsense: readonly (readonly [string, Partial<ChangeRequest>])[] = [
  ['no server line', { joiningServers: 'bogus' }],
  ['a line without ports', { newMembers: 'server.1=bogus' }],
  ['an id that is no number', { leavingServers: '1,two' }],
  ['a group among joiners', { joiningServers: 'group.1=1:2' }],
  ['a key of the static file', { newMembers: 'server.1=a:1:2\nserver.2=b:1:2\ntickTime=1' }],
  ['the address of another member', { joiningServers: 'server.4=127.0.0.1:27212:9' }],
  [
    'the client address of another member',
    { newMembers: 'server.1=a:1:2;h:5\nserver.2=b:1:2;h:5' },
  ],
  ['nobody', { newMembers: '' }],
  ['one voter only', { leavingServers: '1,2' }],
];

for (const [name, request] of nonsense) {
  test(`${name}: refused`, () => assert.equal(ids(request), bad));
}

test('a single voter is enough without standaloneEnabled, none is not', () => {
  assert.equal(ids({ leavingServers: '1,2' }, { voterCountMin: 1 }), '3 @100000007');
  assert.equal(ids({ leavingServers: '1,2,3' }, { voterCountMin: 1 }), bad);
});

test('a difference needs a simple majority, a whole list may bring groups', () => {
  const active = { ...state.active, groups: new Map([[1, [1, 2, 3]]]) };
  assert.equal(ids({ leavingServers: '3' }, { active }), bad);
  const newMembers = 'server.1=a:1:2,server.2=b:1:2,group.1=1:2,weight.1=2';
  assert.equal(ids({ newMembers }, { active }), '1 2 @100000007');
});

test('the first of several reasons is the answer', () => {
  const next = { ...ensembleOf(4), version: 0x100000005 };
  const late: Partial<ChangeRequest> = { newMembers: 'nonsense', curConfigId: 5 };
  const isQuorumReady = (): boolean => false;
  const refusedFor = (request: Partial<ChangeRequest>, at: Partial<ChangeState>): string =>
    ids(request, { isQuorumReady, ...at });
  assert.equal(refusedFor(late, { next }), `refused ${ErrorCode.RECONFIG_IN_PROGRESS}`);
  assert.equal(refusedFor(late, {}), `refused ${ErrorCode.BAD_VERSION}`);
  assert.equal(refusedFor({ newMembers: 'nonsense' }, {}), bad);
  assert.equal(refusedFor({ leavingServers: '1,2' }, {}), bad);
  assert.equal(
    refusedFor({ leavingServers: '1' }, {}),
    `refused ${ErrorCode.NEW_CONFIG_NO_QUORUM}`,
  );
});

test("a server joins with several addresses where that is allowed, and at nobody else's", () => {
  const joiningServers = 'server.4=b:1:2|a:1:2:observer';
  const bad = `refused ${ErrorCode.BAD_ARGUMENTS}`;
  assert.equal(ids({ joiningServers }), bad);
  assert.equal(ids({ joiningServers }, { multiAddress: true }), '1 2 3 o4 @100000007');
  const taken = 'server.4=b:1:2|127.0.0.1:27212:9999';
  assert.equal(ids({ joiningServers: taken }, { multiAddress: true }), bad);
  const outcome = changedEnsemble({ ...nothing, joiningServers }, { ...state, multiAddress: true });
  assert('value' in outcome);
  assert.match(ensembleText(outcome.value), /\nserver\.4=a:1:2\|b:1:2:observer\n/);
  const moved = { ...outcome.value, servers: outcome.value.servers.map(withoutOthers) };
  assert(!areSameMembers(outcome.value, moved), 'an address fewer is another membership');
});

function withoutOthers(server: EnsembleServer): EnsembleServer {
  const { others: _, ...rest } = server;
  return rest;
}

test('a text becomes the ensemble that it was written from', () => {
  const ensemble = {
    ...ensembleOf(3, 1),
    version: 0x20000001f,
    groups: new Map([[1, [1, 2, 3]]]),
    weights: new Map([
      [1, 1],
      [2, 5],
      [3, 1],
    ]),
  };
  const text = ensembleText(ensemble);
  const read = ensembleOfText(text);
  assert.deepEqual(read, ensemble);
  assert.equal(versionOfText(text), 0x20000001f);
});

test('a text that is no ensemble is none', () => {
  for (const text of ['', 'x', 'server.1=a', 'server.1=a:1:2\nversion=xyz', 'tickTime=1']) {
    assert.equal(ensembleOfText(text), null, text);
  }
  assert.equal(versionOfText('server.1=a:1:2'), null);
});

test('members are the same whatever the version, and differ by any part of a line', () => {
  const { active } = state;
  assert(areSameMembers(active, { ...active, version: 1 }));
  assert(!areSameMembers(active, ensembleOf(2)));
  assert(!areSameMembers(active, ensembleOf(2, 1)));
  const [first, ...others] = active.servers;
  assert(first !== undefined);
  const moved = [{ ...first, quorumPort: 1 }, ...others];
  assert(!areSameMembers(active, { ...active, servers: moved }));
  const open = [{ ...first, clientAddress: { host: 'a', port: 1 } }, ...others];
  assert(!areSameMembers(active, { ...active, servers: open }));
  assert(!areSameMembers(active, { ...active, groups: new Map([[1, [1, 2, 3]]]) }));
});
