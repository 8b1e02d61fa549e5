import assert from 'node:assert/strict';
import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { RequestOptions } from 'node:https';
import { test } from 'node:test';
import { CertificateAuthority } from '../support/certificates.ts';
import { KeyFiles, quorumStores } from '../support/key-files.ts';
import { RealEnsemble } from '../support/real-ensemble.ts';

// Goal: the admin port speaks HTTPS where it is told to, and not HTTP where that is all.
// Method: a real server with each setting, asked over both, with a certificate and without.

const authority = new CertificateAuthority();
const own = authority.issue({ commonName: 'server', names: ['127.0.0.1'] });

/** Status of the answer; 0: there was none. */
function ask(
  scheme: 'http' | 'https',
  port: number,
  options: RequestOptions = {},
): Promise<number> {
  const request = scheme === 'http' ? httpRequest : httpsRequest;
  return new Promise((done) => {
    const target = {
      host: '127.0.0.1',
      port,
      path: '/livez',
      agent: false,
      timeout: 5000,
    } as const;
    const asked = request({ ...target, ca: authority.certificate, ...options }, (response) => {
      response.resume();
      response.on('end', () => done(response.statusCode ?? 0));
    });
    asked.on('timeout', () => asked.destroy());
    asked.on('error', () => done(0));
    asked.end();
  });
}

const certified: RequestOptions = { key: own.key, cert: own.certificate };

const cases: readonly (readonly [string, Readonly<Record<string, string>>, readonly number[]])[] = [
  ['by default', {}, [200, 0, 0]],
  ['with admin.portUnification', { 'admin.portUnification': 'true' }, [200, 200, 200]],
  ['with admin.forceHttps', { 'admin.forceHttps': 'true' }, [0, 200, 200]],
  [
    'with admin.needClientAuth',
    { 'admin.forceHttps': 'true', 'admin.needClientAuth': 'true' },
    [0, 0, 200],
  ],
];

for (const [name, settings, [http, https, client]] of cases) {
  test(`${name}: HTTP ${http}, HTTPS ${https}, with a certificate ${client}`, async () => {
    using files = new KeyFiles();
    const stores = quorumStores(
      files.keyStore('server', own),
      files.trustStore('trust', [authority.certificate]),
    );
    await using ensemble = await RealEnsemble.started({
      members: [{ kind: 'ours' }],
      settings: { ...stores, ...settings },
    });
    const port = ensemble.member(1).adminPort;
    assert.deepEqual(
      [await ask('http', port), await ask('https', port), await ask('https', port, certified)],
      [http, https, client],
    );
  });
}

test('without stores it does not start', async () => {
  await using ensemble = await RealEnsemble.create({
    members: [{ kind: 'ours' }],
    settings: { 'admin.forceHttps': 'true' },
  });
  const member = ensemble.member(1);
  assert.equal(await member.exits(20_000), 2);
  assert.match(member.log(), /ssl\.quorum\.keyStore\.location: Not set/);
});
