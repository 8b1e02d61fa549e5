import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { loginOf, usersOf } from '../../server/sasl/digest-login.ts';
import { JaasError, parseJaas } from '../../server/sasl/jaas.ts';

// Goal: a JAAS file says who may come and as whom one goes; what it does not say clearly is refused
// by line and section, without its passwords.
// Method: files as they are in use, and files with one thing wrong.

const digest = 'org.apache.zookeeper.server.auth.DigestLoginModule';
const file = `
/* Between servers */
QuorumServer {
  ${digest} required // as in the manual
  user_zkq="s3cret"
  user_other="with \\"quotes\\", { and ;";
};
QuorumLearner { ${digest} REQUIRED username="zkq" password="s3cret"; };
Client { com.sun.security.auth.module.Krb5LoginModule optional useKeyTab=true principal="c@R";
         ${digest} sufficient username=c password=p; };
`;

test('sections, modules, options, comments and quotes', () => {
  const sections = parseJaas(file);
  assert.deepEqual([...sections.keys()], ['QuorumServer', 'QuorumLearner', 'Client']);
  const client = sections.get('Client') ?? [];
  assert.deepEqual(
    client.map((entry) => [entry.flag, entry.options.size]),
    [
      ['optional', 2],
      ['sufficient', 2],
    ],
  );
});

test('whom a server believes, and as whom it goes', () => {
  const users = usersOf(file, 'QuorumServer');
  assert.deepEqual(
    [...users],
    [
      ['zkq', 's3cret'],
      ['other', 'with "quotes", { and ;'],
    ],
  );
  assert.deepEqual(loginOf(file, 'QuorumLearner'), { username: 'zkq', password: 's3cret' });
  assert.deepEqual(loginOf(file, 'Client'), { username: 'c', password: 'p' });
});

describe('what is wrong is named', () => {
  const wrong: readonly (readonly [string, string, RegExp])[] = [
    ['a section that is missing', 'Other {};', /Section S is missing; it has Other/],
    ['no section at all', '', /Section S is missing; it has none/],
    ['another module', 'S { x.Krb5LoginModule required; };', /x\.Krb5LoginModule.*DIGEST-MD5/],
    ['no user', `S { ${digest} required; };`, /needs user_<name>/],
    ['a user without a name', `S { ${digest} required user_="pw"; };`, /user_ needs a name/],
    ['a user without a password', `S { ${digest} required user_a=""; };`, /user_a needs a name/],
    ['a section twice', 'S {}; S {};', /S stands in it twice/],
    ['a flag that is none', `S {\n${digest} maybe; };`, /Line 2: required, requisite/],
    ['an open quote', 'S {\n x required a="pw;\n};', /Line 2: a quote is not closed/],
    ['no semicolon', `S { ${digest} required user_a="pw" };`, /Line 1: .* is missing/],
    ['an end too early', `S { ${digest} required user_a="pw";`, /Line 1: .* is missing/],
    ['no equals sign', `S { ${digest} required user_a "pw"; };`, /Line 1: = is missing/],
  ];
  for (const [name, text, pattern] of wrong) {
    test(name, () => {
      assert.throws(
        () => usersOf(text, 'S'),
        (error: unknown) => {
          assert(error instanceof JaasError);
          assert.match(error.message, pattern);
          assert.doesNotMatch(error.message, /pw/);
          return true;
        },
      );
    });
  }

  test('a login without a password', () => {
    assert.throws(
      () => loginOf(`S { ${digest} required username="a"; };`, 'S'),
      /needs username="…" and password/,
    );
  });
});
