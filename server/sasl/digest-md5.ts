import { createHash, timingSafeEqual } from 'node:crypto';
import type { Login } from './digest-login.ts';
import { parseDirectives, quoted } from './directives.ts';

/** Which conversation is authenticated; both sides must mean the same. */
export interface DigestService {
  readonly protocol: string;
  /** Offered as the realm too. */
  readonly serverName: string;
}

/** Between servers of an ensemble. Source: quorum protocol, section 19. */
export const quorumService: DigestService = {
  protocol: 'zookeeper-quorum',
  serverName: 'zk-quorum-sasl-md5',
};

/** Between a client and a server. Source: configuration, section 7. */
export const clientService: DigestService = { protocol: 'zookeeper', serverName: 'zk-sasl-md5' };

/** Random bytes of a nonce; it is sent as base64. */
export const nonceBytes = 30;

/** What a step of either side comes to. A refusal says why, without anybody's secret. */
export type DigestOutcome<T> = T | { readonly refused: string };

/**
 * The side that asks: one challenge, one answer to judge.
 *
 * Names count by exact match with those that are known: nothing is cut off, added or guessed.
 *
 * Source: RFC 2831; quorum protocol, section 19; configuration, section 7.
 */
export class DigestMd5Server {
  readonly #service: DigestService;
  readonly #users: ReadonlyMap<string, string>;
  readonly #nonce: string;

  /** @param nonce fresh for each conversation: {@link nonceBytes} from a good source, as base64 */
  constructor(service: DigestService, users: ReadonlyMap<string, string>, nonce: string) {
    this.#service = service;
    this.#users = users;
    this.#nonce = nonce;
  }

  challenge(): Buffer {
    const { serverName } = this.#service;
    return Buffer.from(
      `realm=${quoted(serverName)},nonce=${quoted(this.#nonce)},charset=utf-8,algorithm=md5-sess`,
    );
  }

  /** Who that was, and the proof that this side knows the password too. */
  judge(
    response: Uint8Array,
  ): DigestOutcome<{ readonly username: string; readonly proof: Buffer }> {
    const said = parseDirectives(response);
    if (said === null) return { refused: 'an answer that cannot be read' };
    const wrong = this.#wrongIn(said);
    if (wrong !== null) return { refused: wrong };
    const username = said.get('username') ?? '';
    const password = this.#users.get(username);
    // For a name that nobody has the same work is done, so that the time tells nothing.
    const secret = { username, password: password ?? '' };
    const expected = digestOf(secret, said, 'AUTHENTICATE:');
    const isProven = isSame(said.get('response') ?? '', expected);
    if (!isProven || password === undefined) return { refused: 'wrong user or password' };
    return { username, proof: Buffer.from(`rspauth=${digestOf(secret, said, ':')}`) };
  }

  /** Everything but the password. */
  #wrongIn(said: ReadonlyMap<string, string>): string | null {
    const { protocol, serverName } = this.#service;
    const username = said.get('username') ?? '';
    if (username === '') return 'no user name';
    if ((said.get('authzid') ?? username) !== username) return 'one user wants to act as another';
    if (said.get('realm') !== serverName) return 'another realm than was offered';
    if (!isSame(said.get('nonce') ?? '', this.#nonce)) return 'another nonce than was offered';
    if (said.get('nc') !== '00000001') return 'a nonce that was used before';
    if ((said.get('cnonce') ?? '') === '') return 'no nonce of its own';
    if (said.get('digest-uri') !== `${protocol}/${serverName}`) return 'meant for another service';
    if ((said.get('qop') ?? 'auth') !== 'auth') return 'a protection that was not offered';
    if (!/^[0-9a-f]{32}$/.test(said.get('response') ?? '')) return 'no proof';
    return null;
  }
}

/** The side that is asked: one answer, and the other's proof to check. */
export class DigestMd5Client {
  readonly #service: DigestService;
  readonly #login: Login;
  readonly #cnonce: string;
  #expectedProof = '';

  /** @param cnonce as the server's nonce */
  constructor(service: DigestService, login: Login, cnonce: string) {
    this.#service = service;
    this.#login = login;
    this.#cnonce = cnonce;
  }

  answer(challenge: Uint8Array): DigestOutcome<{ readonly response: Buffer }> {
    const offered = parseDirectives(challenge);
    if (offered === null) return { refused: 'a challenge that cannot be read' };
    const nonce = offered.get('nonce') ?? '';
    const isOffered = (offered.get('qop') ?? 'auth').split(/\s*,\s*/).includes('auth');
    if (nonce === '' || !isOffered || offered.get('algorithm') !== 'md5-sess') {
      return { refused: 'a challenge that asks for what this side does not have' };
    }
    const { protocol, serverName } = this.#service;
    const { username } = this.#login;
    const said = new Map([
      ['username', username],
      ['realm', offered.get('realm') ?? serverName],
      ['nonce', nonce],
      ['nc', '00000001'],
      ['cnonce', this.#cnonce],
      ['digest-uri', `${protocol}/${serverName}`],
      ['qop', 'auth'],
      ['authzid', username],
    ]);
    const text = (key: string): string => `${key}=${quoted(said.get(key) ?? '')}`;
    const response = digestOf(this.#login, said, 'AUTHENTICATE:');
    this.#expectedProof = `rspauth=${digestOf(this.#login, said, ':')}`;
    return {
      response: Buffer.from(
        `charset=utf-8,${text('username')},${text('realm')},${text('nonce')},nc=00000001,` +
          `${text('cnonce')},${text('digest-uri')},maxbuf=65536,response=${response},qop=auth,` +
          text('authzid'),
      ),
    };
  }

  /** Whether the other side knows the password as well. */
  isProof(token: Uint8Array): boolean {
    return this.#expectedProof !== '' && isSame(Buffer.from(token).toString(), this.#expectedProof);
  }
}

/** @param a2 `AUTHENTICATE:` in the answer, `:` in the other side's proof */
function digestOf(login: Login, said: ReadonlyMap<string, string>, a2: string): string {
  const value = (key: string): string => said.get(key) ?? '';
  const colon = Buffer.from(':');
  const secret = md5(
    Buffer.concat([
      hashedForm(login.username),
      colon,
      hashedForm(value('realm')),
      colon,
      hashedForm(login.password),
    ]),
  );
  const authzid = said.has('authzid') ? `:${value('authzid')}` : '';
  const a1 = Buffer.concat([
    secret,
    Buffer.from(`:${value('nonce')}:${value('cnonce')}${authzid}`),
  ]);
  const hex = (bytes: Uint8Array): string => md5(bytes).toString('hex');
  const what = hex(Buffer.from(`${a2}${value('digest-uri')}`));
  return hex(
    Buffer.from(`${hex(a1)}:${value('nonce')}:${value('nc')}:${value('cnonce')}:auth:${what}`),
  );
}

/** Latin-1 where that has all of its characters. Source: RFC 2831, section 2.1.2.1. */
function hashedForm(text: string): Buffer {
  // oxlint-disable-next-line no-control-regex
  return Buffer.from(text, /^[\u0000-\u00ff]*$/.test(text) ? 'latin1' : 'utf8');
}

function md5(bytes: Uint8Array): Buffer {
  return createHash('md5').update(bytes).digest();
}

/** In a time that does not tell where they differ. */
function isSame(given: string, expected: string): boolean {
  const a = Buffer.from(given);
  const b = Buffer.from(expected);
  return a.length === b.length && timingSafeEqual(a, b);
}
