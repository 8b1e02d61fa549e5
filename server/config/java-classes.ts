import type { ConfigValues } from './config-values.ts';
import type { RawEntry } from './zoo-cfg.ts';

/** Providers of the reference that have their counterpart here. */
const ourProviders = ['SASL', 'X509', 'Digest', 'IP'];

/**
 * Java classes cannot be loaded. Those of the reference are known by name; one that would turn
 * clients away is refused, any other named.
 *
 * Source: configuration, sections 2 and 5: metricsProvider, authProvider, serverCnxnFactory.
 */
export function checkClasses(
  values: ConfigValues,
  entries: readonly RawEntry[],
  properties: ReadonlyMap<string, string>,
): void {
  const given = [...properties].map(([key, value]) => ({ key, value, line: 0 }));
  for (const found of [...given, ...entries]) {
    const key = found.line === 0 ? found.key.replace(/^zookeeper\./, '') : found.key;
    if (key.startsWith('authProvider.')) checkProvider(values, found);
    if (key === 'serverCnxnFactory') checkFactory(values, found);
    if (key === 'metricsProvider.className') checkMetrics(values, found);
  }
}

function checkProvider(values: ConfigValues, found: RawEntry): void {
  const name = /(?:^|\.)(\w+)AuthenticationProvider$/.exec(found.value)?.[1] ?? '';
  if (ourProviders.includes(name) && isReference(found.value)) return;
  if (name === 'Ensemble' && isReference(found.value)) {
    const remedy =
      'This server does not ask clients which ensemble they mean; those that mean another would be served. Remove the line.';
    return values.refuse(found.key, found, remedy);
  }
  const remedy = 'Java classes are not loaded: nobody can prove anything by its scheme.';
  values.warn(found.key, found, remedy);
}

function checkFactory(values: ConfigValues, found: RawEntry): void {
  if (/^(org\.apache\.zookeeper\.server\.)?(NIO|Netty)ServerCnxnFactory$/.test(found.value)) return;
  const remedy = 'Java classes are not loaded: clients are served as they always are.';
  values.warn(found.key, found, remedy);
}

function checkMetrics(values: ConfigValues, found: RawEntry): void {
  const ours =
    /^org\.apache\.zookeeper\.metrics\.(impl\.Default|impl\.Null|prometheus\.Prometheus)Metrics/;
  if (ours.test(found.value)) return;
  values.warn(found.key, found, 'Java classes are not loaded: metrics are on the admin port.');
}

function isReference(name: string): boolean {
  return name.startsWith('org.apache.zookeeper.server.');
}
