import type { Acl } from '../acl.ts';
import { readRequestedAcl, writeAcl } from '../acl.ts';
import type { Codec, JuteReader, JuteWriter } from '../jute.ts';
import { OpCode } from '../op-code.ts';
import type { Stat } from '../stat.ts';
import { readStat, writeStat } from '../stat.ts';

/** A create of any kind: the operation code decides what it makes, the flags how it is named. */
export interface CreateRequest {
  readonly op: 'create';
  /** CREATE, CREATE2, CREATE_CONTAINER or CREATE_TTL. */
  readonly opCode: number;
  readonly path: string;
  readonly data: Uint8Array | null;
  readonly acl: readonly Acl[] | null;
  readonly flags: number;
  /** CREATE_TTL only; else -1. Beyond 2^53 rounded, which no server accepts. */
  readonly ttlMs: number;
}

/**
 * ```
 * path string · data buffer · acl vector · flags int32 · ttl int64 (CREATE_TTL only)
 * ```
 * Source: client-protocol, section 6.
 *
 * @throws JuteError also on a null path.
 */
export function readCreateRequest(reader: JuteReader, opCode: number): CreateRequest {
  const path = reader.string();
  const data = reader.bytes();
  const acl = reader.vectorOrNull(readRequestedAcl);
  const flags = reader.int32();
  // An absurd TTL is refused as an argument, not as broken bytes; so it must not throw here.
  const ttlMs = opCode === OpCode.CREATE_TTL ? reader.int64Rounded() : -1;
  return { op: 'create', opCode, path, data, acl, flags, ttlMs };
}

export function writeCreateRequest(writer: JuteWriter, request: CreateRequest): void {
  writer.string(request.path);
  writer.bytes(request.data);
  writer.vector(request.acl, writeAcl);
  writer.int32(request.flags);
  if (request.opCode === OpCode.CREATE_TTL) writer.int64(request.ttlMs);
}

/** The path made, with its sequence number. Answers CREATE. */
export const createResponse: Codec<string> = {
  read: (reader) => reader.string(),
  write: (writer, path) => writer.string(path),
};

/** Answers CREATE2, CREATE_CONTAINER and CREATE_TTL. */
export interface Create2Response {
  readonly path: string;
  readonly stat: Stat;
}

/** `path string · stat`. */
export const create2Response: Codec<Create2Response> = {
  read: (reader) => ({ path: reader.string(), stat: readStat(reader) }),
  write(writer, response) {
    writer.string(response.path);
    writeStat(writer, response.stat);
  },
};
