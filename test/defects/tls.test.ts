// Goal: of a client whose certificate is refused nothing is done, however early it sends what.
// Method: a real server with a secure port; TLS sockets by hand that send a whole session with
// their last words of the handshake, as TLS 1.3 lets them.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { connect as tlsConnect } from 'node:tls';
import { ZooKeeper } from '../../client/index.ts';
import { CreateMode } from '../../server/protocol/create-mode.ts';
import { connectRequest } from '../../server/protocol/connect.ts';
import { beginFrame, endFrame } from '../../server/protocol/framing.ts';
import { writeRequestHeader } from '../../server/protocol/headers.ts';
import { JuteWriter } from '../../server/protocol/jute.ts';
import { OpCode } from '../../server/protocol/op-code.ts';
import { writeCreateRequest } from '../../server/protocol/requests/create.ts';
import { sessionIdNone } from '../../server/protocol/session-id.ts';
import { zxidZero } from '../../server/protocol/zxid.ts';
import { createRequest } from '../sim/client-ops.ts';
import { CertificateAuthority } from '../support/certificates.ts';
import { KeyFiles } from '../support/key-files.ts';
import { freePorts } from '../support/ports.ts';
import { RealEnsemble } from '../support/real-ensemble.ts';

/** A handshake for a new session and a create, in one piece. */
function wholeSession(path: string): Buffer {
  const writer = new JuteWriter();
  const connectAt = beginFrame(writer);
  connectRequest.write(writer, {
    protocolVersion: 0,
    lastZxidSeen: zxidZero,
    timeoutMs: 4_000,
    sessionId: sessionIdNone,
    password: Buffer.alloc(16),
    readOnly: false,
  });
  endFrame(writer, connectAt);
  const createAt = beginFrame(writer);
  writeRequestHeader(writer, 1, OpCode.CREATE);
  writeCreateRequest(writer, createRequest(path, 'smuggled', CreateMode.PERSISTENT));
  endFrame(writer, createAt);
  return writer.take();
}

test('ZOOKEEPER-3905, ZOOKEEPER-4907: a client whose certificate is refused gets no session, and nothing that it sent ahead is done', async () => {
  const authority = new CertificateAuthority();
  const stranger = new CertificateAuthority('stranger').issue({ commonName: 'ann' });
  const own = authority.issue({ commonName: 'server', names: ['127.0.0.1'] });
  using files = new KeyFiles();
  const [port = 0] = await freePorts(1);
  await using ensemble = await RealEnsemble.started({
    members: [{ kind: 'ours' }],
    settings: {
      secureClientPort: port,
      secureClientPortAddress: '127.0.0.1',
      'ssl.keyStore.location': files.keyStore('server', own),
      'ssl.trustStore.location': files.trustStore('clients', [authority.certificate]),
    },
  });
  await using zk = await ZooKeeper.connect(ensemble.connectString);
  await zk.create('/before');
  const before = (await zk.exists('/before'))?.czxid ?? 0;
  for (const version of ['TLSv1.3', 'TLSv1.2'] as const) {
    for (const shown of [{}, { key: stranger.key, cert: stranger.certificate }]) {
      const socket = tlsConnect({
        host: '127.0.0.1',
        port,
        ca: authority.certificate,
        minVersion: version,
        maxVersion: version,
        ...shown,
      });
      socket.on('error', () => undefined);
      let heard = 0;
      socket.on('data', (chunk) => (heard += chunk.length));
      socket.write(wholeSession('/smuggled'));
      await new Promise((closed) => socket.on('close', closed));
      assert.equal(heard, 0, `${version}: nothing is answered`);
    }
  }
  assert.equal(await zk.exists('/smuggled'), null);
  await zk.create('/after');
  assert.equal((await zk.exists('/after'))?.czxid, before + 1, 'not even a session came of it');
});
