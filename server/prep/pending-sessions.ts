import type { SessionId } from '../protocol/session-id.ts';
import type { Zxid } from '../protocol/zxid.ts';
import type { TreeReader } from '../tree/door.ts';

interface SessionChange {
  readonly session: SessionId;
  readonly zxid: Zxid;
  readonly open: boolean;
}

/** The sessions of the tree plus those whose opening or closing is proposed, not yet applied. */
export class PendingSessions {
  readonly #tree: TreeReader;
  readonly #newest = new Map<SessionId, SessionChange>();
  #queue: SessionChange[] = [];
  /** Ephemerals that exist and were changed while pending, by owner. No set is empty. */
  readonly #ephemerals = new Map<SessionId, Set<string>>();

  constructor(tree: TreeReader) {
    this.#tree = tree;
  }

  /** Will the session be open? */
  isOpen(session: SessionId): boolean {
    if (this.#newest.size === 0) return this.#tree.sessions.has(session);
    return this.#newest.get(session)?.open ?? this.#tree.sessions.has(session);
  }

  open(session: SessionId, zxid: Zxid): void {
    this.#put({ session, zxid, open: true });
  }

  close(session: SessionId, zxid: Zxid): void {
    this.#put({ session, zxid, open: false });
  }

  /** To be read only. */
  changedEphemerals(session: SessionId): ReadonlySet<string> | undefined {
    return this.#ephemerals.get(session);
  }

  noteEphemeral(session: SessionId, path: string): void {
    const paths = this.#ephemerals.get(session);
    if (paths === undefined) this.#ephemerals.set(session, new Set([path]));
    else paths.add(path);
  }

  forgetEphemeral(session: SessionId, path: string): void {
    const paths = this.#ephemerals.get(session);
    if (paths === undefined) return;
    paths.delete(path);
    if (paths.size === 0) this.#ephemerals.delete(session);
  }

  applied(zxid: Zxid): void {
    let count = 0;
    for (const change of this.#queue) {
      if (change.zxid > zxid) break;
      if (this.#newest.get(change.session) === change) this.#newest.delete(change.session);
      count += 1;
    }
    if (count > 0) this.#queue.splice(0, count);
  }

  reset(): void {
    this.#newest.clear();
    this.#queue = [];
    this.#ephemerals.clear();
  }

  #put(change: SessionChange): void {
    this.#newest.set(change.session, change);
    this.#queue.push(change);
  }
}
