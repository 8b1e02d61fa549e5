import type { ServerSettings } from '../config/server-settings.ts';
import type { PeerOptions } from '../zab/door.ts';
import type { ObserverMasterOptions } from './core.ts';

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
