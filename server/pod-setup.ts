import { mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** A pod that cannot become a server: why, and what to do. The exit code is the reference's. */
export class PodSetupError extends Error {
  override readonly name = 'PodSetupError';
  readonly code = 2;
}

export interface PodSetup {
  readonly sid: number;
  readonly zooCfgPath: string;
  /** What the reference takes from the command line only, such as `jute.maxbuffer`. */
  readonly properties: Record<string, string>;
}

const sidMax = 254;

/** As the operator's pods name it. */
const adminPort = '8080';

/**
 * Makes a pod of a StatefulSet into a server: id from its name, `myid` on its volume, and one
 * `zoo.cfg` from the mounted files and the pod's own directories.
 *
 * `POD_NAME` ends with the ordinal; the id is ordinal + 1 + `ZK_MYID_OFFSET`. `ZK_CONFIG_DIR` holds `zoo.cfg`, `servers`,
 * and `system.properties`; `ZK_DATA_DIR` (and `ZK_LOG_DIR`) are the volumes.
 *
 * An empty volume becomes a new database only while `ZK_BOOTSTRAP` is `true`; afterwards the
 * server has to get its state from the others before it may vote.
 *
 * `ZK_ADDRESS_MAP`, where it is set, names a JSON file: `listen` maps a port to `host:port`.
 * @throws PodSetupError for what is missing, and for a volume of another member.
 * Source: configuration, section 1 (`myid`, `initialize`).
 */
export function setUpPod(env: Readonly<Record<string, string | undefined>>): PodSetup {
  const sid = sidOf(required(env, 'POD_NAME'), required(env, 'ZK_MYID_OFFSET'));
  const configDir = required(env, 'ZK_CONFIG_DIR');
  const dataDir = required(env, 'ZK_DATA_DIR');
  const logDir = env['ZK_LOG_DIR'] ?? null;
  mkdirSync(dataDir, { recursive: true });
  claimVolume(dataDir, sid);
  if (env['ZK_BOOTSTRAP'] === 'true' && isBlank(dataDir, logDir)) {
    writeFileSync(join(dataDir, 'initialize'), '');
  }
  const zooCfgPath = join(dataDir, 'zoo.cfg');
  const lines = [
    configFile(configDir, 'zoo.cfg').trimEnd(),
    `dataDir=${escaped(dataDir)}`,
    ...(logDir === null ? [] : [`dataLogDir=${escaped(logDir)}`]),
    ...adminLines(env['ZK_ADDRESS_MAP'] ?? null),
    configFile(configDir, 'servers').trimEnd(),
  ];
  replaceFile(zooCfgPath, `${lines.join('\n')}\n`);
  return { sid, zooCfgPath, properties: propertiesOf(configFile(configDir, 'system.properties')) };
}

function required(env: Readonly<Record<string, string | undefined>>, name: string): string {
  const value = env[name] ?? '';
  if (value === '') throw new PodSetupError(`${name} is not set: the operator's pods have it`);
  return value;
}

function sidOf(podName: string, offset: string): number {
  const ordinal = /-([0-9]+)$/.exec(podName)?.[1];
  if (ordinal === undefined) {
    throw new PodSetupError(`POD_NAME=${podName} does not end with an ordinal, as in zookeeper-0`);
  }
  const sid = Number(ordinal) + 1 + Number(offset);
  if (!Number.isInteger(sid) || sid < 1 || sid > sidMax) {
    throw new PodSetupError(
      `POD_NAME=${podName} and ZK_MYID_OFFSET=${offset} make the id ${sid}, not 1 to ${sidMax}`,
    );
  }
  return sid;
}

/** An id is written once. A volume that carries another one belongs to another member. */
function claimVolume(dataDir: string, sid: number): void {
  const path = join(dataDir, 'myid');
  const present = textOf(path);
  if (present === null || present.trim() === '') return replaceFile(path, `${sid}\n`);
  if (Number(present.trim()) === sid) return;
  throw new PodSetupError(
    `${path} says ${present.trim()}, but this pod is member ${sid}: the volume belongs to ` +
      `another member. Give this pod its own volume, or an empty one to let it copy from the others.`,
  );
}

/** Neither a snapshot nor a log. */
function isBlank(dataDir: string, logDir: string | null): boolean {
  return [dataDir, ...(logDir === null ? [] : [logDir])].every((dir) => {
    try {
      return !readdirSync(join(dir, 'version-2')).some((name) => /^(snapshot|log)\./.test(name));
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return true;
      throw error;
    }
  });
}

/**
 * Where pods share one machine, an address map says which port of it stands for each port of a
 * pod. The admin port is not opened by the transport, which follows the map by itself.
 */
function adminLines(addressMapPath: string | null): string[] {
  const text = addressMapPath === null ? null : textOf(addressMapPath);
  if (text === null) return [];
  const { listen = {} } = JSON.parse(text) as { listen?: Record<string, string> };
  const [, host, port] = /^(.+):([0-9]+)$/.exec(listen[adminPort] ?? '') ?? [];
  if (host === undefined) return [];
  return [`admin.serverAddress=${host}`, `admin.serverPort=${port}`];
}

function configFile(dir: string, name: string): string {
  const text = textOf(join(dir, name));
  if (text === null)
    throw new PodSetupError(`${dir} has no file ${name}: mount the ConfigMap there`);
  return text;
}

function propertiesOf(text: string): Record<string, string> {
  const properties: Record<string, string> = {};
  for (const line of text.split('\n')) {
    const at = line.indexOf('=');
    if (at > 0) properties[line.slice(0, at).trim()] = line.slice(at + 1).trim();
  }
  return properties;
}

/** A backslash begins an escape in a properties file. */
function escaped(path: string): string {
  return path.replaceAll('\\', '\\\\');
}

/** Whole or not at all: a crash leaves the old file. */
function replaceFile(path: string, text: string): void {
  const temporary = `${path}.tmp`;
  writeFileSync(temporary, text);
  renameSync(temporary, path);
}

function textOf(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return null;
    throw error;
  }
}

function codeOf(error: unknown): unknown {
  return typeof error === 'object' && error !== null && 'code' in error ? error.code : null;
}
