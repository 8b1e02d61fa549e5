import { readFileSync } from 'node:fs';

import type { ConnectOptions, SaslLogin } from '../index.ts';
import { KeyStoreError } from '../../server/keys/key-store-error.ts';
import { readIdentities, readTrusted } from '../../server/keys/key-store.ts';
import type { KeyStore } from '../../server/config/tls-settings.ts';
import { loginOf } from '../../server/sasl/digest-login.ts';
import { JaasError } from '../../server/sasl/jaas.ts';
import { ConfigurationError } from './command-line.ts';

type Security = Pick<ConnectOptions, 'tls' | 'sasl'>;

/**
 * TLS and SASL as the reference's client is told of them: by a file of properties, or by the
 * `-Dname=value` of CLIENT_JVMFLAGS.
 *
 * ```
 * zookeeper.client.secure=true
 * zookeeper.ssl.trustStore.location=/etc/zk/ca.pem
 * zookeeper.ssl.keyStore.location=/etc/zk/me.p12
 * zookeeper.ssl.keyStore.password=…
 * java.security.auth.login.config=/etc/zk/client-jaas.conf
 * ```
 *
 * @throws ConfigurationError
 */
export function securityOf(file: string | null, jvmFlags: string): Security {
  const properties = new Map([...flagsIn(jvmFlags), ...(file === null ? [] : propertiesIn(file))]);
  try {
    return { ...tlsOf(properties), ...saslOf(properties) };
  } catch (error) {
    if (!(error instanceof KeyStoreError || error instanceof JaasError)) throw error;
    throw new ConfigurationError(error.message);
  }
}

function flagsIn(line: string): [string, string][] {
  return [...line.matchAll(/(?:^|\s)-D([^\s=]+)(?:=(\S*))?/g)].map(([, name = '', value = '']) => [
    name,
    value,
  ]);
}

function propertiesIn(file: string): [string, string][] {
  return textOf(file, '-client-configuration')
    .split(/\r?\n/)
    .map((line) => /^\s*([^#!\s=:][^\s=:]*)\s*[=:]?\s*(.*?)\s*$/.exec(line))
    .flatMap((match) => (match === null ? [] : [[match[1] ?? '', match[2] ?? '']]));
}

function textOf(file: string, setting: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new ConfigurationError(
      `Error while processing ${file}: ${(error as Error).message}. Correct ${setting}.`,
    );
  }
}

function tlsOf(properties: ReadonlyMap<string, string>): Security {
  if (properties.get('zookeeper.client.secure')?.toLowerCase() !== 'true') return {};
  const keys = storeOf(properties, 'zookeeper.ssl.keyStore');
  const trusted = storeOf(properties, 'zookeeper.ssl.trustStore');
  const identities = keys === null ? [] : readIdentities(keys);
  const verifies = properties.get('zookeeper.ssl.hostnameVerification')?.toLowerCase() !== 'false';
  return {
    tls: {
      ...(trusted === null ? {} : { ca: [...readTrusted(trusted)] }),
      ...(identities.length === 0
        ? {}
        : {
            key: identities.map(({ key }) => ({ pem: key })),
            cert: identities.map(({ chain }) => chain),
          }),
      allowPartialTrustChain: true,
      ...(verifies ? {} : { checkServerIdentity: () => undefined }),
    },
  };
}

const typeOfEnding: readonly (readonly [RegExp, KeyStore['type']])[] = [
  [/\.pem$/i, 'PEM'],
  [/\.(p12|pfx)$/i, 'PKCS12'],
  [/\.jks$/i, 'JKS'],
];

function storeOf(properties: ReadonlyMap<string, string>, prefix: string): KeyStore | null {
  const location = properties.get(`${prefix}.location`);
  if (location === undefined || location === '') return null;
  const named = properties.get(`${prefix}.type`);
  const type = typeOfEnding.find(([ending, one]) =>
    named ? one === named : ending.test(location),
  )?.[1];
  if (type === undefined) {
    throw new ConfigurationError(
      `${prefix}.location ${location}: set ${prefix}.type to PEM, PKCS12 or JKS.`,
    );
  }
  return {
    location,
    password: properties.get(`${prefix}.password`) ?? null,
    passwordPath: properties.get(`${prefix}.passwordPath`) ?? null,
    type,
  };
}

function saslOf(properties: ReadonlyMap<string, string>): { readonly sasl?: SaslLogin } {
  const file = properties.get('java.security.auth.login.config');
  if (file === undefined || properties.get('zookeeper.sasl.client') === 'false') return {};
  const section = properties.get('zookeeper.sasl.clientconfig') ?? 'Client';
  return { sasl: loginOf(textOf(file, 'java.security.auth.login.config'), section) };
}
