import type { Zxid } from '../protocol/zxid.ts';
import { messageOf, StorageError } from '../storage/storage-error.ts';
import type { StoredTree, TreeSnapshotSource } from '../tree/door.ts';
import { createTree } from '../tree/data-tree.ts';
import type { QuorumLink } from '../net/quorum-link.ts';
import { AssertionFailure } from '../util/assert.ts';
import type { Core } from './core.ts';
import { lackText } from './repair.ts';
import { StreamedTree, TreeRecovery, streamEnd } from './history.ts';

/** How much of a tree is put on a link at a time. */
const streamSliceBytes = 256 * 1024;

const hourMs = 3_600_000;

interface Stream {
  readonly link: QuorumLink;
  readonly source: TreeSnapshotSource;
}

/** Trees on their way: to the disk, to learners, from a leader. */
export class Snapshots {
  readonly #core: Core;
  readonly #onProgress: (link: QuorumLink) => void;
  #isWriting = false;
  /** At start, then by the interval. */
  #nextPurgeMs = 0;
  /** The agreement counts the received tree as this server's history: no way back. */
  #isInstalling = false;
  /** Waits until the snapshot that is being written is done. */
  #next: (() => void) | null = null;
  #streams: Stream[] = [];
  /** The tree before a leader's own replaced it; until that one is on disk. */
  #before: StoredTree | null = null;

  /** `onProgress`: bytes of a tree went through that link. */
  constructor(core: Core, onProgress: (link: QuorumLink) => void) {
    this.#core = core;
    this.#onProgress = onProgress;
  }

  /** An empty tree with the options of this server. */
  freshTree(): StoredTree {
    const { config, host } = this.#core;
    return createTree({
      extendedTypesEnabled: config.extendedTypesEnabled,
      hashSeed: Math.floor(host.random() * 2 ** 31),
    });
  }

  /**
   * The tree as the disk has it: after the log was cut behind what was applied. A disk that cannot
   * be read ends the process as it would at the start.
   */
  reload(): void {
    const core = this.#core;
    const tree = this.freshTree();
    try {
      const { lack } = core.storage.recover(new TreeRecovery(tree, core.host), 0);
      if (lack !== null) return core.host.exit(1, `${lackText(lack)}. The next start repairs it.`);
    } catch (error) {
      if (!(error instanceof StorageError)) throw error;
      return core.host.exit(error.exitCode, error.message);
    }
    core.tree = tree;
  }

  /** After a turn: a snapshot is taken when enough was logged since the last. */
  writeIfDue(): void {
    const core = this.#core;
    if (this.#isWriting || this.#before !== null || !core.storage.wantsSnapshot()) return;
    const source = core.tree.snapshotSource();
    this.#write(source, false, () => undefined);
  }

  /** Old snapshots and logs go away by the interval of the configuration; 0: never. */
  purgeIfDue(): void {
    const { config, storage, host, nowMs } = this.#core;
    if (config.purgeIntervalHours <= 0 || nowMs < this.#nextPurgeMs) return;
    this.#nextPurgeMs = nowMs + config.purgeIntervalHours * hourMs;
    try {
      const removed = storage.purge(config.purgeRetainCount);
      if (removed.length > 0) host.log('info', 'old files removed', { files: removed.join(' ') });
    } catch (error) {
      // What stays too long costs room alone; the next time is by the interval.
      if (error instanceof AssertionFailure) throw error;
      host.log('warn', 'old files cannot be removed', { reason: messageOf(error) });
    }
  }

  /** The tree that came from the leader becomes this server's history. */
  install(done: () => void): void {
    this.#isInstalling = true;
    const start = (): void => {
      const source = this.#core.tree.snapshotSource();
      this.#write(source, true, () => {
        this.#before = null;
        this.#isInstalling = false;
        done();
      });
    };
    if (this.#isWriting) this.#next = start;
    else start();
  }

  /** Leader: puts the tree on a link; packets sent meanwhile follow behind it. */
  stream(link: QuorumLink): void {
    link.hold();
    this.#streams.push({ link, source: this.#core.tree.snapshotSource() });
    this.#core.wake();
  }

  /** Before the turn ends: the next slice for each link whose socket takes it. */
  continueStreams(): void {
    if (this.#streams.length === 0) return;
    this.#streams = this.#streams.filter((stream) => this.#continue(stream));
  }

  /** Learner: the bytes that follow are the leader's tree. The old one stays until it is whole. */
  receive(link: QuorumLink, zxid: Zxid, received: () => void): void {
    const core = this.#core;
    const tree = this.freshTree();
    const streamed = new StreamedTree(tree.beginSnapshot());
    let isTaken = false;
    link.receiveStream((chunk) => {
      const taken = streamed.push(chunk);
      this.#onProgress(link);
      if (streamed.isComplete && !isTaken) {
        isTaken = true;
        tree.endSnapshot(zxid);
        this.#before ??= core.tree;
        core.tree = tree;
        received();
      }
      return taken;
    });
  }

  /** The leader was lost before its tree was on disk here: what the disk has counts again. */
  forgetReceived(): void {
    if (this.#before === null || this.#isInstalling) return;
    this.#core.tree = this.#before;
    this.#before = null;
  }

  #continue(stream: Stream): boolean {
    const { link, source } = stream;
    if (link.isClosed) {
      source.cancel();
      return false;
    }
    if (link.isBlocked) return true;
    const bytes = source.next(streamSliceBytes);
    if (bytes === null) {
      link.stream(streamEnd());
      link.release();
      return false;
    }
    link.stream(bytes);
    this.#onProgress(link);
    this.#core.wake();
    return true;
  }

  #write(source: TreeSnapshotSource, replaceHistory: boolean, done: () => void): void {
    this.#isWriting = true;
    this.#core.storage.writeSnapshot(source, { replaceHistory }, () => {
      this.#isWriting = false;
      done();
      const next = this.#next;
      this.#next = null;
      next?.();
    });
  }
}
