import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Login } from '../../server/sasl/digest-login.ts';
import {
  clientService,
  DigestMd5Client,
  DigestMd5Server,
  quorumService,
} from '../../server/sasl/digest-md5.ts';
import { messageBytesMax, parseDirectives } from '../../server/sasl/directives.ts';
import { clientVectors } from '../protocol/golden.ts';

// Goal: whoever knows the password of a name that is known gets in, and nobody else does.
// Method: both sides against each other; the example of the standard; every directive changed.

const users = new Map([
  ['zkq', 's3cret'],
  ['mülle"r', 'pässword'],
  ['ключ', 'пароль'],
]);

function conversation(login: Login): { readonly server: DigestMd5Server; readonly said: string } {
  const server = new DigestMd5Server(quorumService, users, 'bm9uY2U=');
  const client = new DigestMd5Client(quorumService, login, 'Y25vbmNl');
  const answer = client.answer(server.challenge());
  assert('response' in answer);
  return { server, said: answer.response.toString() };
}

for (const [username, password] of users) {
  test(`${username} gets in, and each side knows that of the other`, () => {
    const server = new DigestMd5Server(quorumService, users, 'bm9uY2U=');
    const client = new DigestMd5Client(quorumService, { username, password }, 'Y25vbmNl');
    const answer = client.answer(server.challenge());
    assert('response' in answer);
    const verdict = server.judge(answer.response);
    assert('proof' in verdict, JSON.stringify(verdict));
    assert.equal(verdict.username, username);
    assert.equal(client.isProof(verdict.proof), true);
    assert.equal(client.isProof(Buffer.from(verdict.proof.toString().replace(/.$/, 'x'))), false);
  });
}

test('nobody who lacks a part of a name or of its proof gets in', () => {
  for (const username of ['eve', 'eve@', 'eve/x', 'zkq@', 'zkq/x', 'zkq@R', 'ZKQ', ' zkq', 'zk']) {
    const { server, said } = conversation({ username, password: 's3cret' });
    assert.deepEqual(server.judge(Buffer.from(said)), { refused: 'wrong user or password' });
  }
  const empty = conversation({ username: '', password: '' });
  assert.deepEqual(empty.server.judge(Buffer.from(empty.said)), { refused: 'no user name' });
  const wrong = conversation({ username: 'zkq', password: 'S3cret' });
  assert.deepEqual(wrong.server.judge(Buffer.from(wrong.said)), {
    refused: 'wrong user or password',
  });
});

test('every directive counts', () => {
  const { server, said } = conversation({ username: 'zkq', password: 's3cret' });
  assert('proof' in server.judge(Buffer.from(said)));
  const changes: readonly (readonly [RegExp, string])[] = [
    [/username="zkq"/, 'username="eve"'],
    [/username="zkq",/, ''],
    [/authzid="zkq"/, 'authzid="eve"'],
    [/authzid="zkq"/, 'authzid=""'],
    [/realm="[^"]*"/, 'realm="other"'],
    [/realm="[^"]*",/, ''],
    [/,nonce="[^"]*"/, ',nonce="b3RoZXI="'],
    [/,nonce="[^"]*"/, ''],
    [/nc=00000001/, 'nc=00000002'],
    [/cnonce="[^"]*"/, 'cnonce=""'],
    [/cnonce="[^"]*"/, 'cnonce="x"'],
    [/digest-uri="[^"]*"/, 'digest-uri="zookeeper/zk-sasl-md5"'],
    [/qop=auth,/, 'qop=auth-int,'],
    [/response=[0-9a-f]{32}/, `response=${'0'.repeat(32)}`],
    [/response=[0-9a-f]{32}/, 'response='],
    [/response=([0-9a-f]{31})[0-9a-f]/, 'response=$1'],
    [/response=[0-9a-f]{32},/, ''],
    [/$/, ',username="zkq"'],
    [/^/, 'username='],
    [/$/, `,x="${'a'.repeat(messageBytesMax)}"`],
  ];
  for (const [pattern, replacement] of changes) {
    const changed = said.replace(pattern, replacement);
    assert.notEqual(changed, said);
    assert('refused' in server.judge(Buffer.from(changed)), changed);
  }
  for (let length = 0; length < said.length; length += 1) {
    const cut = Buffer.from(said.slice(0, length));
    // Without its last directive the answer is that of somebody who acts for himself.
    assert('refused' in server.judge(cut), said.slice(0, length));
  }
});

test('the example of the standard', () => {
  const service = { protocol: 'imap', serverName: 'elwood.innosoft.com' };
  const nonce = 'OA6MG9tEQGm2hh';
  const server = new DigestMd5Server(service, new Map([['chris', 'secret']]), nonce);
  const said =
    'charset=utf-8,username="chris",realm="elwood.innosoft.com",nonce="OA6MG9tEQGm2hh",' +
    'nc=00000001,cnonce="OA6MHXh6VqTrRk",digest-uri="imap/elwood.innosoft.com",' +
    'response=d388dad90d4bbd760a152321f2143af7,qop=auth';
  const verdict = server.judge(Buffer.from(said));
  assert('proof' in verdict);
  assert.equal(verdict.proof.toString(), 'rspauth=ea40f60335c427b5527b84dbabcdfffd');
});

test('the recorded exchange of a client: the same challenge, the same proof', () => {
  /** What stands behind the header of a request, or of a reply, as a buffer. */
  const tokenOf = (name: string, direction: string): Buffer => {
    const vector = clientVectors('sasl').find(
      (each) => each.name === `sasl/${name}` && each.direction === direction,
    );
    assert(vector !== undefined, name);
    return Buffer.from(vector.hex, 'hex').subarray(direction === 'request' ? 16 : 24);
  };
  const challenge = tokenOf('initial-empty-token', 'response');
  const nonce = /nonce="([^"]*)"/.exec(challenge.toString())?.[1] ?? '';
  const bob = (password: string): DigestMd5Server =>
    new DigestMd5Server(clientService, new Map([['bob', password]]), nonce);
  assert.equal(bob('bobsecret').challenge().toString(), challenge.toString());
  const verdict = bob('bobsecret').judge(tokenOf('digest-md5-response', 'request'));
  assert('proof' in verdict, JSON.stringify(verdict));
  const proof = tokenOf('digest-md5-response', 'response').toString();
  assert.equal(verdict.proof.toString(), proof);
  assert('refused' in bob('other').judge(tokenOf('digest-md5-response', 'request')));
});

test('a challenge that asks for more than there is, is not answered', () => {
  const client = new DigestMd5Client(quorumService, { username: 'a', password: 'b' }, 'x');
  const refused = [
    '',
    'realm="r"',
    'nonce="n",algorithm=md5',
    'nonce="n",algorithm=md5-sess,qop="auth-conf,auth-int"',
    'nonce="n",algorithm=md5-sess,nonce="m"',
    'nonce="n,algorithm=md5-sess',
  ];
  for (const text of refused) assert('refused' in client.answer(Buffer.from(text)), text);
  assert.equal(client.isProof(Buffer.from('')), false);
  const taken = client.answer(Buffer.from('nonce="n",algorithm=md5-sess,qop="auth-int,auth"'));
  assert('response' in taken);
});

test('directives: blanks, empty elements, quoted quotes', () => {
  const parsed = parseDirectives(Buffer.from(' a = "x\\"y\\\\" ,, b=c ,d=""'));
  assert.deepEqual(
    [...(parsed ?? [])],
    [
      ['a', 'x"y\\'],
      ['b', 'c'],
      ['d', ''],
    ],
  );
});
