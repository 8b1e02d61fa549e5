import type { Acl } from '../acl.ts';
import { readAcl, readRequestedAcl, writeAcl } from '../acl.ts';
import type { Codec } from '../jute.ts';
import type { Stat } from '../stat.ts';
import { readStat, writeStat } from '../stat.ts';

export interface SetAclRequest {
  readonly op: 'setAcl';
  readonly path: string;
  readonly acl: readonly Acl[] | null;
  /** Version the access list must have; -1 for any. */
  readonly version: number;
}

/** `path string · acl vector · version int32`. Source: client-protocol, section 6. */
export const setAclRequest: Codec<SetAclRequest> = {
  read: (reader) => ({
    op: 'setAcl',
    path: reader.stringOrNull() ?? '',
    acl: reader.vectorOrNull(readRequestedAcl),
    version: reader.int32(),
  }),
  write(writer, request) {
    writer.string(request.path);
    writer.vector(request.acl, writeAcl);
    writer.int32(request.version);
  },
};

export interface GetAclResponse {
  readonly acl: readonly Acl[];
  readonly stat: Stat;
}

/** `acl vector · stat`. */
export const getAclResponse: Codec<GetAclResponse> = {
  read: (reader) => ({ acl: reader.vector(readAcl), stat: readStat(reader) }),
  write(writer, response) {
    writer.vector(response.acl, writeAcl);
    writeStat(writer, response.stat);
  },
};

/** Proof of an identity; the connection keeps it. */
export interface AuthRequest {
  /** 0; ignored. */
  readonly type: number;
  readonly scheme: string | null;
  readonly auth: Uint8Array | null;
}

/** `type int32 · scheme string · auth buffer`. Source: client-protocol, section 11. */
export const authRequest: Codec<AuthRequest> = {
  read: (reader) => ({
    type: reader.int32(),
    scheme: reader.stringOrNull(),
    auth: reader.bytes(),
  }),
  write(writer, request) {
    writer.int32(request.type);
    writer.string(request.scheme);
    writer.bytes(request.auth);
  },
};

/** `token buffer`: both directions of a SASL exchange. */
export const saslToken: Codec<Uint8Array | null> = {
  read: (reader) => reader.bytes(),
  write: (writer, token) => writer.bytes(token),
};

/** One of the connection's identities, without its secret part. */
export interface ClientInfo {
  readonly scheme: string;
  readonly user: string;
}

/** Vector of `authScheme string · user string`. */
export const whoAmIResponse: Codec<readonly ClientInfo[]> = {
  read: (reader) =>
    reader.vector((item) => ({ scheme: item.string(), user: item.stringOrNull() ?? '' })),
  write(writer, clients) {
    writer.vector(clients, (item, client) => {
      item.string(client.scheme);
      item.string(client.user);
    });
  },
};
