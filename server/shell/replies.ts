import type { ErrorCode } from '../protocol/error-code.ts';
import { ErrorCode as Code } from '../protocol/error-code.ts';
import { KeeperState } from '../protocol/event-type.ts';
import { Xid, writeReplyHeader } from '../protocol/headers.ts';
import type { JuteWriter } from '../protocol/jute.ts';
import { OpCode } from '../protocol/op-code.ts';
import { writeMultiResponse } from '../protocol/requests/multi.ts';
import { writeStat } from '../protocol/stat.ts';
import type { Zxid } from '../protocol/zxid.ts';
import type { Applied } from '../tree/door.ts';
import type { Client, Pending } from './client.ts';
import type { Core } from './core.ts';

/** A reply that is its header alone: done, or refused. */
export function replyHeader(
  core: Core,
  client: Client,
  xid: number,
  zxid: Zxid,
  error: ErrorCode,
): void {
  beginReply(core, client, xid, zxid, error);
  endReply(core, client, zxid);
}

/** Starts a reply in the client's outbox; the record follows, then {@link endReply}. */
export function beginReply(
  core: Core,
  client: Client,
  xid: number,
  zxid: Zxid,
  error: ErrorCode,
): JuteWriter {
  core.dirty(client);
  const writer = client.connection.outbox.beginFrame();
  writeReplyHeader(writer, xid, zxid, error);
  return writer;
}

export function endReply(core: Core, client: Client, zxid: Zxid): void {
  client.connection.outbox.endFrame();
  client.sentCount += 1;
  if (zxid > 0) client.lastZxid = zxid;
  core.counters.packetsSent += 1;
}

/** The answer to a write, once its transaction is applied here. */
export function replyToWrite(
  core: Core,
  client: Client,
  pending: Pending,
  zxid: Zxid,
  applied: Applied,
): void {
  const isMulti = pending.opCode === OpCode.MULTI && applied.results !== null;
  const error = isMulti ? Code.OK : applied.error;
  const writer = beginReply(core, client, pending.xid, zxid, error);
  if (isMulti) writeMultiResponse(writer, applied.results ?? []);
  else if (error === Code.OK) {
    if (pending.opCode === OpCode.RECONFIG) writeMembers(core, writer);
    else writeResult(writer, pending.opCode, applied.path, applied.stat);
  }
  endReply(core, client, zxid);
}

/** A watch event. `zxid` -1: a catch-up of setWatches. */
export function writeEvent(writer: JuteWriter, zxid: number, type: number, path: string): void {
  writeReplyHeader(writer, Xid.NOTIFICATION, zxid, Code.OK);
  writer.int32(type);
  writer.int32(KeeperState.SYNC_CONNECTED);
  writer.string(path);
}

/** A change of members is answered as `getData` of what it wrote. */
function writeMembers(core: Core, writer: JuteWriter): void {
  const node = core.tree.find('/zookeeper/config');
  core.tree.writeData(node, writer);
  core.tree.writeStat(node, writer);
}

function writeResult(
  writer: JuteWriter,
  opCode: number,
  path: string | null,
  stat: Applied['stat'],
): void {
  switch (opCode) {
    case OpCode.CREATE:
      return writer.string(path);
    case OpCode.CREATE2:
    case OpCode.CREATE_CONTAINER:
    case OpCode.CREATE_TTL:
      writer.string(path);
      if (stat !== null) writeStat(writer, stat);
      return;
    case OpCode.SET_DATA:
    case OpCode.SET_ACL:
      if (stat !== null) writeStat(writer, stat);
      return;
    default:
      return;
  }
}
