import { JuteError, JuteReader, JuteWriter } from '../protocol/jute.ts';
import type { Txn } from '../protocol/txn.ts';
import { decodeTxn } from '../protocol/txn-codec.ts';
import type { Zxid } from '../protocol/zxid.ts';
import { zxidHex } from '../protocol/zxid.ts';
import type { LogEntry, RecoveryTarget, SnapshotSink, SnapshotSource } from '../storage/door.ts';
import type { StoredTree, TreeSnapshotSink } from '../tree/door.ts';
import type { Host } from './host.ts';

/** What follows a tree on a quorum connection, as a string. */
const streamSignature = 'BenWasHere';

/** Bytes of the signature with its length. */
const signatureBytes = 4 + streamSignature.length;

/** Feeds what the disk has into a tree, and watches that the digests agree on the way. */
export class TreeRecovery implements RecoveryTarget {
  readonly #tree: StoredTree;
  readonly #host: Host;
  /** What the snapshot file says of the tree once it is replayed up to that zxid. */
  #expected: { readonly zxid: Zxid; readonly digest: bigint } | null = null;

  constructor(tree: StoredTree, host: Host) {
    this.#tree = tree;
    this.#host = host;
  }

  beginSnapshot(): SnapshotSink {
    return this.#tree.beginSnapshot();
  }

  endSnapshot(zxid: Zxid, digest: { readonly zxid: Zxid; readonly digest: bigint } | null): void {
    this.#tree.endSnapshot(zxid);
    this.#expected = digest;
    this.#check();
  }

  reset(): void {
    this.#tree.reset();
    this.#expected = null;
  }

  replay(entry: LogEntry): void {
    this.#tree.apply(decodeTxn(entry.bytes));
    this.#check();
  }

  snapshotSource(): SnapshotSource {
    return this.#tree.snapshotSource();
  }

  #check(): void {
    const expected = this.#expected;
    if (expected === null || this.#tree.lastZxid < expected.zxid) return;
    this.#expected = null;
    if (this.#tree.lastZxid === expected.zxid && this.#tree.digest !== expected.digest) {
      this.#host.log('error', 'the tree read from disk has another digest than its snapshot says', {
        zxid: `0x${zxidHex(expected.zxid)}`,
        expected: expected.digest,
        found: this.#tree.digest,
      });
    }
  }
}

/** The signature behind a streamed tree. */
export function streamEnd(): Buffer {
  const writer = new JuteWriter(signatureBytes);
  writer.string(streamSignature);
  return writer.take();
}

/** Takes the tree that a leader streams behind its SNAP packet, with the signature that ends it. */
export class StreamedTree {
  readonly #sink: TreeSnapshotSink;
  #signature = Buffer.alloc(0);

  constructor(sink: TreeSnapshotSink) {
    this.#sink = sink;
  }

  get isComplete(): boolean {
    return this.#signature.length === signatureBytes;
  }

  /** Bytes taken: fewer than given once it is complete. @throws JuteError */
  push(chunk: Buffer): number {
    if (this.isComplete) return 0;
    const taken = this.#sink.complete ? 0 : this.#sink.push(chunk);
    if (!this.#sink.complete) return taken;
    const missing = signatureBytes - this.#signature.length;
    const rest = chunk.subarray(taken, taken + missing);
    this.#signature = Buffer.concat([this.#signature, rest]);
    if (this.isComplete) this.#verify();
    return taken + rest.length;
  }

  #verify(): void {
    if (new JuteReader(this.#signature).string() !== streamSignature) {
      throw new JuteError('the streamed tree does not end with its signature');
    }
  }
}

/** Whether the tree after a transaction is what its proposer had. */
export function digestAgrees(tree: StoredTree, txn: Txn): boolean {
  return txn.digest === null || txn.digest === tree.digest;
}
