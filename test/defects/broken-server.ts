import { connect } from 'node:net';
import { openStorage } from '../../server/storage/storage.ts';
import { startServer } from '../../server/shell/server.ts';
import { createNodeHost } from '../../server/shell/node-host.ts';
import { simConfig } from '../sim/sim-config.ts';
import { simEnsemble } from '../sim/zab-world.ts';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePorts } from '../support/ports.ts';
import { RawSession } from '../support/raw-session.ts';

// A server that is alone and whose storage throws where nobody expects it, at the first write.

const [port = 0] = await freePorts(1);
const dataDir = mkdtempSync(join(tmpdir(), 'zkensemble-broken-'));
const config = simConfig(0, '127.0.0.1', simEnsemble([1], []), {
  ensemble: null,
  dataDir,
  dataLogDir: dataDir,
  clientAddress: { host: '127.0.0.1', port },
});
const host = createNodeHost({
  addressMapPath: null,
  logLevel: 'error',
  exit: (code) => process.exit(code),
});
let isPlanted = false;
startServer(config, host, {
  openStorage: (options, disk) => {
    const storage = openStorage(options, disk);
    const append = storage.append.bind(storage);
    storage.append = (entry) => {
      append(entry);
      if (!isPlanted) return;
      storage.onDurable = () => {
        throw new Error("planted: the disk's answer is unexpected");
      };
    };
    return storage;
  },
});

const session = await RawSession.open(port, { timeoutMs: 5_000 });
await session.create('/a', {});
process.stdout.write('serving\n');
isPlanted = true;
await session.create('/b', {}).catch(() => undefined);
// Only reached by a process that lives on without a part of it.
connect({ host: '127.0.0.1', port }).on('error', () => undefined);
