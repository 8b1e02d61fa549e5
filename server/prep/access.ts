import type { Acl, Id } from '../protocol/acl.ts';
import { Perm } from '../protocol/acl.ts';
import type { SchemeRules } from './door.ts';

/** Mark of a super user among a connection's ids; never part of an access list. */
const superScheme = 'super';

/** Who asks, and by which rules it is judged: everything a check needs beside the access list. */
export interface AccessRules {
  readonly skipAcl: boolean;
  readonly schemes: SchemeRules;
}

/**
 * May a connection with these ids do this to a node with this access list?
 *
 * `null` is a birth node's absent list: open. `perms` with several bits asks for any of them.
 * Entries are alternatives; there is no deny. Used for writes here and for reads and watch events
 * by whoever answers them.
 *
 * Source: semantics, section 5.
 */
export function allowed(
  acl: readonly Acl[] | null,
  perms: number,
  authIds: readonly Id[],
  rules: AccessRules,
): boolean {
  if (acl === null || rules.skipAcl) return true;
  for (const entry of acl) {
    if ((entry.perms & perms) === 0) continue;
    const { scheme, id } = entry.id;
    if (scheme === 'world' && id === 'anyone') return true;
    for (const authId of authIds) {
      if (authId.scheme === scheme && rules.schemes.matches(authId, entry.id)) return true;
    }
  }
  return isSuper(authIds);
}

/** Does the connection hold a super user's id? */
export function isSuper(authIds: readonly Id[]): boolean {
  for (const authId of authIds) if (authId.scheme === superScheme) return true;
  return false;
}

/** What one request may add by `auth` entries, bytes as encoded. Whoever shares it, spends it. */
export interface AclBudget {
  aclBytesLeft: number;
}

/**
 * A connection may prove many ids, and a multi hold many lists that each name them all: what it
 * becomes must stay readable where requests of its size are. Bytes.
 */
export const aclBytesAddedMax: number = 0xfffff;

/**
 * The list as it is stored, or `null` for INVALID_ACL: exact duplicates dropped, `auth` replaced
 * by the connection's proven ids within the budget, every other entry valid by its scheme.
 *
 * Source: semantics, section 5, "Validation of an ACL list".
 */
export function storedAcl(
  acl: readonly Acl[] | null,
  authIds: readonly Id[],
  schemes: SchemeRules,
  budget: AclBudget,
): readonly Acl[] | null {
  if (acl === null || acl.length === 0) return null;
  if (acl.length === 1 && isAnyone(acl[0]?.id)) return acl;
  const stored: Acl[] = [];
  const seen = new Set<string>();
  for (const entry of acl) {
    const key = keyOf(entry);
    if (seen.has(key)) continue;
    seen.add(key);
    if (isAnyone(entry.id)) {
      stored.push(entry);
    } else if (entry.id.scheme === 'auth') {
      const before = stored.length;
      for (const id of authIds) {
        if (id.scheme !== superScheme && schemes.isAuthenticated(id.scheme)) {
          budget.aclBytesLeft -= encodedBytesMax(id);
          if (budget.aclBytesLeft < 0) return null;
          stored.push({ perms: entry.perms, id });
        }
      }
      if (stored.length === before) return null;
    } else {
      if (entry.id.scheme === 'world' || entry.id.scheme === superScheme) return null;
      if (!schemes.isValid(entry.id)) return null;
      stored.push(entry);
    }
  }
  return stored;
}

/**
 * What getACL shows to a connection without ADMIN: the secret half of `digest` ids becomes `x`.
 *
 * Source: semantics, section 4.
 */
export function maskedAcl(acl: readonly Acl[]): readonly Acl[] {
  if (!acl.some((entry) => entry.id.scheme === 'digest')) return acl;
  return acl.map((entry) => {
    if (entry.id.scheme !== 'digest') return entry;
    const colon = entry.id.id.indexOf(':');
    const user = colon === -1 ? entry.id.id : entry.id.id.slice(0, colon);
    return { perms: entry.perms, id: { scheme: 'digest', id: `${user}:x` } };
  });
}

/** May this connection read the access list of a node that has it? And unmasked? */
export function aclView(
  acl: readonly Acl[] | null,
  authIds: readonly Id[],
  rules: AccessRules,
): 'refused' | 'masked' | 'full' {
  if (!allowed(acl, Perm.READ | Perm.ADMIN, authIds, rules)) return 'refused';
  return allowed(acl, Perm.ADMIN, authIds, rules) ? 'full' : 'masked';
}

function isAnyone(id: Id | undefined): boolean {
  return id !== undefined && id.scheme === 'world' && id.id === 'anyone';
}

/** Perms, two lengths, and at most three bytes a unit. */
function encodedBytesMax(id: Id): number {
  return 12 + 3 * (id.scheme.length + id.id.length);
}

/** Unambiguous: the scheme's length tells where the id begins. A set keeps long lists linear. */
function keyOf(entry: Acl): string {
  return `${entry.perms} ${entry.id.scheme.length} ${entry.id.scheme}${entry.id.id}`;
}
