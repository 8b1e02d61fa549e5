import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { test } from 'node:test';
import { createAuth } from '../../server/auth/auth.ts';
import { ErrorCode } from '../../server/protocol/error-code.ts';
import { KeyStoreProblem } from '../../server/keys/key-store-error.ts';
import { subjectOf } from '../../server/keys/distinguished-name.ts';
import { CertificateAuthority } from '../support/certificates.ts';

// Goal: a certificate gives the id that the reference gives it, and access lists take such ids.
// Method: names with every kind of part, as recorded from the reference by test/interop/client-tls.

const authority = new CertificateAuthority();

function nameOf(commonName: string, above: readonly (readonly [string, string])[] = []): string {
  return subjectOf(new X509Certificate(authority.issue({ commonName, above }).certificate).raw);
}

test('the part that says most comes first, and what could be misread is marked', () => {
  assert.equal(nameOf('ann'), 'CN=ann');
  const above = [
    ['2.5.4.6', 'CH'],
    ['0.9.2342.19200300.100.1.25', 'example'],
    ['2.5.4.10', 'Ex=ample, Inc.'],
    ['2.5.4.11', '#team'],
    ['2.5.4.5', '12345'],
    ['1.2.840.113549.1.9.1', 'ann@example'],
    ['0.9.2342.19200300.100.1.1', 'ann'],
    ['2.5.4.9', 'Street 1'],
    ['2.5.4.7', 'Bern'],
    ['2.5.4.8', 'BE'],
  ] as const;
  assert.equal(
    nameOf(' #Ann, the "first"; <a+b=c> \\ ü ', above),
    'CN=\\ \\#Ann\\, the \\"first\\"\\; \\<a\\+b\\=c\\> \\\\ ü\\ ,ST=BE,L=Bern,STREET=Street 1,' +
      'UID=ann,1.2.840.113549.1.9.1=#160b616e6e406578616d706c65,2.5.4.5=#0c053132333435,' +
      'OU=\\#team,O=Ex\\=ample\\, Inc.,DC=example,C=CH',
  );
});

test('bytes that are no certificate are refused, at every cut', () => {
  const { raw } = new X509Certificate(authority.issue({ commonName: 'ann' }).certificate);
  for (let length = 0; length < raw.length; length += 1) {
    assert.throws(() => subjectOf(raw.subarray(0, length)), KeyStoreProblem);
  }
});

test('whoever shows a certificate has its name, and the super user all rights', () => {
  const auth = createAuth({ superDigest: null, x509: { superUser: 'CN=root' } });
  const ip = { scheme: 'ip', id: '10.0.0.1' };
  assert.deepEqual(auth.connectionIds('10.0.0.1'), [ip]);
  assert.deepEqual(auth.connectionIds('10.0.0.1', ''), [ip]);
  const ann = { scheme: 'x509', id: 'CN=ann' };
  assert.deepEqual(auth.connectionIds('10.0.0.1', 'CN=ann'), [ip, ann]);
  assert.equal(auth.matches(ann, { scheme: 'x509', id: 'CN=ann' }), true);
  assert.equal(auth.matches(ann, { scheme: 'x509', id: 'CN=anna' }), false);
  const root = auth.connectionIds('10.0.0.1', 'CN=root').map(({ scheme }) => scheme);
  assert.deepEqual(root, ['ip', 'super', 'x509']);
  const refused = { refused: ErrorCode.AUTH_FAILED };
  assert.deepEqual(auth.authenticate('x509', null, '10.0.0.1', null), refused);
  assert.deepEqual(auth.authenticate('x509', null, '10.0.0.1', 'CN=ann'), { value: [ann] });
});

test('without certificates there is no such scheme', () => {
  const auth = createAuth({ superDigest: null });
  const ann = { scheme: 'x509', id: 'CN=ann' };
  assert.equal(auth.isValid(ann), false);
  assert.equal(auth.matches(ann, ann), false);
  assert.deepEqual(auth.connectionIds('10.0.0.1', 'CN=ann').length, 1);
  assert.deepEqual(auth.authenticate('x509', null, '10.0.0.1', 'CN=ann'), {
    refused: ErrorCode.AUTH_FAILED,
  });
});

test('ids that are names, and ids that are none', () => {
  const auth = createAuth({ superDigest: null, x509: { superUser: null } });
  const valid = (id: string): boolean => auth.isValid({ scheme: 'x509', id });
  for (const id of ['CN=ann', 'cn=ann', 'CN=ann,O=a\\,b', 'CN="a,b",O=c', 'CN=a+OU=b', '1.2.3=x']) {
    assert.equal(valid(id), true, id);
  }
  for (const id of ['', 'ann', 'CN', 'X=ann', 'CN=ann,', ',CN=ann', '=ann', 'CN="ann']) {
    assert.equal(valid(id), false, id);
  }
});

test('a long id costs no more than its length', () => {
  const auth = createAuth({ superDigest: null, x509: { superUser: null } });
  const startMs = performance.now();
  for (const unit of ['CN=a,', 'CN=",",', ' ', 'CN="', '\\,', '1.']) {
    auth.isValid({ scheme: 'x509', id: unit.repeat(200_000) });
  }
  assert(performance.now() - startMs < 2000);
});
