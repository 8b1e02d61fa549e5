import type { Codec } from '../jute.ts';
import type { Stat } from '../stat.ts';
import { readStat, writeStat } from '../stat.ts';

/** A `null` payload and an empty one differ on the wire: length -1 and 0. */
export interface SetDataRequest {
  readonly op: 'setData';
  /** Empty where it was null: no valid path either. */
  readonly path: string;
  readonly data: Uint8Array | null;
  /** Version the node must have; -1 for any. */
  readonly version: number;
}

/** `path string · data buffer · version int32`. Source: client-protocol, section 6. */
export const setDataRequest: Codec<SetDataRequest> = {
  read: (reader) => ({
    op: 'setData',
    path: reader.stringOrNull() ?? '',
    data: reader.bytes(),
    version: reader.int32(),
  }),
  write(writer, request) {
    writer.string(request.path);
    writer.bytes(request.data);
    writer.int32(request.version);
  },
};

/** A stat alone: answers setData, setACL and exists. */
export const statResponse: Codec<Stat> = { read: readStat, write: writeStat };

/** A condition of a multi: the node exists and has this version. */
export interface CheckRequest {
  readonly op: 'check';
  readonly path: string;
  readonly version: number;
}

/** `path string · version int32`. Inside a multi only. */
export const checkRequest: Codec<CheckRequest> = {
  read: (reader) => ({
    op: 'check',
    path: reader.stringOrNull() ?? '',
    version: reader.int32(),
  }),
  write(writer, request) {
    writer.string(request.path);
    writer.int32(request.version);
  },
};
