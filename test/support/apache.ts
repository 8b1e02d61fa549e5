import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

/** The reference that everything here is held against. */
export const apacheVersion = '3.9.5';

const directory = resolve(import.meta.dirname, '../../.local', `apache-${apacheVersion}`);

/** What a server and its shell need; logging stays silent without a binding. */
const artifacts: readonly (readonly [string, string, string])[] = [
  ['org.apache.zookeeper', 'zookeeper', apacheVersion],
  ['io.dropwizard.metrics', 'metrics-core', '4.1.12.1'],
  ['org.xerial.snappy', 'snappy-java', '1.1.10.5'],
  ['commons-cli', 'commons-cli', '1.5.0'],
];

/** Why Apache ZooKeeper cannot be run here; `null` when it can. */
export function apacheMissing(): string | null {
  for (const command of ['java', 'mvn']) {
    try {
      execFileSync(command, ['-version'], { stdio: 'ignore' });
    } catch {
      return `no ${command} on this machine`;
    }
  }
  return null;
}

/** Class path of Apache ZooKeeper, fetched from Maven Central on first use. */
export function apacheClasspath(): string {
  const lib = join(directory, 'lib');
  if (!existsSync(lib) || readdirSync(lib).length === 0) fetchArtifacts(lib);
  return `${lib}/*`;
}

function fetchArtifacts(lib: string): void {
  mkdirSync(directory, { recursive: true });
  const pom = join(directory, 'pom.xml');
  writeFileSync(pom, pomText());
  execFileSync(
    'mvn',
    ['-q', '-f', pom, 'dependency:copy-dependencies', `-DoutputDirectory=${lib}`],
    {
      stdio: ['ignore', 'ignore', 'inherit'],
    },
  );
}

function pomText(): string {
  const dependencies = artifacts.map(
    ([group, artifact, version]) =>
      `<dependency><groupId>${group}</groupId><artifactId>${artifact}</artifactId>` +
      `<version>${version}</version></dependency>`,
  );
  return (
    '<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>' +
    '<groupId>local</groupId><artifactId>reference</artifactId><version>1</version>' +
    `<dependencies>${dependencies.join('')}</dependencies></project>\n`
  );
}
