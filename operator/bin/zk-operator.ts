import { readFileSync } from 'node:fs';
import { startOperator } from '../main.ts';
import type { Log, LogLevel, OperatorOptions } from '../main.ts';

const usage = `usage: node operator/bin/zk-operator.ts

Everything is said by the environment:
  WATCH_NAMESPACES  namespaces to look after, with commas; all where empty
  LEASE_ENABLED     false: act without a lease; for one operator alone (default true)
  LEASE_NAMESPACE   where the lease lives (default: the operator's own namespace)
  SERVER_IMAGE      image of members that name none (default zkensemble:<version>)
  SERVER_VERSION    release that this image holds (default: the operator's own)
  HTTP_PORT         health and metrics (default 8080)
  LOG_LEVEL         debug, info, warn or error (default info)
  KUBECONFIG        the cluster; the pod's service account where unset
`;

const levels: readonly LogLevel[] = ['debug', 'info', 'warn', 'error'];

function logAbove(least: LogLevel): Log {
  return (level, message, values) => {
    if (levels.indexOf(level) < levels.indexOf(least)) return;
    const line = { time: new Date().toISOString(), level, message, ...values };
    process.stdout.write(`${JSON.stringify(line)}\n`);
  };
}

/** @throws RangeError for a value that is none of those allowed. */
function optionsOf(env: NodeJS.ProcessEnv): OperatorOptions {
  const level = (env['LOG_LEVEL'] ?? 'info') as LogLevel;
  if (!levels.includes(level)) throw new RangeError(`LOG_LEVEL=${level}: use ${levels.join(', ')}`);
  const port = Number(env['HTTP_PORT'] ?? 8080);
  if (!Number.isInteger(port) || port < 0 || port > 65_535) {
    throw new RangeError(`HTTP_PORT=${env['HTTP_PORT']}: use a port from 0 to 65535`);
  }
  const namespaces = (env['WATCH_NAMESPACES'] ?? '')
    .split(',')
    .map((each) => each.trim())
    .filter((each) => each !== '');
  const { SERVER_IMAGE: image, SERVER_VERSION: version } = env;
  return {
    namespaces,
    leaseEnabled: env['LEASE_ENABLED'] !== 'false',
    leaseNamespace: env['LEASE_NAMESPACE'] ?? ownNamespace(env) ?? namespaces[0] ?? 'default',
    ...(image === undefined || image === '' ? {} : { serverImage: image }),
    ...(version === undefined || version === '' ? {} : { serverVersion: version }),
    http: { host: '::', port },
    log: logAbove(level),
  };
}

function ownNamespace(env: NodeJS.ProcessEnv): string | undefined {
  if (env['POD_NAMESPACE'] !== undefined) return env['POD_NAMESPACE'];
  try {
    return readFileSync('/var/run/secrets/kubernetes.io/serviceaccount/namespace', 'utf8').trim();
  } catch {
    return undefined;
  }
}

async function main(): Promise<void> {
  if (process.argv.length > 2) {
    process.stderr.write(usage);
    process.exitCode = process.argv[2] === '--help' ? 0 : 2;
    return;
  }
  const options = optionsOf(process.env);
  const operator = await startOperator(options);
  options.log?.('info', 'the operator runs', { httpPort: operator.httpPort });
  let stopping = false;
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      if (stopping) process.exit(1);
      stopping = true;
      options.log?.('info', 'stops', { signal });
      void operator.stop().then(() => process.exit(0));
    });
  }
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(1);
});
