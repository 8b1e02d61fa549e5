import { JuteError } from './jute.ts';
import type { JuteReader, JuteWriter } from './jute.ts';

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

/** `string scheme, string id`. @throws JuteError on null in either. */
export function readId(reader: JuteReader): Id {
  return { scheme: reader.string(), id: reader.string() };
}

export function writeId(writer: JuteWriter, id: Id): void {
  writer.string(id.scheme);
  writer.string(id.id);
}

/** `int32 perms, string scheme, string id`. @throws JuteError on null in either string. */
export function readAcl(reader: JuteReader): Acl {
  return { perms: reader.int32(), id: readId(reader) };
}

export function writeAcl(writer: JuteWriter, acl: Acl): void {
  writer.int32(acl.perms);
  writeId(writer, acl.id);
}

/** With these an id that is null makes the whole request undecodable, as at the reference. */
const schemesOfAnId: ReadonlySet<string> = new Set(['world', 'digest', 'ip']);

/**
 * An entry that a client sent. The id of `auth` does not count, and clients that write an empty
 * string as null leave it so. Any other entry with a null is kept as one of no scheme, which
 * validation refuses.
 *
 * @throws JuteError on `world`, `digest` or `ip` with a null id.
 */
export function readRequestedAcl(reader: JuteReader): Acl {
  const perms = reader.int32();
  const scheme = reader.stringOrNull();
  const id = reader.stringOrNull();
  if (scheme === null) return { perms, id: { scheme: '', id: id ?? '' } };
  if (id !== null) return { perms, id: { scheme, id } };
  if (schemesOfAnId.has(scheme)) throw new JuteError(`${scheme} with a null id in an access list`);
  return { perms, id: { scheme: scheme === 'auth' ? scheme : '', id: '' } };
}
