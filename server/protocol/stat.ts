import type { JuteReader, JuteWriter } from './jute.ts';
import type { SessionId } from './session-id.ts';
import type { Zxid } from './zxid.ts';

/** A znode's numbers as a client sees them. 68 bytes on the wire. */
export interface Stat {
  readonly czxid: Zxid;
  readonly mzxid: Zxid;
  /** Leader's wall clock of the create, ms since 1970. */
  readonly ctimeMs: number;
  /** Leader's wall clock of the last data change, ms since 1970. */
  readonly mtimeMs: number;
  readonly version: number;
  /** Creates plus deletes among the children: 2 * creates - numChildren. */
  readonly cversion: number;
  readonly aversion: number;
  /** The owning session; 0 for persistent, container and TTL nodes. */
  readonly ephemeralOwner: SessionId;
  readonly dataLength: number;
  readonly numChildren: number;
  readonly pzxid: Zxid;
}

/** Bytes of {@link Stat} on the wire: six int64 and five int32. */
export const statBytes = 68;

/** Bytes of the persisted stat: no dataLength and numChildren, pzxid last, cversion counts creates. */
export const statPersistedBytes = 60;

/**
 * ```
 * czxid int64 · mzxid int64 · ctime int64 · mtime int64 · version int32 · cversion int32
 * aversion int32 · ephemeralOwner int64 · dataLength int32 · numChildren int32 · pzxid int64
 * ```
 * Source: client-protocol, section 6.
 */
export function readStat(reader: JuteReader): Stat {
  return {
    czxid: reader.zxid(),
    mzxid: reader.zxid(),
    ctimeMs: reader.int64(),
    mtimeMs: reader.int64(),
    version: reader.int32(),
    cversion: reader.int32(),
    aversion: reader.int32(),
    ephemeralOwner: reader.bigint64() as SessionId,
    dataLength: reader.int32(),
    numChildren: reader.int32(),
    pzxid: reader.zxid(),
  };
}

export function writeStat(writer: JuteWriter, stat: Stat): void {
  writer.int64(stat.czxid);
  writer.int64(stat.mzxid);
  writer.int64(stat.ctimeMs);
  writer.int64(stat.mtimeMs);
  writer.int32(stat.version);
  writer.int32(stat.cversion);
  writer.int32(stat.aversion);
  writer.bigint64(stat.ephemeralOwner);
  writer.int32(stat.dataLength);
  writer.int32(stat.numChildren);
  writer.int64(stat.pzxid);
}
