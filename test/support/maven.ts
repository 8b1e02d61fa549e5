import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

/** Group, artifact, version. */
export type Artifact = readonly [group: string, artifact: string, version: string];

const local = resolve(import.meta.dirname, '../../.local');

/** Why nothing of Java can be fetched and run here; `null` when it can. */
export function javaMissing(): string | null {
  for (const command of ['java', 'mvn']) {
    try {
      execFileSync(command, ['-version'], { stdio: 'ignore' });
    } catch {
      return `no ${command} on this machine`;
    }
  }
  return null;
}

/**
 * Directory of the jars of these artifacts with all they depend on, fetched from Maven Central on
 * first use and kept in `.local/<name>`.
 *
 * @param isAlone the artifacts and nothing that they depend on.
 */
export function jarsOf(
  name: string,
  artifacts: readonly Artifact[],
  isAlone: boolean = false,
): string {
  const directory = join(local, name);
  const lib = join(directory, 'lib');
  const isThere = existsSync(lib) && readdirSync(lib).length > 0;
  if (!isThere) fetch(directory, lib, pomText(artifacts, isAlone));
  return lib;
}

function fetch(directory: string, lib: string, text: string): void {
  mkdirSync(directory, { recursive: true });
  const pom = join(directory, 'pom.xml');
  const half = join(directory, `lib.${process.pid}`);
  writeFileSync(pom, text);
  const args = ['-q', '-f', pom, 'dependency:copy-dependencies', `-DoutputDirectory=${half}`];
  execFileSync('mvn', args, { stdio: ['ignore', 'ignore', 'inherit'] });
  // Two tests that fetch at once: the second one's jars replace the first one's.
  rmSync(lib, { recursive: true, force: true });
  renameSync(half, lib);
}

function pomText(artifacts: readonly Artifact[], isAlone: boolean): string {
  const all = '<exclusion><groupId>*</groupId><artifactId>*</artifactId></exclusion>';
  const exclusions = isAlone ? `<exclusions>${all}</exclusions>` : '';
  const dependencies = artifacts.map(
    ([group, artifact, version]) =>
      `<dependency><groupId>${group}</groupId><artifactId>${artifact}</artifactId>` +
      `<version>${version}</version>${exclusions}</dependency>`,
  );
  return (
    '<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>' +
    '<groupId>local</groupId><artifactId>reference</artifactId><version>1</version>' +
    `<dependencies>${dependencies.join('')}</dependencies></project>\n`
  );
}
