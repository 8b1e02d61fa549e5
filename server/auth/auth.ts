import type Crypto from 'node:crypto';
import type { SchemeRules } from '../prep/door.ts';
import type { Id } from '../protocol/acl.ts';
import type { Outcome } from '../protocol/error-code.ts';
import { ErrorCode } from '../protocol/error-code.ts';
import type { AddressRange } from './ip-address.ts';
import { isDistinguishedName } from './distinguished-name.ts';
import { addressIdOf, addressRangeOf, isWithin } from './ip-address.ts';

export interface AuthOptions {
  /** `super:` and the base64 hash; `null`: there is no super user. */
  readonly superDigest: string | null;
  /** Whether scheme `digest` exists. Default true. */
  readonly digestSchemeEnabled?: boolean;
  /** What passwords are hashed with: OpenSSL's name. Default sha1. */
  readonly digestAlgorithm?: string;
  /** Clients may show certificates; the super user's name, or `null`. Without it there is no x509. */
  readonly x509?: { readonly superUser: string | null };
  /** Clients may authenticate by SASL; likewise. */
  readonly sasl?: { readonly superUser: string | null };
}

/** Proof → identities, and the rules by which access lists are held against them. */
export interface Auth extends SchemeRules {
  /** What a new connection holds without having said anything. `subject`: of its certificate. */
  connectionIds(remoteAddress: string, subject?: string | null): Id[];
  /**
   * An auth packet. The ids to add to the connection's, in order (a super user's mark first), or
   * AUTH_FAILED: answer it, then close the connection.
   */
  authenticate(
    scheme: string | null,
    proof: Uint8Array | null,
    remoteAddress: string,
    subject?: string | null,
  ): Outcome<readonly Id[]>;
  /** Of a client that has proven by SASL that it is that user. */
  saslIds(username: string): readonly Id[];
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

/** `user:password` → `user:` and base64 of the hash of the whole. No colon: all of it is the user. */
export function digestIdOf(proof: Uint8Array, algorithm: string = 'sha1'): string {
  const hash = crypto().createHash(algorithm).update(proof).digest('base64');
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
  readonly #digestAlgorithm: string;
  readonly #x509: { readonly superUser: string | null } | null;
  readonly #sasl: { readonly superUser: string | null } | null;
  readonly #ranges = new Map<string, AddressRange | null>();

  constructor(options: AuthOptions) {
    this.#superDigest = options.superDigest;
    this.#digestEnabled = options.digestSchemeEnabled ?? true;
    this.#digestAlgorithm = options.digestAlgorithm ?? 'sha1';
    this.#x509 = options.x509 ?? null;
    this.#sasl = options.sasl ?? null;
  }

  connectionIds(remoteAddress: string, subject: string | null = null): Id[] {
    return [{ scheme: 'ip', id: addressIdOf(remoteAddress) }, ...this.#certificateIds(subject)];
  }

  authenticate(
    scheme: string | null,
    proof: Uint8Array | null,
    remoteAddress: string,
    subject: string | null = null,
  ): Outcome<readonly Id[]> {
    if (scheme === 'ip') return { value: this.connectionIds(remoteAddress) };
    if (scheme === 'x509') {
      const ids = this.#certificateIds(subject);
      return ids.length === 0 ? { refused: ErrorCode.AUTH_FAILED } : { value: ids };
    }
    if (scheme !== 'digest' || !this.#digestEnabled || proof === null) {
      return { refused: ErrorCode.AUTH_FAILED };
    }
    const id: Id = { scheme: 'digest', id: digestIdOf(proof, this.#digestAlgorithm) };
    if (this.#superDigest !== null && isSameText(id.id, this.#superDigest)) {
      return { value: [{ scheme: 'super', id: '' }, id] };
    }
    return { value: [id] };
  }

  saslIds(username: string): readonly Id[] {
    const id: Id = { scheme: 'sasl', id: username };
    return username === this.#sasl?.superUser ? [{ scheme: 'super', id: '' }, id] : [id];
  }

  isValid(id: Id): boolean {
    switch (id.scheme) {
      case 'world':
        return id.id === 'anyone';
      case 'ip':
        return this.#range(id.id) !== null;
      case 'digest':
        return this.#digestEnabled && isDigestId(id.id);
      case 'x509':
        return this.#x509 !== null && isDistinguishedName(id.id);
      case 'sasl':
        return this.#sasl !== null && id.id !== '';
      default:
        return false;
    }
  }

  matches(connectionId: Id, entryId: Id): boolean {
    switch (entryId.scheme) {
      case 'digest':
        return this.#digestEnabled && connectionId.id === entryId.id;
      case 'x509':
        return this.#x509 !== null && connectionId.id === entryId.id;
      case 'sasl':
        return this.#sasl !== null && connectionId.id === entryId.id;
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
    if (scheme === 'x509') return this.#x509 !== null;
    if (scheme === 'sasl') return this.#sasl !== null;
    return scheme === 'digest' && this.#digestEnabled;
  }

  userOf(id: Id): string {
    switch (id.scheme) {
      case 'ip':
      case 'x509':
      case 'sasl':
        return id.id;
      case 'digest': {
        const colon = id.id.indexOf(':');
        return colon === -1 ? id.id : id.id.slice(0, colon);
      }
      default:
        return '';
    }
  }

  #certificateIds(subject: string | null): Id[] {
    if (this.#x509 === null || subject === null || subject === '') return [];
    const isSuper = subject === this.#x509.superUser;
    const id: Id = { scheme: 'x509', id: subject };
    return isSuper ? [{ scheme: 'super', id: subject }, id] : [id];
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
