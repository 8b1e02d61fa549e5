import type { Acl } from '../protocol/acl.ts';
import type { ErrorCode } from '../protocol/error-code.ts';
import type { EventType } from '../protocol/event-type.ts';
import type { JuteWriter } from '../protocol/jute.ts';
import type { SessionId } from '../protocol/session-id.ts';
import type { Stat } from '../protocol/stat.ts';
import type { Txn } from '../protocol/txn.ts';
import type { Zxid } from '../protocol/zxid.ts';

/** A node's place in the slabs: valid until the node is deleted, i.e. within one turn. */
export type NodeRef = number;

/** No such node. */
export const nodeNone: NodeRef = -1;

/** Reading the replicated state. Nothing here allocates per node unless its result says so. */
export interface TreeReader {
  /** Last applied transaction. */
  readonly lastZxid: Zxid;
  /** As the reference counts: the root twice, so a fresh tree has 5. */
  readonly nodeCount: number;
  readonly ephemeralCount: number;
  /** Bytes of paths and data, as `approximate_data_size`. */
  readonly approximateDataBytes: number;
  /** Sum of all node digests modulo 2^64, signed. */
  readonly digest: bigint;

  /** `""` is an alias of `/`. */
  find(path: string): NodeRef;
  /** The same from UTF-8 bytes, without making a string. */
  findBytes(bytes: Buffer, start: number, end: number): NodeRef;

  /** A view into the slab: valid until the next apply. */
  data(node: NodeRef): Uint8Array | null;
  stat(node: NodeRef): Stat;
  /** The 68 bytes of {@link stat}, straight from the slab. */
  writeStat(node: NodeRef, writer: JuteWriter): void;
  /** Length and bytes; -1 for null. */
  writeData(node: NodeRef, writer: JuteWriter): void;
  /** Count and names, in no particular order. */
  writeChildren(node: NodeRef, writer: JuteWriter): void;
  /** Allocates. */
  children(node: NodeRef): string[];
  path(node: NodeRef): string;
  parent(node: NodeRef): NodeRef;
  numChildren(node: NodeRef): number;
  dataLength(node: NodeRef): number;
  version(node: NodeRef): number;
  aversion(node: NodeRef): number;
  /** The persisted counter of creates below the node; sequence numbers come from it. */
  createsCount(node: NodeRef): number;
  czxid(node: NodeRef): Zxid;
  mzxid(node: NodeRef): Zxid;
  pzxid(node: NodeRef): Zxid;
  ctimeMs(node: NodeRef): number;
  mtimeMs(node: NodeRef): number;
  /** As stored: 0, a session, the container marker, or a TTL with its marker byte. */
  ephemeralOwner(node: NodeRef): SessionId;
  /** `null`: a birth node without an access list: open. */
  acl(node: NodeRef): readonly Acl[] | null;
  /** 0..2^32-1; 0 for every path under `/zookeeper/`. */
  nodeDigest(node: NodeRef): number;
  descendantsCount(node: NodeRef): number;
  /** Paths the session owns. */
  ephemerals(session: SessionId): string[];
  /** The longest path under quota that holds this one, with its limits and usage; `null`: none. */
  quota(path: string): Quota | null;
  /**
   * Containers and TTL nodes that are due for removal, at most `countMax`. A call looks at a bounded
   * number of candidates and the next one goes on from there.
   */
  dueContainers(nowMs: number, neverUsedMsMax: number, countMax: number): string[];
  /** Global sessions: part of the replicated state. */
  readonly sessions: ReadonlyMap<SessionId, number>;
}

export interface Quota {
  readonly path: string;
  readonly count: number;
  readonly bytes: number;
  /** -1: none. */
  readonly countHardLimit: number;
  readonly bytesHardLimit: number;
}

/** What one transaction did, for watches: in the order that watches must hear of it. */
export interface TreeChange {
  readonly type: EventType;
  readonly path: string;
  /** Access list of the node at the moment of the change; `null`: open. */
  readonly acl: readonly Acl[] | null;
  /** The same of its parent, for children events; of the node itself for data changes. */
  readonly parentAcl: readonly Acl[] | null;
}

/** The answer to a transaction, the same on every server. */
export interface Applied {
  /** The transaction's own error, or the tree's when it could not be applied (NO_NODE, NODE_EXISTS). */
  readonly error: ErrorCode;
  /** Path of the created node, or of the request. */
  readonly path: string | null;
  /** After create2, setData, setACL. */
  readonly stat: Stat | null;
  /** One for each sub-transaction of a multi. */
  readonly results: readonly AppliedOp[] | null;
  /** create: NODE_CREATED; delete: NODE_DELETED; setData: NODE_DATA_CHANGED. Children events follow from them. */
  readonly changes: readonly TreeChange[];
}

export interface AppliedOp {
  /** Type number of the sub-transaction; -1 for a refused one. */
  readonly type: number;
  readonly error: ErrorCode;
  readonly path: string | null;
  readonly stat: Stat | null;
}

/** The replicated state. `apply` is total and deterministic. */
export interface Tree extends TreeReader {
  apply(txn: Txn): Applied;
  /** Leader, at the start of its epoch: a zxid without a transaction. */
  setLastZxid(zxid: Zxid): void;
  /** `/zookeeper/config`: outside the digest and every transaction. */
  setConfig(text: string, version: Zxid, nowMs: number): void;
}

/** Produces a snapshot's body in slices while writes go on. */
export interface TreeSnapshotSource {
  /** What was applied before the first slice. */
  readonly zxid: Zxid;
  /**
   * The next bytes, about `bytesHint` of them; `null` after the last. Valid until the next call.
   *
   * @throws AssertionFailure when the tree was emptied meanwhile: half a tree must not look whole.
   */
  next(bytesHint: number): Uint8Array | null;
  /** After the last slice: (zxid, tree digest) of the tree at that moment. */
  digest(): { readonly zxid: Zxid; readonly digest: bigint };
  /** Gives up before the end: the tree stops keeping the place. */
  cancel(): void;
}

/** Takes a snapshot's body in, chunk by chunk. */
export interface TreeSnapshotSink {
  /**
   * Consumes from the chunk; returns how many bytes, fewer than given only once the body is
   * complete.
   *
   * @throws JuteError when the bytes are no snapshot: a node without its parent, a bad length.
   */
  push(chunk: Uint8Array): number;
  readonly complete: boolean;
}

/** A tree that can be written to and read from a snapshot in place. */
export interface StoredTree extends Tree {
  /** Sessions that own nodes, also those that are not in {@link sessions}. */
  ephemeralOwners(): SessionId[];
  /** Bytes reserved outside the heap. */
  readonly reservedBytes: number;
  /** Back to birth: zxid 0, no sessions. */
  reset(): void;
  snapshotSource(): TreeSnapshotSource;
  /** Empties the tree; a snapshot's body follows. */
  beginSnapshot(): TreeSnapshotSink;
  /** The body is complete: drops unused access lists, recounts quotas, takes the file's zxid. */
  endSnapshot(zxid: Zxid): void;
}

export interface TreeOptions {
  /** TTL nodes are understood; without it their owner reads as a session. Equal on all servers. */
  readonly extendedTypesEnabled?: boolean;
  /** Any int32: spreads names over the index, so that nobody outside can aim at one bucket. */
  readonly hashSeed?: number;
  /** Bound on a path, a name or data read from a snapshot. */
  readonly fieldBytesMax?: number;
}
