import type { ServerConfig } from '../config/server-config.ts';
import type { ServerSettings } from '../config/server-settings.ts';
import type { PeerOptions } from '../zab/door.ts';
import type { ElectionPortOptions, ObserverMasterOptions } from './core.ts';

/** Where followers serve observers; `null`: the configuration says nothing of it. */
export function observerMasterOf(
  settings: ServerSettings | undefined,
): ObserverMasterOptions | null {
  const { observerMasterPort: port = null, observerBacklogBytesMax = 0 } = settings?.quorum ?? {};
  return port === null ? null : { port, backlogBytesMax: observerBacklogBytesMax };
}

/** What the settings say of learners and their leader. */
export function learnerOptions(settings: ServerSettings | undefined): Partial<PeerOptions> {
  if (settings === undefined) return {};
  const { quorum } = settings;
  return {
    observerMaster: quorum.observerMasterPort !== null,
    connectLimitTicks: quorum.connectLimitTicks,
    connectPauseMsMax: quorum.connectRetryMs,
    observerElectionDelayMs: quorum.observerElectionDelayMs,
    observerReconnectDelayMs: quorum.observerReconnectDelayMs,
    concurrentSnapSyncsMax: quorum.concurrentSnapSyncsMax,
    concurrentDiffSyncsMax: quorum.concurrentDiffSyncsMax,
    forceSnapshotSync: settings.storage.forceSnapshotSync,
  };
}

/** Unset, a connection has syncLimit to say who it is. */
export function electionPortOf(
  config: Pick<ServerConfig, 'tickMs' | 'syncLimitTicks'>,
  settings: ServerSettings | undefined,
): ElectionPortOptions {
  if (settings === undefined) return { bindAttemptsMax: 1, greetingMsMax: null, keepAlive: false };
  const { electionReadTimeoutMs, electionPortBindRetryCount, electionTcpKeepAlive } =
    settings.quorum;
  const standardMs = config.syncLimitTicks * config.tickMs;
  return {
    bindAttemptsMax: electionPortBindRetryCount,
    greetingMsMax: electionReadTimeoutMs === -1 ? standardMs : electionReadTimeoutMs,
    keepAlive: electionTcpKeepAlive,
  };
}
