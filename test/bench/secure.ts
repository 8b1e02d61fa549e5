import { CertificateAuthority } from '../support/certificates.ts';
import { KeyFiles } from '../support/key-files.ts';
import { freePorts } from '../support/ports.ts';
import { RealEnsemble } from '../support/real-ensemble.ts';
import type { Kind, MemberSpec } from '../support/real-ensemble.ts';
import { load, measureLoad, pipelinedReads, pipelinedWrites, reportLoad } from './rates.ts';
import { inTurn } from './table.ts';

const memberCount = 3;

interface Secure extends AsyncDisposable {
  readonly ensemble: RealEnsemble;
  /** The secure ports. */
  readonly hosts: string;
}

interface Stores {
  readonly own: string;
  readonly trust: string;
}

async function start(kind: Kind, stores: Stores): Promise<Secure> {
  const ports = await freePorts(memberCount);
  const members = ports.map((port): MemberSpec => ({
    kind,
    settings: {
      // The reference speaks TLS to clients through this one alone.
      serverCnxnFactory: 'org.apache.zookeeper.server.NettyServerCnxnFactory',
      secureClientPort: port,
      secureClientPortAddress: '127.0.0.1',
      'ssl.keyStore.location': stores.own,
      'ssl.trustStore.location': stores.trust,
    },
  }));
  const ensemble = await RealEnsemble.started({ members });
  const hosts = ports.map((port) => `127.0.0.1:${port}`).join(',');
  return { ensemble, hosts, [Symbol.asyncDispose]: () => ensemble[Symbol.asyncDispose]() };
}

/** The pipelined loads over TLS, three members of either kind. */
export async function compareSecure(rounds: number, seconds: number): Promise<void> {
  using files = new KeyFiles();
  const authority = new CertificateAuthority();
  const trust = files.trustStore('trust', [authority.certificate]);
  const names = ['127.0.0.1', 'localhost'];
  const own = files.keyStore('server', authority.issue({ commonName: 'server', names }));
  const keys = files.keyStore('client', authority.issue({ commonName: 'client' }));
  await using ours = await start('ours', { own, trust });
  await using apache = await start('apache', { own, trust });
  const secure = { ours, apache };
  const tls = ['--trust', trust, '--keys', keys];
  for (const { hosts } of [ours, apache]) await load(hosts, ['--mode', 'prepare', ...tls]);
  for (const one of [pipelinedWrites, pipelinedReads]) {
    const measured = await inTurn(rounds, (kind) => {
      const { ensemble, hosts } = secure[kind];
      return measureLoad(ensemble, [...one.args, ...tls], seconds, hosts);
    });
    reportLoad(`over TLS: ${one.name}`, measured, one);
  }
}
