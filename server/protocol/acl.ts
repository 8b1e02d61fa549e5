/** A proven identity of a connection, or the subject of an ACL entry. */
export interface Id {
  readonly scheme: string;
  readonly id: string;
}

/** One entry of an access list: who, and which of {@link Perm}. */
export interface Acl {
  readonly perms: number;
  readonly id: Id;
}

/** Permission bits. Unknown bits are stored and returned as given. */
export const Perm = {
  READ: 1,
  WRITE: 2,
  CREATE: 4,
  DELETE: 8,
  ADMIN: 16,
  ALL: 31,
} as const;

export const idAnyone: Id = { scheme: 'world', id: 'anyone' };

/** Everyone may do everything. */
export const aclOpen: readonly Acl[] = [{ perms: Perm.ALL, id: idAnyone }];
