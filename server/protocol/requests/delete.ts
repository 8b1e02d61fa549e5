import type { Codec } from '../jute.ts';

export interface DeleteRequest {
  readonly op: 'delete';
  readonly path: string;
  /** Version the node must have; -1 for any. */
  readonly version: number;
}

/** `path string · version int32`. Answered by a header alone. Source: client-protocol, section 6. */
export const deleteRequest: Codec<DeleteRequest> = {
  read: (reader) => ({ op: 'delete', path: reader.string(), version: reader.int32() }),
  write(writer, request) {
    writer.string(request.path);
    writer.int32(request.version);
  },
};

export interface DeleteContainerRequest {
  readonly op: 'deleteContainer';
  readonly path: string;
}

/** `path buffer`, which has the bytes of a string. */
export const deleteContainerRequest: Codec<DeleteContainerRequest> = {
  read: (reader) => ({ op: 'deleteContainer', path: reader.string() }),
  write: (writer, request) => writer.string(request.path),
};
