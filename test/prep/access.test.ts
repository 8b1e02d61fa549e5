import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createAuth } from '../../server/auth/auth.ts';
import type { Acl, Id } from '../../server/protocol/acl.ts';
import { aclOpen, Perm } from '../../server/protocol/acl.ts';
import {
  aclBytesAddedMax,
  aclView,
  allowed,
  maskedAcl,
  storedAcl,
} from '../../server/prep/access.ts';
import { acl, bob } from './fixture.ts';

// Goal: an access list lets in whom it names, for what it names, and is stored as the reference
// stores it.
// Method: lists and ids in tables, with the built-in schemes.

const schemes = createAuth({ superDigest: null });
const rules = { skipAcl: false, schemes };
function stored(list: readonly Acl[] | null, ids: readonly Id[]): readonly Acl[] | null {
  return storedAcl(list, ids, schemes, { aclBytesLeft: aclBytesAddedMax });
}
const local = { scheme: 'ip', id: '127.0.0.1' };

test('entries are alternatives; bits and schemes both have to fit', () => {
  const list = [acl(Perm.READ, 'ip', '127.0.0.0/8'), acl(Perm.WRITE, 'digest', 'bob:x')];
  assert.ok(allowed(list, Perm.READ, [local], rules));
  assert.ok(!allowed(list, Perm.WRITE, [local], rules));
  assert.ok(allowed(list, Perm.WRITE, [local, bob], rules));
  assert.ok(!allowed(list, Perm.READ, [bob], rules));
  assert.ok(!allowed(list, Perm.READ, [], rules));
  assert.ok(allowed(list, Perm.READ | Perm.ADMIN, [local], rules), 'any of several bits');
});

test('no list, open lists, skipping and super users', () => {
  assert.ok(allowed(null, Perm.ALL, [], rules));
  assert.ok(allowed(aclOpen, Perm.ADMIN, [], rules));
  assert.ok(!allowed([], Perm.READ, [bob], rules));
  assert.ok(allowed([], Perm.READ, [], { skipAcl: true, schemes }));
  assert.ok(allowed([], Perm.READ, [local, { scheme: 'super', id: '' }], rules));
});

test('an entry of world lets in only anyone, and perms 0 nobody', () => {
  assert.ok(!allowed([acl(Perm.ALL, 'world', 'me')], Perm.READ, [bob], rules));
  assert.ok(!allowed([acl(0, 'world', 'anyone')], Perm.READ, [bob], rules));
});

test('null and empty lists are invalid, unknown bits are kept', () => {
  assert.equal(stored(null, []), null);
  assert.equal(stored([], []), null);
  const odd = [acl(255, 'world', 'anyone')];
  assert.deepEqual(stored(odd, []), odd);
});

test('exact duplicates go, in order; other perms are another entry', () => {
  const a = acl(1, 'digest', 'bob:x');
  const b = acl(2, 'digest', 'bob:x');
  const anyone = acl(1, 'world', 'anyone');
  assert.deepEqual(stored([a, b, a, anyone, b, anyone], []), [a, b, anyone]);
});

test('auth becomes the connection’s proven ids; without any the list is invalid', () => {
  const given = [acl(31, 'auth', 'ignored')];
  const carol = { scheme: 'digest', id: 'carol:y' };
  const ids = [local, { scheme: 'super', id: '' }, bob, carol];
  assert.deepEqual(stored(given, ids), [
    { perms: 31, id: bob },
    { perms: 31, id: carol },
  ]);
  assert.equal(stored(given, [local]), null);
  assert.equal(stored(given, []), null);
});

test('one invalid entry makes the list invalid', () => {
  const good = acl(1, 'world', 'anyone');
  const bad = [
    acl(1, 'world', 'me'),
    acl(1, 'super', ''),
    acl(1, 'digest', 'a'),
    acl(1, 'ip', 'host'),
    acl(1, 'nosuch', 'x'),
  ];
  for (const entry of bad) assert.equal(stored([good, entry], [bob]), null);
});

test('a list of fifty thousand entries is judged in one pass', () => {
  const long = Array.from({ length: 50_000 }, (_, index) => acl(1, 'digest', `u:${index}`));
  assert.equal(stored([...long, ...long], [])?.length, 50_000);
});

test('without ADMIN the secret half of a digest is masked', () => {
  const list = [acl(31, 'digest', 'bob:secret='), acl(1, 'world', 'anyone')];
  assert.deepEqual(maskedAcl(list), [acl(31, 'digest', 'bob:x'), acl(1, 'world', 'anyone')]);
  assert.equal(aclView(list, [], rules), 'masked');
  assert.equal(aclView(list, [{ scheme: 'digest', id: 'bob:secret=' }], rules), 'full');
  assert.equal(aclView([acl(Perm.WRITE, 'world', 'anyone')], [], rules), 'refused');
});
