import { allowed, aclView, maskedAcl } from '../prep/access.ts';
import { Perm, aclOpen } from '../protocol/acl.ts';
import { ErrorCode } from '../protocol/error-code.ts';
import type { JuteReader, JuteWriter } from '../protocol/jute.ts';
import { OpCode } from '../protocol/op-code.ts';
import { getAclResponse, whoAmIResponse } from '../protocol/requests/access.ts';
import { readMultiRead, writeMultiReadResponse } from '../protocol/requests/multi-read.ts';
import type { MultiReadOp, MultiReadResult } from '../protocol/requests/multi-read.ts';
import { namesResponse } from '../protocol/requests/read.ts';
import type { NodeRef } from '../tree/door.ts';
import { nodeNone } from '../tree/door.ts';
import { WatchMode } from '../watch/door.ts';
import type { Client } from './client.ts';
import type { Core } from './core.ts';
import { beginReply, endReply, replyHeader } from './replies.ts';

/**
 * Answers a read from the tree as it is now. Nothing is decoded that can be looked up as it came:
 * the path's bytes go to the tree, and data and stat from its slabs into the outbox.
 *
 * Source: semantics, sections 4 and 12.
 *
 * @throws JuteError when the record cannot be decoded; nothing was answered then.
 */
export function answerRead(
  core: Core,
  client: Client,
  xid: number,
  opCode: number,
  reader: JuteReader,
): void {
  core.counters.reads += 1;
  switch (opCode) {
    case OpCode.EXISTS:
      return exists(core, client, xid, reader);
    case OpCode.GET_DATA:
    case OpCode.GET_CHILDREN:
    case OpCode.GET_CHILDREN2:
      return getNode(core, client, xid, opCode, reader);
    case OpCode.GET_ACL:
      return getAcl(core, client, xid, reader);
    case OpCode.GET_ALL_CHILDREN_NUMBER:
      return getAllChildrenNumber(core, client, xid, reader);
    case OpCode.GET_EPHEMERALS:
      return getEphemerals(core, client, xid, reader);
    case OpCode.MULTI_READ:
      return multiRead(core, client, xid, reader);
    case OpCode.WHO_AM_I:
      return whoAmI(core, client, xid);
    default:
      return replyHeader(core, client, xid, core.tree.lastZxid, ErrorCode.UNIMPLEMENTED);
  }
}

/** getData, getChildren, getChildren2: the node must be there and readable, else no watch either. */
function getNode(
  core: Core,
  client: Client,
  xid: number,
  opCode: number,
  reader: JuteReader,
): void {
  const { tree } = core;
  const pathAt = reader.offset;
  const pathEnd = skipPath(reader);
  const isWatch = reader.boolean();
  const node = tree.findBytes(reader.buffer, pathAt + 4, pathEnd);
  const error = readError(core, client, node);
  if (error !== ErrorCode.OK) return replyHeader(core, client, xid, tree.lastZxid, error);
  if (isWatch) {
    const path = reader.buffer.toString('utf8', pathAt + 4, pathEnd);
    if (opCode === OpCode.GET_DATA) core.watches.addData(path, client, WatchMode.STANDARD);
    else core.watches.addChild(path, client, WatchMode.STANDARD);
  }
  const writer = beginReply(core, client, xid, tree.lastZxid, ErrorCode.OK);
  if (opCode === OpCode.GET_DATA) tree.writeData(node, writer);
  else tree.writeChildren(node, writer);
  if (opCode !== OpCode.GET_CHILDREN) tree.writeStat(node, writer);
  endReply(core, client, tree.lastZxid);
}

/** The watch stays also where there is no node; not where there is one that may not be read. */
function exists(core: Core, client: Client, xid: number, reader: JuteReader): void {
  const { tree } = core;
  const path = reader.string();
  const isWatch = reader.boolean();
  const { lastZxid } = tree;
  if (path.includes('\0')) {
    return replyHeader(core, client, xid, lastZxid, ErrorCode.BAD_ARGUMENTS);
  }
  const node = tree.find(path);
  const error = readError(core, client, node);
  if (error === ErrorCode.NO_AUTH) return replyHeader(core, client, xid, lastZxid, error);
  if (isWatch) core.watches.addData(path, client, WatchMode.STANDARD);
  if (error !== ErrorCode.OK) return replyHeader(core, client, xid, lastZxid, error);
  tree.writeStat(node, beginReply(core, client, xid, lastZxid, ErrorCode.OK));
  endReply(core, client, lastZxid);
}

function getAcl(core: Core, client: Client, xid: number, reader: JuteReader): void {
  const { tree } = core;
  const node = tree.find(reader.string());
  if (node === nodeNone) {
    return replyHeader(core, client, xid, tree.lastZxid, ErrorCode.NO_NODE);
  }
  const acl = tree.acl(node);
  const view = aclView(acl, client.authIds, core.access);
  if (view === 'refused') {
    return replyHeader(core, client, xid, tree.lastZxid, ErrorCode.NO_AUTH);
  }
  const shown = acl ?? aclOpen;
  const writer = beginReply(core, client, xid, tree.lastZxid, ErrorCode.OK);
  getAclResponse.write(writer, {
    acl: view === 'masked' ? maskedAcl(shown) : shown,
    stat: tree.stat(node),
  });
  endReply(core, client, tree.lastZxid);
}

function getAllChildrenNumber(core: Core, client: Client, xid: number, reader: JuteReader): void {
  const { tree } = core;
  const node = tree.find(reader.string());
  const error = readError(core, client, node);
  if (error !== ErrorCode.OK) return replyHeader(core, client, xid, tree.lastZxid, error);
  const writer = beginReply(core, client, xid, tree.lastZxid, ErrorCode.OK);
  writer.int32(tree.descendantsCount(node));
  endReply(core, client, tree.lastZxid);
}

function getEphemerals(core: Core, client: Client, xid: number, reader: JuteReader): void {
  const prefix = (reader.stringOrNull() ?? '').trim();
  const paths = core.tree.ephemerals(client.sessionId).filter((path) => path.startsWith(prefix));
  const writer = beginReply(core, client, xid, core.tree.lastZxid, ErrorCode.OK);
  namesResponse.write(writer, paths);
  endReply(core, client, core.tree.lastZxid);
}

function multiRead(core: Core, client: Client, xid: number, reader: JuteReader): void {
  const ops = readMultiRead(reader);
  const results = ops.map((op) => readOne(core, client, op));
  const writer = beginReply(core, client, xid, core.tree.lastZxid, ErrorCode.OK);
  writeMultiReadResponse(writer, results);
  endReply(core, client, core.tree.lastZxid);
}

function readOne(core: Core, client: Client, op: MultiReadOp): MultiReadResult {
  const { tree } = core;
  const node = tree.find(op.path);
  const error = readError(core, client, node);
  if (error !== ErrorCode.OK) return { type: -1, error };
  return op.opCode === OpCode.GET_DATA
    ? { type: 4, data: tree.data(node), stat: tree.stat(node) }
    : { type: 8, children: tree.children(node) };
}

/** The connection's ids without their secrets. */
function whoAmI(core: Core, client: Client, xid: number): void {
  const writer: JuteWriter = beginReply(core, client, xid, core.tree.lastZxid, ErrorCode.OK);
  whoAmIResponse.write(
    writer,
    client.authIds.map((id) => ({ scheme: id.scheme, user: core.auth.userOf(id) })),
  );
  endReply(core, client, core.tree.lastZxid);
}

function readError(core: Core, client: Client, node: NodeRef): ErrorCode {
  if (node === nodeNone) return ErrorCode.NO_NODE;
  return allowed(core.tree.acl(node), Perm.READ, client.authIds, core.access)
    ? ErrorCode.OK
    : ErrorCode.NO_AUTH;
}

/** Passes over a path that must not be null; returns where it ends. */
function skipPath(reader: JuteReader): number {
  const length = reader.int32();
  // A negative or oversize length fails as a string would.
  if (length < 0 || length > reader.remaining) {
    reader.offset -= 4;
    reader.string();
  }
  reader.skip(length);
  return reader.offset;
}
