import {
  backupPath,
  dynamicPath,
  dynamicText,
  hasMembers,
  movedStaticText,
  nextPath,
  nextText,
} from '../config/dynamic-file.ts';
import type { Ensemble } from '../config/ensemble.ts';
import type { Disk } from '../storage/disk.ts';

/** Where the members are kept for the next start. Everything is durable on return. */
export interface MemberFiles {
  /** Members that are proposed; `null`: none any more. */
  storeNext(ensemble: Ensemble | null): void;
  /** Members that are active. */
  activate(ensemble: Ensemble): void;
}

/**
 * The files beside a zoo.cfg, as the reference keeps them: `.dynamic.<version>` with the active
 * members and the static file pointing to it, `.dynamic.next` with proposed ones, and once a
 * `.bak` of the static file that still had the members in it.
 *
 * Source: storage, section 2.3.
 *
 * @throws as the disk does, when the static file cannot be read.
 */
export function openMemberFiles(disk: Disk, staticPath: string, sid: number): MemberFiles {
  const readStatic = (): string => disk.readAll(staticPath).toString('utf8');
  const text = readStatic();
  if (hasMembers(text)) disk.replaceAtomically(backupPath(staticPath), Buffer.from(text));
  const next = nextPath(staticPath);
  const removeNext = (): void => {
    if (disk.exists(next)) disk.remove(next);
  };
  return {
    storeNext(ensemble) {
      if (ensemble === null) removeNext();
      else disk.replaceAtomically(next, Buffer.from(nextText(ensemble)));
    },
    activate(ensemble) {
      const dynamic = dynamicPath(staticPath, ensemble.version);
      disk.replaceAtomically(dynamic, Buffer.from(dynamicText(ensemble)));
      const moved = movedStaticText(readStatic(), dynamic, ensemble, sid);
      disk.replaceAtomically(staticPath, Buffer.from(moved));
    },
  };
}
