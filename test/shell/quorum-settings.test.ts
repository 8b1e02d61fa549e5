// Goal: what a zoo.cfg says of members and observers reaches the agreement and its ports.
// Method: one line at a time, and without it, through the functions that hand the values on.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { LoadedConfig } from '../../server/config/load-config.ts';
import { loadServerConfig } from '../../server/config/load-config.ts';
import {
  electionPortOf,
  learnerOptions,
  observerMasterOf,
} from '../../server/shell/quorum-options.ts';

function loaded(line: string): LoadedConfig {
  const outcome = loadServerConfig({
    text: `dataDir=/data\nclientPort=2181\nobserverMasterPort=2191\n${line}\n`,
    myidText: null,
    dynamicText: null,
    systemProperties: new Map(),
    features: new Set(['observerMaster']),
  });
  return 'problems' in outcome ? assert.fail(JSON.stringify(outcome.problems)) : outcome;
}

type Pick = (loaded: LoadedConfig) => unknown;

const learner =
  (key: keyof ReturnType<typeof learnerOptions>): Pick =>
  ({ settings }) =>
    learnerOptions(settings)[key];

const port =
  (key: keyof ReturnType<typeof electionPortOf>): Pick =>
  ({ config, settings }) =>
    electionPortOf(config, settings)[key];

const rows: readonly (readonly [string, Pick, unknown, unknown])[] = [
  ['connectToLearnerMasterLimit=7', learner('connectLimitTicks'), 7, 0],
  ['leaderConnectDelayDuringRetryMs=7', learner('connectPauseMsMax'), 7, 100],
  ['observer.election.DelayMs=7', learner('observerElectionDelayMs'), 7, 200],
  ['observer.reconnectDelayMs=7', learner('observerReconnectDelayMs'), 7, 0],
  ['leader.maxConcurrentSnapSyncs=7', learner('concurrentSnapSyncsMax'), 7, 10],
  ['leader.maxConcurrentDiffSyncs=7', learner('concurrentDiffSyncsMax'), 7, 100],
  ['forceSnapshotSync=true', learner('forceSnapshotSync'), true, false],
  ['electionPortBindRetry=7', port('bindAttemptsMax'), 7, 3],
  ['quorumCnxnTimeoutMs=7', port('greetingMsMax'), 7, 15_000],
  ['quorumCnxnTimeoutMs=-1', port('greetingMsMax'), 15_000, 15_000],
  ['tcpKeepAlive=true', port('keepAlive'), true, false],
  ['observerMasterPort=7', ({ settings }) => observerMasterOf(settings)?.port, 7, 2191],
  [
    'observerMaster.sizeLimit=7',
    ({ settings }) => observerMasterOf(settings)?.backlogBytesMax,
    7,
    33_554_432,
  ],
];

for (const [line, pick, expected, otherwise] of rows) {
  test(line, () => {
    assert.deepEqual(pick(loaded(line)), expected);
    assert.deepEqual(pick(loaded('')), otherwise, 'without the line');
  });
}
