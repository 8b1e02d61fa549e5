import type { EventType, KeeperState } from '../event-type.ts';
import type { Codec, JuteReader, JuteWriter } from '../jute.ts';
import type { Zxid } from '../zxid.ts';

/** How long an added watch lives: until removed, for one node or for all below it too. */
export const AddWatchMode = { PERSISTENT: 0, PERSISTENT_RECURSIVE: 1 } as const;
export type AddWatchMode = (typeof AddWatchMode)[keyof typeof AddWatchMode];

/** Which watches removeWatches and checkWatches mean. */
export const WatcherType = {
  CHILDREN: 1,
  DATA: 2,
  ANY: 3,
  PERSISTENT: 4,
  PERSISTENT_RECURSIVE: 5,
} as const;
export type WatcherType = (typeof WatcherType)[keyof typeof WatcherType];

export interface AddWatchRequest {
  readonly path: string | null;
  /** {@link AddWatchMode}; others are refused as undecodable by the server. */
  readonly mode: number;
}

/** `path string · mode int32`. Answered by int32 0. Source: client-protocol, section 6. */
export const addWatchRequest: Codec<AddWatchRequest> = {
  read: (reader) => ({ path: reader.stringOrNull(), mode: reader.int32() }),
  write(writer, request) {
    writer.string(request.path);
    writer.int32(request.mode);
  },
};

/** removeWatches and checkWatches; answered by a header alone. */
export interface WatchesRequest {
  readonly path: string | null;
  /** {@link WatcherType}; others are refused as undecodable by the server. */
  readonly type: number;
}

/** `path string · type int32`. */
export const watchesRequest: Codec<WatchesRequest> = {
  read: (reader) => ({ path: reader.stringOrNull(), type: reader.int32() }),
  write(writer, request) {
    writer.string(request.path);
    writer.int32(request.type);
  },
};

/** What a client watched on its last connection; the server says what changed since. */
export interface SetWatchesRequest {
  /** Highest zxid the client has seen; beyond 2^53 rounded. */
  readonly relativeZxid: Zxid;
  readonly dataWatches: readonly string[];
  readonly existWatches: readonly string[];
  readonly childWatches: readonly string[];
  /** setWatches2 only. */
  readonly persistentWatches: readonly string[];
  readonly persistentRecursiveWatches: readonly string[];
}

/** setWatches2: `relativeZxid int64` and five vectors of paths. Answered by a header alone. */
export const setWatches2Request: Codec<SetWatchesRequest> = {
  read: (reader) => ({
    relativeZxid: reader.int64Rounded() as Zxid,
    dataWatches: reader.vector(readPath),
    existWatches: reader.vector(readPath),
    childWatches: reader.vector(readPath),
    persistentWatches: reader.vector(readPath),
    persistentRecursiveWatches: reader.vector(readPath),
  }),
  write(writer, request) {
    setWatchesRequest.write(writer, request);
    writer.vector(request.persistentWatches, writePath);
    writer.vector(request.persistentRecursiveWatches, writePath);
  },
};

/** setWatches: as {@link setWatches2Request} without the last two. */
export const setWatchesRequest: Codec<SetWatchesRequest> = {
  read: (reader) => ({
    relativeZxid: reader.int64Rounded() as Zxid,
    dataWatches: reader.vector(readPath),
    existWatches: reader.vector(readPath),
    childWatches: reader.vector(readPath),
    persistentWatches: [],
    persistentRecursiveWatches: [],
  }),
  write(writer, request) {
    writer.int64(request.relativeZxid);
    writer.vector(request.dataWatches, writePath);
    writer.vector(request.existWatches, writePath);
    writer.vector(request.childWatches, writePath);
  },
};

/** Follows a reply header of xid -1. */
export interface WatcherEvent {
  readonly type: EventType;
  readonly state: KeeperState;
  readonly path: string;
}

/** `type int32 · state int32 · path string`. Source: client-protocol, section 8. */
export const watcherEvent: Codec<WatcherEvent> = {
  read: (reader) => ({
    type: reader.int32() as EventType,
    state: reader.int32() as KeeperState,
    path: reader.string(),
  }),
  write(writer, event) {
    writer.int32(event.type);
    writer.int32(event.state);
    writer.string(event.path);
  },
};

function readPath(reader: JuteReader): string {
  return reader.string();
}

function writePath(writer: JuteWriter, path: string): void {
  writer.string(path);
}
