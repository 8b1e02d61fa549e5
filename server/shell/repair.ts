import type { ServerConfig } from '../config/server-config.ts';
import type { Lack } from '../storage/door.ts';
import { StorageError } from '../storage/storage-error.ts';
import { Quorum } from '../zab/quorum.ts';
import type { Host } from './host.ts';

/** A damaged member waits so long for a leader, in times of initLimit, and then ends. */
export const repairInitLimitsMax = 10;

/** What is wrong with the history on this disk, in one sentence. */
export function lackText(lack: Lack): string {
  const place = lack.offset === null ? '' : ` at byte ${lack.offset}`;
  return `${lack.path}${place}: ${lack.what}`;
}

/**
 * A member whose history does not count says so, and follows whoever the others elect. Where they
 * cannot elect anybody without it, now or in time, the process ends: only a person can say what is
 * to be done. One whose disk is only empty waits for ever, as the reference does.
 *
 * @throws StorageError when the others can never be a quorum.
 */
export function awaitRepair(
  config: ServerConfig,
  host: Host,
  lack: Lack,
  isRepaired: () => boolean,
): void {
  const { ensemble, sid, dataDir } = config;
  if (ensemble === null) return;
  const text = lackText(lack);
  host.log('warn', 'this member does not vote until it has the history of a leader', {
    reason: text,
  });
  if (lack.code === 'EMPTY') return;
  const remedy =
    `Restore ${dataDir} from a backup and remove ${dataDir}/version-2/unsynced; or bring back the ` +
    `other members: a quorum of them repairs this one by itself`;
  const quorum = new Quorum(ensemble);
  const others = quorum.voters.map((voter) => (voter === sid ? 0 : 1));
  if (!quorum.reaches(others, 1)) {
    const message = `${text}. The other members are no quorum without this one. ${remedy}.`;
    throw new StorageError(lack.code, lack.path, message);
  }
  host.timer(config.tickMs * config.initLimitTicks * repairInitLimitsMax, () => {
    if (isRepaired()) return;
    host.exit(1, `${text}. No quorum of the other members has led within the time. ${remedy}.`);
  });
}
