import type Crypto from 'node:crypto';
import type { SchemeRules } from '../prep/door.ts';
import type { Id } from '../protocol/acl.ts';
import type { Outcome } from '../protocol/error-code.ts';
import { ErrorCode } from '../protocol/error-code.ts';
import type { AddressRange } from './ip-address.ts';
import { addressIdOf, addressRangeOf, isWithin } from './ip-address.ts';

export interface AuthOptions {
  /** `super:` and the base64 SHA-1; `null`: there is no super user. */
  readonly superDigest: string | null;
  /** Whether scheme `digest` exists. Default true. */
  readonly digestSchemeEnabled?: boolean;
}

/** Proof → identities, and the rules by which access lists are held against them. */
export interface Auth extends SchemeRules {
  /** What a new connection holds without having said anything. */
  connectionIds(remoteAddress: string): Id[];
  /**
   * An auth packet. The ids to add to the connection's, in order (a super user's mark first), or
   * AUTH_FAILED: answer it, then close the connection.
   */
  authenticate(
    scheme: string | null,
    proof: Uint8Array | null,
    remoteAddress: string,
  ): Outcome<readonly Id[]>;
  /** What whoAmI shows of an id. */
  userOf(id: Id): string;
}

/** The ids of a connection after `authenticate` gave more: those it holds already are not repeated. */
export function withIds(held: readonly Id[], added: readonly Id[]): readonly Id[] {
  const fresh = added.filter(
    (id) => !held.some((other) => other.scheme === id.scheme && other.id === id.id),
  );
  return fresh.length === 0 ? held : [...held, ...fresh];
}

/** `user:password` → `user:` and base64 of the SHA-1 of the whole. No colon: all of it is the user. */
export function digestIdOf(proof: Uint8Array): string {
  const hash = crypto().createHash('sha1').update(proof).digest('base64');
  const text = Buffer.from(proof.buffer, proof.byteOffset, proof.byteLength).toString('utf8');
  const colon = text.indexOf(':');
  return `${colon === -1 ? text : text.slice(0, colon)}:${hash}`;
}

/** The schemes world, ip, digest and super. Source: semantics, section 5. */
export function createAuth(options: AuthOptions): Auth {
  return new BuiltInAuth(options);
}

/** Parsed entries kept; access lists name few distinct addresses. */
const rangesMax = 1024;

class BuiltInAuth implements Auth {
  readonly #superDigest: string | null;
  readonly #digestEnabled: boolean;
  readonly #ranges = new Map<string, AddressRange | null>();

  constructor(options: AuthOptions) {
    this.#superDigest = options.superDigest;
    this.#digestEnabled = options.digestSchemeEnabled ?? true;
  }

  connectionIds(remoteAddress: string): Id[] {
    return [{ scheme: 'ip', id: addressIdOf(remoteAddress) }];
  }

  authenticate(
    scheme: string | null,
    proof: Uint8Array | null,
    remoteAddress: string,
  ): Outcome<readonly Id[]> {
    if (scheme === 'ip') return { value: this.connectionIds(remoteAddress) };
    if (scheme !== 'digest' || !this.#digestEnabled || proof === null) {
      return { refused: ErrorCode.AUTH_FAILED };
    }
    const id: Id = { scheme: 'digest', id: digestIdOf(proof) };
    if (this.#superDigest !== null && isSameText(id.id, this.#superDigest)) {
      return { value: [{ scheme: 'super', id: '' }, id] };
    }
    return { value: [id] };
  }

  isValid(id: Id): boolean {
    switch (id.scheme) {
      case 'world':
        return id.id === 'anyone';
      case 'ip':
        return this.#range(id.id) !== null;
      case 'digest':
        return this.#digestEnabled && isDigestId(id.id);
      default:
        return false;
    }
  }

  matches(connectionId: Id, entryId: Id): boolean {
    switch (entryId.scheme) {
      case 'digest':
        return this.#digestEnabled && connectionId.id === entryId.id;
      case 'ip': {
        const address = this.#range(connectionId.id);
        const range = this.#range(entryId.id);
        return address !== null && range !== null && isWithin(address, range);
      }
      default:
        return false;
    }
  }

  isAuthenticated(scheme: string): boolean {
    return scheme === 'digest' && this.#digestEnabled;
  }

  userOf(id: Id): string {
    switch (id.scheme) {
      case 'ip':
        return id.id;
      case 'digest': {
        const colon = id.id.indexOf(':');
        return colon === -1 ? id.id : id.id.slice(0, colon);
      }
      default:
        return '';
    }
  }

  #range(text: string): AddressRange | null {
    const known = this.#ranges.get(text);
    if (known !== undefined) return known;
    const range = addressRangeOf(text);
    if (this.#ranges.size >= rangesMax) this.#ranges.clear();
    this.#ranges.set(text, range);
    return range;
  }
}

/** Two non-empty parts; that the second is base64 is not checked. */
function isDigestId(text: string): boolean {
  const parts = text.split(':');
  return parts.length === 2 && parts[0] !== '' && parts[1] !== '';
}

/** Takes as long whatever the first difference. */
function isSameText(given: string, expected: string): boolean {
  const a = Buffer.from(given, 'utf8');
  const b = Buffer.from(expected, 'utf8');
  return a.length === b.length && crypto().timingSafeEqual(a, b);
}

/** Loaded with the first proof: a server whose clients prove nothing does without its memory. */
function crypto(): typeof Crypto {
  return process.getBuiltinModule('node:crypto');
}
