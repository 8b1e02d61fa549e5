import type { Codec, JuteReader, JuteWriter } from '../jute.ts';
import type { Stat } from '../stat.ts';
import { readStat, writeStat } from '../stat.ts';

/** Asks for a node, and maybe to hear of its next change. */
export interface ReadRequest {
  readonly path: string;
  readonly watch: boolean;
}

/**
 * exists, getData, getChildren, getChildren2: `path string · watch boolean`.
 * Source: client-protocol, section 6.
 */
export const readRequest: Codec<ReadRequest> = {
  read: (reader) => ({ path: reader.string(), watch: reader.boolean() }),
  write(writer, request) {
    writer.string(request.path);
    writer.boolean(request.watch);
  },
};

/** getACL and getAllChildrenNumber, answered with their own records; null is refused. */
export const pathRequest: Codec<string> = {
  read: (reader) => reader.string(),
  write: (writer, path) => writer.string(path),
};

/** sync, its answer, and getEphemerals: a path that may be null. */
export const optionalPathRequest: Codec<string | null> = {
  read: (reader) => reader.stringOrNull(),
  write: (writer, path) => writer.string(path),
};

export interface GetDataResponse {
  readonly data: Uint8Array | null;
  readonly stat: Stat;
}

/** getData and reconfig: `data buffer · stat`. */
export const getDataResponse: Codec<GetDataResponse> = {
  read: (reader) => ({ data: reader.bytes(), stat: readStat(reader) }),
  write(writer, response) {
    writer.bytes(response.data);
    writeStat(writer, response.stat);
  },
};

/** getChildren and getEphemerals: a vector of names, or of full paths. */
export const namesResponse: Codec<readonly string[]> = {
  read: (reader) => reader.vector(readName),
  write: (writer, names) => writer.vector(names, writeName),
};

export interface GetChildren2Response {
  readonly children: readonly string[];
  readonly stat: Stat;
}

/** `children vector · stat`. */
export const getChildren2Response: Codec<GetChildren2Response> = {
  read: (reader) => ({ children: reader.vector(readName), stat: readStat(reader) }),
  write(writer, response) {
    writer.vector(response.children, writeName);
    writeStat(writer, response.stat);
  },
};

/** getAllChildrenNumber: all descendants. */
export const countResponse: Codec<number> = {
  read: (reader) => reader.int32(),
  write: (writer, count) => writer.int32(count),
};

function readName(reader: JuteReader): string {
  return reader.string();
}

function writeName(writer: JuteWriter, name: string): void {
  writer.string(name);
}
