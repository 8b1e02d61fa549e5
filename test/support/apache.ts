import { jarsOf, javaMissing } from './maven.ts';
import type { Artifact } from './maven.ts';

/** The reference that everything here is held against. */
export const apacheVersion = '3.9.5';

/** What a server and its shell need; logging stays silent without a binding. */
const artifacts: readonly Artifact[] = [
  ['org.apache.zookeeper', 'zookeeper', apacheVersion],
  ['io.dropwizard.metrics', 'metrics-core', '4.1.12.1'],
  ['org.xerial.snappy', 'snappy-java', '1.1.10.5'],
  ['commons-cli', 'commons-cli', '1.5.0'],
];

/** Why Apache ZooKeeper cannot be run here; `null` when it can. */
export const apacheMissing: () => string | null = javaMissing;

/** Class path of Apache ZooKeeper, fetched from Maven Central on first use. */
export function apacheClasspath(): string {
  return `${jarsOf(`apache-${apacheVersion}`, artifacts)}/*`;
}
