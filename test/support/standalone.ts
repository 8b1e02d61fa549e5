import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ServerView } from '../../server/admin/server-view.ts';
import { loadServerConfig } from '../../server/config/load-config.ts';
import type { ServerConfig } from '../../server/config/server-config.ts';
import { allowFieldsOf } from '../../server/protocol/jute.ts';
import type { Host } from '../../server/shell/host.ts';
import { createNodeHost } from '../../server/shell/node-host.ts';
import { startServer } from '../../server/shell/server.ts';
import { freePorts } from './ports.ts';
import { until } from './real-ensemble.ts';

/** A server that is alone, in this process, on a real disk and a real port; gone when disposed of. */
export interface Standalone extends AsyncDisposable {
  readonly port: number;
  readonly config: ServerConfig;
  readonly host: Host;
  readonly dataDir: string;
  readonly view: ServerView;
}

/**
 * `lines` are more lines of zoo.cfg, `properties` those of a command line. With a `dataDir` it goes
 * on with what another left there, which disposes of it.
 */
export async function startStandalone(
  lines: readonly string[],
  properties: Readonly<Record<string, string>> = {},
  given: string | null = null,
): Promise<Standalone> {
  const dataDir = given ?? mkdtempSync(join(tmpdir(), 'zkensemble-alone-'));
  const [port = 0] = await freePorts(1);
  const text = [`dataDir=${dataDir}`, `clientPort=${port}`, ...lines].join('\n');
  const loaded = loadServerConfig({
    text,
    myidText: null,
    dynamicText: null,
    systemProperties: new Map(Object.entries(properties)),
  });
  if ('problems' in loaded) throw new Error(JSON.stringify(loaded.problems));
  const { config, settings } = loaded;
  allowFieldsOf(config.fieldBytesMax ?? config.frameBytesMax);
  let failure: string | null = null;
  const host = createNodeHost({
    addressMapPath: null,
    logLevel: 'error',
    exit: (code) => (failure = `the server ended with ${code}`),
  });
  const server = startServer(config, host, { settings });
  await until('the server to listen', 10_000, () => {
    if (failure !== null || server === null) throw new Error(failure ?? 'no server');
    return server.clientPort !== null;
  });
  if (server === null) throw new Error('no server');
  return {
    port,
    config,
    host,
    dataDir,
    view: server.view,
    async [Symbol.asyncDispose]() {
      await new Promise<void>((done) => server.stop(done));
      if (given === null) rmSync(dataDir, { recursive: true, force: true });
    },
  };
}
