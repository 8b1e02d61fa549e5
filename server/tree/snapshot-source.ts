import { JuteWriter } from '../protocol/jute.ts';
import { assert } from '../util/assert.ts';
import type { Zxid } from '../protocol/zxid.ts';
import { aclNone } from './acl-cache.ts';
import { nodeNone, type NodeRef, type TreeSnapshotSource } from './door.ts';
import { extra, flag, word } from './node-record.ts';
import { copyBytes, type Cursor } from './node-store.ts';
import { slashByte } from './path-bytes.ts';
import type { TreeState } from './tree-state.ts';

/** Fixed part of a node's record: two lengths, the access list's number, the persisted stat. */
const nodeBytesMin = 4 + 4 + 8 + 60;

/**
 * The body of a snapshot in slices, while writes go on:
 *
 * ```
 * sessions  int32 count, each int64 id, int32 timeoutMs
 * lists     int32 count, each int64 number, vector<Acl>
 * nodes     ustring path, buffer data, int64 list, 60 bytes of stat; parents first, root ""
 * end       ustring "/"
 * ```
 *
 * What was created after the first slice is left out: replay brings it. So a create that is
 * replayed always finds its place empty, and no parent is left with an older counter. A list that
 * was made after the first slice is not in the map; its node names another one, which the replay of
 * that node's setACL puts right.
 *
 * Source: storage, section 5; zab, section 7.
 */
export class SnapshotSource implements TreeSnapshotSource {
  readonly zxid: Zxid;
  readonly #state: TreeState;
  readonly #cursor: Cursor;
  readonly #writer: JuteWriter = new JuteWriter(64 * 1024);
  readonly #aclIds: Set<number> = new Set();
  #aclSubstitute = aclNone;
  #isHeaderPending = true;
  #isOver = false;
  #parent: NodeRef = nodeNone;
  #parentPath: Buffer = Buffer.allocUnsafeSlow(256);
  #parentBytes = 0;

  constructor(state: TreeState) {
    this.zxid = state.lastZxid;
    this.#state = state;
    this.#cursor = state.store.addCursor();
    this.#writeSessions();
    this.#writeAcls();
  }

  next(bytesHint: number): Uint8Array | null {
    if (this.#isOver) return null;
    const writer = this.#writer;
    if (this.#isHeaderPending) this.#isHeaderPending = false;
    else writer.clear();
    // Between two slices anything may have been deleted and its place taken.
    this.#parent = nodeNone;
    const cursor = this.#cursor;
    assert(!cursor.isLost, 'a tree is not emptied while a snapshot of it is taken');
    const { store } = this.#state;
    while (writer.offset < bytesHint && cursor.node !== nodeNone) {
      const node = cursor.node;
      if (store.long(node, word.czxid) > this.zxid) {
        cursor.node = store.nextAfter(node);
      } else {
        this.#writeNode(node);
        cursor.node = store.nextOf(node);
      }
    }
    if (cursor.node === nodeNone) {
      writer.string('/');
      this.cancel();
    }
    return writer.view();
  }

  digest(): { readonly zxid: Zxid; readonly digest: bigint } {
    const zxid = this.#state.lastZxid;
    return { zxid, digest: zxid === 0 ? 0n : this.#state.digest.value };
  }

  cancel(): void {
    this.#isOver = true;
    this.#state.store.dropCursor(this.#cursor);
  }

  #writeSessions(): void {
    const { sessions } = this.#state;
    this.#writer.int32(sessions.size);
    for (const [id, timeoutMs] of sessions) {
      this.#writer.bigint64(id);
      this.#writer.int32(timeoutMs);
    }
  }

  #writeAcls(): void {
    const writer = this.#writer;
    writer.int32(this.#state.acls.size);
    this.#state.acls.forEach((id, acl) => {
      if (this.#aclIds.size === 0) this.#aclSubstitute = id;
      this.#aclIds.add(id);
      writer.int64(id);
      writer.vector(acl, (to, entry) => {
        to.int32(entry.perms);
        to.string(entry.id.scheme);
        to.string(entry.id.id);
      });
    });
  }

  #writeNode(node: NodeRef): void {
    const { store } = this.#state;
    const writer = this.#writer;
    const words = store.words(node);
    const at = store.at(node);
    const nameBytes = words[at + word.name]! & flag.nameBytesMax;
    const data = words[at + word.data]!;
    const dataBytes = Math.max(data, 0);
    const block = store.blockBuffer(node);
    const name = store.blockOffset(node);
    if (node === 0) {
      writer.reserve(nodeBytesMin + dataBytes);
      writer.int32(0);
    } else {
      if (words[at + word.parent] !== this.#parent) this.#loadParent(words[at + word.parent]!);
      const pathBytes = this.#parentBytes + 1 + nameBytes;
      writer.reserve(nodeBytesMin + pathBytes + dataBytes);
      writer.int32(pathBytes);
      copyBytes(this.#parentPath, 0, this.#parentBytes, writer.buffer, writer.offset);
      writer.buffer[writer.offset + this.#parentBytes] = slashByte;
      copyBytes(
        block,
        name,
        name + nameBytes,
        writer.buffer,
        writer.offset + this.#parentBytes + 1,
      );
      writer.offset += pathBytes;
    }
    writer.int32(data);
    const start = name + nameBytes;
    copyBytes(block, start, start + dataBytes, writer.buffer, writer.offset);
    writer.offset += dataBytes;
    writer.int64(this.#aclOf(words[at + word.acl]!));
    for (let index = word.czxid; index < word.aversion; index += 1) {
      writer.int32(words[at + index]!);
    }
    writer.int32(store.more(node, extra.creates));
    writer.int32(words[at + word.aversion]!);
    writer.int32(store.more(node, extra.owner));
    writer.int32(store.more(node, extra.owner + 1));
    const hasExtra = store.hasExtra(node);
    writer.int32(hasExtra ? store.more(node, extra.pzxid) : words[at + word.czxid]!);
    writer.int32(hasExtra ? store.more(node, extra.pzxid + 1) : words[at + word.czxid + 1]!);
  }

  #aclOf(id: number): number {
    return id === aclNone || this.#aclIds.has(id) ? id : this.#aclSubstitute;
  }

  /** The path of the node whose children come next; they nearly always come in a row. */
  #loadParent(parent: NodeRef): void {
    const { store } = this.#state;
    const bytes = store.pathBytes(parent);
    if (bytes > this.#parentPath.length) this.#parentPath = Buffer.allocUnsafeSlow(bytes * 2);
    store.writePath(parent, this.#parentPath, bytes);
    this.#parent = parent;
    this.#parentBytes = bytes;
  }
}
