import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadServerConfig } from '../../server/config/load-config.ts';
import type { Host } from '../../server/shell/host.ts';
import { startServer } from '../../server/shell/server.ts';
import { StorageError } from '../../server/storage/storage-error.ts';
import type { StorageOptions } from '../../server/storage/storage-options.ts';

// Goal: what a zoo.cfg says of log and snapshots reaches the storage, in its units.
// Method: a server whose storage is looked at and refused before it does anything.

function optionsFor(lines: string): StorageOptions {
  const loaded = loadServerConfig({
    text: `dataDir=/data\nclientPort=2181\n${lines}\n`,
    myidText: null,
    dynamicText: null,
    systemProperties: new Map(),
    features: new Set(['snapshotCompression']),
  });
  if ('problems' in loaded) throw new Error(JSON.stringify(loaded.problems));
  let seen: StorageOptions | null = null;
  const host = { log: () => {}, exit: () => {}, random: () => 0 } as unknown as Host;
  const server = startServer(loaded.config, host, {
    settings: loaded.settings,
    openStorage: (options) => {
      seen = options;
      throw new StorageError('DATA_DIR', '/data', 'looked at');
    },
  });
  assert.equal(server, null);
  return seen ?? assert.fail('the storage was opened');
}

const both = { digest: true, lastZxid: true };

const rows: readonly (readonly [string, (options: StorageOptions) => unknown, unknown, unknown])[] =
  [
    ['dataLogDir=/log', (o) => o.dataLogDir, '/log', '/data'],
    ['snapCount=500', (o) => o.snapCount, 500, 100_000],
    ['snapSizeLimitInKb=8', (o) => o.snapBytesMax, 8192, 4_194_304 * 1024],
    ['snapSizeLimitInKb=-1', (o) => o.snapBytesMax, 0, 4_194_304 * 1024],
    ['txnLogSizeLimitInKb=8', (o) => o.logBytesMax, 8192, 0],
    ['preAllocSize=64', (o) => o.preallocateBytes, 65_536, 65_536 * 1024],
    ['forceSync=no', (o) => o.forceSync, false, true],
    ['fsync.warningthresholdms=20', (o) => o.fsyncWarningMs, 20, 1000],
    ['datadir.autocreate=false', (o) => o.dataDirAutocreate, false, true],
    ['db.autocreate=false', (o) => o.databaseAutocreate, false, true],
    ['snapshot.trust.empty=true', (o) => o.snapshotTrustEmpty, true, false],
    ['snapshotSizeFactor=-1', (o) => o.snapshotSizeFactor, -1, 0.33],
    ['snapshot.compression.method=gz', (o) => o.snapshotCompression, 'gz', 'none'],
    ['snapshot.compression.method=snappy', (o) => o.snapshotCompression, 'snappy', 'none'],
    ['digest.enabled=false', (o) => o.snapshotSections, { ...both, digest: false }, both],
    [
      'serializeLastProcessedZxid.enabled=false',
      (o) => o.snapshotSections,
      { ...both, lastZxid: false },
      both,
    ],
  ];

const standard = optionsFor('');

for (const [line, pick, expected, otherwise] of rows) {
  test(line, () => {
    assert.deepEqual(pick(optionsFor(line)), expected);
    assert.deepEqual(pick(standard), otherwise, 'without the line');
  });
}

test('a log without the nodes that close with a session is not written, and that is said', () => {
  const loaded = loadServerConfig({
    text: 'dataDir=/data\nclientPort=2181\ncloseSessionTxn.enabled=false\n',
    myidText: null,
    dynamicText: null,
    systemProperties: new Map(),
  });
  assert('warnings' in loaded);
  assert.deepEqual(
    loaded.warnings.map(({ line, key }) => [line, key]),
    [[3, 'closeSessionTxn.enabled']],
  );
});
