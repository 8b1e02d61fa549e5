import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { createAuth, withIds } from '../../server/auth/auth.ts';
import { addressIdOf } from '../../server/auth/ip-address.ts';
import { ErrorCode } from '../../server/protocol/error-code.ts';

// Goal: a proof gives exactly the identities it proves, and access lists match only those.
// Method: proofs and ids as recorded from the reference, and tables of edge cases.

const auth = createAuth({ superDigest: null });
const bobId = 'bob:ikIaKsbtGweaHnb/jKn7OHqbunM=';
const bobProof = Buffer.from('bob:pw');

test('digest: the id is the user and the base64 SHA-1 of user and password', () => {
  assert.deepEqual(auth.authenticate('digest', bobProof, '127.0.0.1'), {
    value: [{ scheme: 'digest', id: bobId }],
  });
});

test('digest: a password may hold colons, and a proof without colon is all user', () => {
  const outcome = auth.authenticate('digest', Buffer.from('carol:x:y'), '127.0.0.1');
  assert.ok('value' in outcome);
  assert.match(outcome.value[0]?.id ?? '', /^carol:[A-Za-z0-9+/]{27}=$/);
  const plain = auth.authenticate('digest', Buffer.from('text'), '127.0.0.1');
  assert.ok('value' in plain);
  assert.equal(plain.value[0]?.id, 'text:Ny6gjKsz5xwCxlHbyDpHTTLGduo=');
});

test('unknown schemes, world, super and a null proof fail', () => {
  for (const scheme of ['nosuch', 'world', 'super', 'auth', '', null]) {
    assert.deepEqual(auth.authenticate(scheme, bobProof, '127.0.0.1'), {
      refused: ErrorCode.AUTH_FAILED,
    });
  }
  assert.deepEqual(auth.authenticate('digest', null, '127.0.0.1'), {
    refused: ErrorCode.AUTH_FAILED,
  });
});

test('DigestAuthenticationProvider.digestAlg: passwords are hashed with that, the super user’s too', () => {
  const [user, hash] = ['super', createHash('sha256').update('super:pw').digest('base64')];
  const own = createAuth({ superDigest: `${user}:${hash}`, digestAlgorithm: 'sha256' });
  const outcome = own.authenticate('digest', Buffer.from('super:pw'), '127.0.0.1');
  assert.ok('value' in outcome);
  assert.deepEqual(
    outcome.value.map(({ scheme }) => scheme),
    ['super', 'digest'],
  );
  assert.equal(outcome.value[1]?.id, `super:${hash}`);
});

test('the super user holds the mark before its ordinary id, others do not', () => {
  const withSuper = createAuth({ superDigest: bobId });
  assert.deepEqual(withSuper.authenticate('digest', bobProof, '127.0.0.1'), {
    value: [
      { scheme: 'super', id: '' },
      { scheme: 'digest', id: bobId },
    ],
  });
  const outcome = withSuper.authenticate('digest', Buffer.from('bob:other'), '127.0.0.1');
  assert.ok('value' in outcome);
  assert.equal(outcome.value.length, 1);
});

test('without the digest provider its packets fail and its entries are invalid', () => {
  const disabled = createAuth({ superDigest: bobId, digestSchemeEnabled: false });
  assert.deepEqual(disabled.authenticate('digest', bobProof, '127.0.0.1'), {
    refused: ErrorCode.AUTH_FAILED,
  });
  assert.equal(disabled.isValid({ scheme: 'digest', id: bobId }), false);
  assert.equal(disabled.isAuthenticated('digest'), false);
});

test('a connection starts with its address, IPv4 also on a dual-stack socket', () => {
  assert.deepEqual(auth.connectionIds('127.0.0.1'), [{ scheme: 'ip', id: '127.0.0.1' }]);
  assert.equal(addressIdOf('::ffff:10.1.2.3'), '10.1.2.3');
  assert.equal(addressIdOf('fe80::1%eth0'), 'fe80::1');
});

test('the same proof twice gives one id', () => {
  const held = auth.connectionIds('127.0.0.1');
  const id = { scheme: 'digest', id: bobId };
  assert.deepEqual(withIds(withIds(held, [id]), [id]), [...held, id]);
});

test('valid entries of access lists', () => {
  const valid = [
    ['world', 'anyone'],
    ['digest', 'a:b'],
    ['digest', bobId],
    ['ip', '127.0.0.1'],
    ['ip', '10.0.0.0/8'],
    ['ip', '10.0.0.0/0'],
    ['ip', '::'],
    ['ip', 'fe80::1/128'],
    ['ip', '1:2:3:4:5:6:7:8'],
  ] as const;
  for (const [scheme, id] of valid) assert.ok(auth.isValid({ scheme, id }), `${scheme}:${id}`);
});

test('invalid entries of access lists', () => {
  const invalid = [
    ['world', 'me'],
    ['super', ''],
    ['auth', ''],
    ['sasl', 'bob'],
    ['digest', 'a:b:c'],
    ['digest', 'a:'],
    ['digest', ':b'],
    ['digest', 'a'],
    ['ip', '127.0.0'],
    ['ip', '127.0.0.256'],
    ['ip', '127.0.0.1/33'],
    ['ip', '127.0.0.1/'],
    ['ip', '::1/129'],
    ['ip', '1::2::3'],
    ['ip', '1:2:3:4:5:6:7:8:9'],
    ['ip', '1:2:3:4:5:6:7::8'],
    ['ip', '1:2:3:4:5:6:7'],
    ['ip', '::ffff:1.2.3.4'],
    ['ip', '12345::'],
    ['ip', ''],
  ] as const;
  for (const [scheme, id] of invalid) assert.ok(!auth.isValid({ scheme, id }), `${scheme}:${id}`);
});

test('an address matches ranges of its family by their first bits', () => {
  const matches = (address: string, entry: string): boolean =>
    auth.matches({ scheme: 'ip', id: address }, { scheme: 'ip', id: entry });
  assert.ok(matches('10.1.2.3', '10.1.2.3'));
  assert.ok(matches('10.1.2.3', '10.1.0.0/16'));
  assert.ok(matches('10.1.2.3', '10.1.3.0/23'));
  assert.ok(!matches('10.1.2.3', '10.1.3.0/24'));
  assert.ok(matches('10.1.2.3', '0.0.0.0/0'));
  assert.ok(!matches('10.1.2.3', '::/0'));
  assert.ok(matches('fe80::1', 'fe80:0:0:0:0:0:0:1'));
  assert.ok(matches('febf::1', 'fe80::/10'));
  assert.ok(!matches('fec0::1', 'fe80::/10'));
});

test('digest ids match only as equal text', () => {
  const entry = { scheme: 'digest', id: bobId };
  assert.ok(auth.matches(entry, entry));
  assert.ok(!auth.matches({ scheme: 'digest', id: 'bob:x' }, entry));
});

test('whoAmI shows the user of a digest, the address of an ip, nothing of a super user', () => {
  assert.equal(auth.userOf({ scheme: 'digest', id: bobId }), 'bob');
  assert.equal(auth.userOf({ scheme: 'ip', id: '127.0.0.1' }), '127.0.0.1');
  assert.equal(auth.userOf({ scheme: 'super', id: '' }), '');
});
