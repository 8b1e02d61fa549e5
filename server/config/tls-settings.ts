import type { ConfigValues } from './config-values.ts';

export interface KeyStore {
  readonly location: string;
  readonly password: string | null;
  /** File with the password; wins over {@link password}. */
  readonly passwordPath: string | null;
  readonly type: 'PEM' | 'PKCS12' | 'JKS' | 'BCFKS';
}

/** One family of TLS properties. Source: configuration, section 6. */
export interface TlsSettings {
  /** Own key and certificate. */
  readonly keyStore: KeyStore | null;
  readonly trustStore: KeyStore | null;
  readonly protocol: string;
  readonly enabledProtocols: readonly string[];
  /** Java's names; empty: whatever the runtime has. */
  readonly cipherSuites: readonly string[];
  readonly clientAuth: 'none' | 'want' | 'need';
  readonly hostnameVerification: boolean;
  readonly clientHostnameVerification: boolean;
  readonly crl: boolean;
  readonly ocsp: boolean;
  readonly handshakeDetectionTimeoutMs: number;
}

/** @param family `ssl` for the client port, `ssl.quorum` between servers. */
export function tlsSettings(values: ConfigValues, family: 'ssl' | 'ssl.quorum'): TlsSettings {
  const list = (key: string, standard: readonly string[]): readonly string[] =>
    values
      .text(key, 'property')
      ?.split(',')
      .map((part) => part.trim()) ?? standard;
  return {
    keyStore: keyStore(values, `${family}.keyStore`),
    trustStore: keyStore(values, `${family}.trustStore`),
    protocol: values.text(`${family}.protocol`, 'property') ?? 'TLSv1.3',
    enabledProtocols: list(`${family}.enabledProtocols`, ['TLSv1.3', 'TLSv1.2']),
    cipherSuites: list(`${family}.ciphersuites`, []),
    clientAuth: values.oneOf(`${family}.clientAuth`, 'property', 'need', ['none', 'want', 'need']),
    hostnameVerification: values.flag(`${family}.hostnameVerification`, 'property', true),
    clientHostnameVerification: values.flag(
      `${family}.clientHostnameVerification`,
      'property',
      family === 'ssl.quorum',
    ),
    crl: values.flag(`${family}.crl`, 'property', false),
    ocsp: values.flag(`${family}.ocsp`, 'property', false),
    handshakeDetectionTimeoutMs: values.integer(
      `${family}.handshakeDetectionTimeoutMillis`,
      'property',
      5000,
    ),
  };
}

const typeOfEnding: readonly (readonly [RegExp, KeyStore['type']])[] = [
  [/\.pem$/i, 'PEM'],
  [/\.(p12|pfx)$/i, 'PKCS12'],
  [/\.jks$/i, 'JKS'],
  [/\.bcfks$/i, 'BCFKS'],
];

function keyStore(values: ConfigValues, prefix: string): KeyStore | null {
  const location = values.find(`${prefix}.location`, 'property');
  if (location === null) return null;
  const byName = typeOfEnding.find(([ending]) => ending.test(location.value))?.[1];
  const types = ['', 'PEM', 'PKCS12', 'JKS', 'BCFKS'] as const;
  const type = values.oneOf(`${prefix}.type`, 'property', '', types) || byName;
  if (type === undefined) {
    const remedy = `The name must end in .pem, .p12, .pfx, .jks or .bcfks, or ${prefix}.type must say what it is.`;
    values.refuse(`${prefix}.location`, location, remedy);
  }
  return {
    location: location.value,
    password: values.text(`${prefix}.password`, 'property'),
    passwordPath: values.text(`${prefix}.passwordPath`, 'property'),
    type: type ?? 'PEM',
  };
}
