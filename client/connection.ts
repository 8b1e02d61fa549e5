import { ErrorCode } from '../server/protocol/error-code.ts';
import { JuteError } from '../server/protocol/jute.ts';
import type { JuteReader, JuteWriter } from '../server/protocol/jute.ts';
import { pathProblem } from '../server/protocol/path.ts';
import { nonceBytes } from '../server/sasl/digest-md5.ts';
import { intoChroot, outOfChroot } from './chroot.ts';
import { deferred } from './deferred.ts';
import { Driver } from './driver.ts';
import { HostRing, parseConnectString } from './hosts.ts';
import type { SaslLogin } from './sasl.ts';
import { ClientSession } from './session.ts';
import type { SessionState } from './session-events.ts';
import type { TlsOptions } from './transport.ts';
import { WatchTable } from './watches.ts';
import { errorName, ZkError } from './zk-error.ts';

export interface ConnectOptions {
  /** How long the ensemble keeps the session without contact; servers have bounds. Default 30 s. */
  readonly sessionTimeoutMs?: number;
  /** How long the first connection may take. Default: the session timeout. */
  readonly connectTimeoutMs?: number;
  /** Gives up connecting: CONNECTION_LOSS. Without effect on a session that there is. */
  readonly signal?: AbortSignal;
  /** Also content with a server that has lost its quorum. */
  readonly readOnly?: boolean;
  /** Identities to prove on every connection; the first proves them before it is handed out. */
  readonly auth?: readonly { readonly scheme: string; readonly auth: Uint8Array | string }[];
  /**
   * Present: every connection proves by SASL DIGEST-MD5 who this is, and has the server prove that
   * it knows the password too. A server that does not accept it, or never asks, ends the session:
   * AUTH_FAILED.
   */
  readonly sasl?: SaslLogin;
  /** Present: speak TLS. */
  readonly tls?: TlsOptions;
  /** Largest reply that is accepted. Default 4 MiB. */
  readonly frameBytesMax?: number;
  /** What a watch or state listener threw. Default: an uncaught exception. */
  readonly onListenerError?: (error: unknown) => void;
  /** Uniform in [0, 1); for the order of hosts and the pauses between them. */
  readonly random?: () => number;
}

export type SessionListener = (state: SessionState, reason: string) => void;

/** A request as the public API makes it. */
export interface Request<T> {
  readonly opCode: number;
  /** For errors. */
  readonly path: string | null;
  readonly write: (writer: JuteWriter) => void;
  readonly read: (reader: JuteReader) => T;
  /** A refusal that is an answer all the same; `undefined`: it is not. */
  readonly otherwise: ((error: ErrorCode) => T | undefined) | null;
}

const sessionTimeoutMsDefault = 30_000;
const frameBytesMaxDefault = 4 * 1024 * 1024;

/** What is between the public API and a session: promises, chroot and listeners. */
export class ClientConnection {
  readonly chroot: string;
  readonly session: ClientSession;
  readonly watches: WatchTable = new WatchTable();
  readonly #driver: Driver;
  readonly #listeners = new Set<SessionListener>();
  readonly #onListenerError: (error: unknown) => void;

  private constructor(connectString: string, options: ConnectOptions) {
    const { hosts, chroot } = parseConnectString(connectString);
    const problem = chroot === '' ? null : pathProblem(chroot);
    if (problem !== null) throw new ZkError('BAD_ARGUMENTS', chroot, problem);
    this.chroot = chroot;
    this.#onListenerError = options.onListenerError ?? throwLater;
    const random = options.random ?? Math.random;
    this.session = new ClientSession({
      hosts: new HostRing(hosts, random),
      watches: this.watches,
      sessionTimeoutMs: options.sessionTimeoutMs ?? sessionTimeoutMsDefault,
      isReadOnlyAllowed: options.readOnly === true,
      frameBytesMax: options.frameBytesMax ?? frameBytesMaxDefault,
      sasl: options.sasl === undefined ? null : { login: checked(options.sasl), nonce },
      random,
    });
    this.#driver = new Driver(this.session, {
      tls: options.tls ?? null,
      onState: (state, reason) => this.#tell(state, reason),
      onListenerError: this.#onListenerError,
      pathOf: (path) => this.out(path),
    });
  }

  /** @throws ZkError CONNECTION_LOSS, SESSION_EXPIRED, AUTH_FAILED, BAD_ARGUMENTS */
  static async open(connectString: string, options: ConnectOptions): Promise<ClientConnection> {
    const connection = new ClientConnection(connectString, options);
    const { promise, resolve, reject } = deferred<void>();
    const timeoutMs = options.connectTimeoutMs ?? connection.session.timeoutMs;
    const giveUp = (): void => void connection.close();
    const timer = setTimeout(giveUp, timeoutMs);
    options.signal?.addEventListener('abort', giveUp);
    const off = connection.onState((state, reason) => {
      if (state === 'connected') return resolve();
      if (!connection.session.isOver) return;
      const code = errorName(connection.session.endError);
      const failure = connection.session.lastFailure ?? reason;
      reject(new ZkError(code, null, `${connectString} within ${timeoutMs} ms: ${failure}`));
    });
    const proofs = (options.auth ?? []).map(({ scheme, auth }) =>
      connection.addAuth(scheme, Buffer.from(auth as Uint8Array)),
    );
    connection.#driver.start();
    if (options.signal?.aborted === true) giveUp();
    try {
      await Promise.all([promise, ...proofs]);
    } catch (error) {
      await connection.close();
      throw error;
    } finally {
      clearTimeout(timer);
      options.signal?.removeEventListener('abort', giveUp);
      off();
    }
    return connection;
  }

  into(path: string): string {
    return intoChroot(this.chroot, path);
  }

  out(path: string): string {
    return outOfChroot(this.chroot, path);
  }

  onState(listener: SessionListener): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  call<T>(request: Request<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      this.#driver.submit({
        opCode: request.opCode,
        write: request.write,
        settle: (error, reader) => {
          if (error !== ErrorCode.OK) {
            const answer = request.otherwise?.(error);
            if (answer !== undefined) return resolve(answer);
            return reject(new ZkError(errorName(error), request.path));
          }
          try {
            resolve(request.read(reader));
          } catch (cause) {
            if (!(cause instanceof JuteError)) throw cause;
            reject(new ZkError('MARSHALLING_ERROR', request.path, cause.message, cause));
          }
        },
      });
    });
  }

  addAuth(scheme: string, auth: Uint8Array): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#driver.addAuth(scheme, auth, (error) => {
        if (error === ErrorCode.OK) resolve();
        else reject(new ZkError(errorName(error), null, `identity of scheme ${scheme}`));
      });
    });
  }

  close(): Promise<void> {
    const { promise, resolve } = deferred<void>();
    if (this.session.isOver) return Promise.resolve();
    this.onState((state) => {
      if (state === 'closed' || state === 'expired') resolve();
    });
    this.#driver.close();
    return promise;
  }

  #tell(state: SessionState, reason: string): void {
    for (const listener of this.#listeners) {
      try {
        listener(state, reason);
      } catch (error) {
        this.#onListenerError(error);
      }
    }
  }
}

function throwLater(error: unknown): void {
  queueMicrotask(() => {
    throw error;
  });
}

/** @throws ZkError BAD_ARGUMENTS */
function checked(login: SaslLogin): SaslLogin {
  if (login.username !== '' && login.password !== '') return login;
  throw new ZkError(
    'BAD_ARGUMENTS',
    null,
    'sasl needs a username and a password, none of them empty',
  );
}

function nonce(): string {
  return Buffer.from(crypto.getRandomValues(new Uint8Array(nonceBytes))).toString('base64');
}
