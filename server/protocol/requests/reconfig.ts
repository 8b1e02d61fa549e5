import type { Codec } from '../jute.ts';
import type { Zxid } from '../zxid.ts';

/** A change of members: by difference, or by the whole new list. Answered as getData is. */
export interface ReconfigRequest {
  readonly op: 'reconfig';
  /** Comma-separated `server.N=…` lines; `null`: none. */
  readonly joiningServers: string | null;
  /** Comma-separated server ids; `null`: none. */
  readonly leavingServers: string | null;
  /** The whole new membership; wins over the other two. */
  readonly newMembers: string | null;
  /** Version of the configuration this applies to; -1 for any. */
  readonly curConfigId: Zxid;
}

/**
 * ```
 * joiningServers string · leavingServers string · newMembers string · curConfigId int64
 * ```
 * Source: client-protocol, section 6.
 */
export const reconfigRequest: Codec<ReconfigRequest> = {
  read: (reader) => ({
    op: 'reconfig',
    joiningServers: reader.stringOrNull(),
    leavingServers: reader.stringOrNull(),
    newMembers: reader.stringOrNull(),
    curConfigId: reader.zxid(),
  }),
  write(writer, request) {
    writer.string(request.joiningServers);
    writer.string(request.leavingServers);
    writer.string(request.newMembers);
    writer.int64(request.curConfigId);
  },
};
