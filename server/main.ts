import { readFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { openAdminPort } from './admin-port.ts';
import type { AdminAddress, AdminPort } from './admin-port.ts';
import type { ServerView } from './admin/server-view.ts';
import { openAuditLog } from './audit-log.ts';
import type { AuditLog } from './audit-log.ts';
import { nextPath } from './config/dynamic-file.ts';
import type { Feature } from './config/features.ts';
import {
  otherOptionsOf,
  splitOptions,
  systemPropertiesOf,
  textOfArguments,
} from './config/jvm-flags.ts';
import { loadServerConfig, pathsOf, problemText } from './config/load-config.ts';
import type { LoadedConfig } from './config/load-config.ts';
import type { Host, LogLevel } from './shell/host.ts';
import type { ServerConfig } from './config/server-config.ts';
import type { ServerSettings } from './config/server-settings.ts';
import { openMemberFiles } from './shell/member-files.ts';
import type { MemberFiles } from './shell/member-files.ts';
import { allowFieldsOf } from './protocol/jute.ts';
import { SecurityError } from './security-error.ts';
import { openSecurity } from './security.ts';
import { auditProcess } from './shell/audit.ts';
import type { AuditSink } from './shell/audit.ts';
import { createNodeHost } from './shell/node-host.ts';
import { startServer } from './shell/server.ts';
import { letYoungGenerationGrow } from './young-generation.ts';

/** The configuration is refused: what is wrong was printed. */
const exitConfig = 2;

/** A server that is alone cannot have its admin port; in an ensemble the others need it more. */
const exitAdminPort = 4;

/** Scripts of the reference's users look for it. */
const invalidConfig = 'Invalid config, exiting abnormally';

/** Log writes, snapshots and look-ups share libuv's threads; a log write must not wait for a snapshot. */
const threadPoolSize = '8';

/** What this build can do beyond the basics. */
const features: ReadonlySet<Feature> = new Set<Feature>([
  'observerMaster',
  'audit',
  'quorumTls',
  'quorumSasl',
  'clientTls',
  'clientSasl',
  'enforceAuth',
  'localSessions',
  'readOnlyMode',
  'snapshotCompression',
]);

const usage = `usage: node server/main.ts [-Dname=value …] zoo.cfg
       node server/main.ts [-Dname=value …] clientPort dataDir [tickTime [maxClientCnxns]]`;

/**
 * Runs the server that a zoo.cfg describes, until a signal ends it; SIGUSR2 makes a leader hand
 * over. `properties` are system properties by their full names, e.g. `zookeeper.snapCount`.
 */
export async function runServer(
  zooCfgPath: string,
  properties: Readonly<Record<string, string>>,
  text: string | null = textOrNull(resolve(zooCfgPath)),
): Promise<void> {
  process.env['UV_THREADPOOL_SIZE'] ??= threadPoolSize;
  const { config, settings } = loadFiles(zooCfgPath, properties, text);
  allowFieldsOf(config.fieldBytesMax ?? config.frameBytesMax);
  const addressMapPath = process.env['ZK_ADDRESS_MAP'] ?? null;
  const host = createNodeHost({
    addressMapPath,
    logLevel: (process.env['ZK_LOG_LEVEL'] ?? 'info') as LogLevel,
    exit: (code) => process.exit(code),
  });
  const { adminTls, ...security } = await openSecurity(
    config,
    settings,
    host,
    addressMapPath,
  ).catch(orRefuse);
  const adminAddress = adminAddressOf(config, settings);
  const memberFiles = memberFilesOf(config, host, resolve(zooCfgPath));
  const audit = settings.requests.isAudited ? auditLogOf(host) : null;
  const server = startServer(config, host, {
    settings,
    ...security,
    ...(memberFiles === null ? {} : { memberFiles }),
    ...(audit === null ? {} : { audit }),
  });
  if (server === null) return;
  if (audit !== null) auditProcess(audit, 'serverStart');
  letYoungGenerationGrow();
  const admin = config.admin.enabled
    ? await openAdminPort(server.view, adminAddress, host, adminTls).catch((error: Error) => {
        const reason = `the admin port: ${error.message}: change admin.serverPort`;
        if (config.ensemble === null) host.exit(exitAdminPort, reason);
        else host.log('error', 'goes on without its admin port', { reason });
        return null;
      })
    : null;
  const metrics = await openMetricsPort(server.view, settings, host);
  const stop = (signal: NodeJS.Signals): void => {
    host.log('info', `${signal} received`, {});
    // A second signal does not wait.
    process.once('SIGTERM', () => process.exit(1));
    process.once('SIGINT', () => process.exit(1));
    admin?.close();
    metrics?.close();
    if (audit !== null) auditProcess(audit, 'serverStop');
    const end = (): void => process.exit(0);
    server.stop(() => (audit === null ? end() : audit.close(end)));
  };
  process.once('SIGTERM', stop);
  process.once('SIGINT', stop);
  process.on('SIGUSR2', () => server.handOver());
}

const ownPaths: ReadonlySet<string> = new Set(['/livez', '/readyz', '/metrics', '/state']);

function adminAddressOf({ admin }: ServerConfig, settings: ServerSettings): AdminAddress {
  const { commandUrl, idleTimeoutMs } = settings.admin;
  if (!/^(?:\/[\w.~-]+)+$/.test(commandUrl) || ownPaths.has(commandUrl)) {
    const remedy = `It is a path of its own, e.g. /commands; not one of ${[...ownPaths].join(', ')}.`;
    return refuse([`admin.commandURL=${commandUrl}: ${remedy}`]);
  }
  return { host: admin.host, port: admin.port, commandPath: commandUrl, idleTimeoutMs };
}

/** The port of the reference's Prometheus provider. A server without it goes on. */
async function openMetricsPort(
  view: ServerView,
  { metrics }: ServerSettings,
  host: Host,
): Promise<AdminPort | null> {
  if (!metrics.isPrometheus) return null;
  const address: AdminAddress = { host: metrics.host, port: metrics.port, isMetricsAlone: true };
  return openAdminPort(view, address, host).catch((error: Error) => {
    const reason = `${error.message}: change metricsProvider.httpPort`;
    host.log('error', 'goes on without its metrics port', { reason });
    return null;
  });
}

/** Beside the server's other logs where they have a directory, as the reference's logger does it. */
function auditLogOf(host: Host): AuditLog & AuditSink {
  const log = openAuditLog(host, { directory: process.env['ZOO_LOG_DIR'] ?? null });
  return {
    user: userName(),
    write: (line) => log.write(line),
    close: (done) => log.close(done),
  };
}

/** A container's user may have no name. */
function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return String(process.getuid?.() ?? '');
  }
}

function orRefuse(error: unknown): never {
  if (!(error instanceof SecurityError)) throw error;
  return refuse([error.message]);
}

/** `null`: members do not change, or their files cannot be written, which costs only a restart's memory. */
function memberFilesOf(config: ServerConfig, host: Host, path: string): MemberFiles | null {
  if (!config.reconfigEnabled || config.ensemble === null) return null;
  try {
    return openMemberFiles(host.disk, path, config.sid);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    host.log('error', 'changed members cannot be written beside the configuration', { reason });
    return null;
  }
}

/** `-Dname=value` in front of or behind other arguments, as a Java command line has them. */
export function splitProperties(args: readonly string[]): {
  readonly properties: Readonly<Record<string, string>>;
  readonly rest: string[];
} {
  return {
    properties: Object.fromEntries(systemPropertiesOf(args)),
    rest: args.filter((arg) => !arg.startsWith('-D')),
  };
}

/**
 * The configuration of a zoo.cfg and the files it names. Everything that is wrong with it is
 * printed, then the process ends.
 */
export function loadFiles(
  zooCfgPath: string,
  properties: Readonly<Record<string, string>>,
  text: string | null = textOrNull(resolve(zooCfgPath)),
): LoadedConfig {
  const path = resolve(zooCfgPath);
  if (text === null) return refuse([`${path} cannot be read. Name the zoo.cfg of this server.`]);
  const { dataDir, dynamicConfigFile } = pathsOf(text);
  const loaded = loadServerConfig({
    text,
    myidText: dataDir === null ? null : textOrNull(join(dataDir, 'myid')),
    dynamicText: dynamicConfigFile === null ? null : textOrNull(dynamicConfigFile),
    nextText: textOrNull(nextPath(path)),
    features,
    systemProperties: new Map([...flagsOfEnvironment(), ...Object.entries(properties)]),
  });
  if ('problems' in loaded) {
    const lines = loaded.problems.map((problem) => problemText(path, problem));
    return refuse([...lines, invalidConfig]);
  }
  for (const warning of loaded.warnings) {
    process.stderr.write(`warning: ${problemText(path, warning)}\n`);
  }
  return loaded;
}

/** As the reference's start script takes them: `-Dname=value` in two variables. */
function flagsOfEnvironment(): Map<string, string> {
  const properties = new Map<string, string>();
  for (const name of ['SERVER_JVMFLAGS', 'JVMFLAGS']) {
    const options = splitOptions(process.env[name] ?? '');
    const others = otherOptionsOf(options);
    if (others.length > 0) {
      const remedy = 'No Java machine runs here, so it does nothing. It may stay.';
      process.stderr.write(`warning: ${name}: ${others.join(' ')}: ${remedy}\n`);
    }
    for (const [key, value] of systemPropertiesOf(options)) properties.set(key, value);
  }
  return properties;
}

function refuse(lines: readonly string[]): never {
  for (const line of lines) process.stderr.write(`${line}\n`);
  process.exit(exitConfig);
}

function textOrNull(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return null;
  }
}

async function main(): Promise<void> {
  const { properties, rest } = splitProperties(process.argv.slice(2));
  const [path] = rest;
  if (path !== undefined && rest.length === 1) return runServer(path, properties);
  const text = textOfArguments(rest);
  if (text === null) return refuse([usage]);
  await runServer('arguments', properties, text);
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) await main();
