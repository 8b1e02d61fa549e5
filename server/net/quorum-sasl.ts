import type { QuorumAuthPacket } from '../protocol/quorum-auth-packet.ts';
import {
  encodeQuorumAuthPacket,
  isQuorumAuthPacket,
  quorumAuthMagicBytes,
  QuorumAuthStatus,
  readQuorumAuthPacket,
} from '../protocol/quorum-auth-packet.ts';
import { JuteError } from '../protocol/jute.ts';
import type { Login } from '../sasl/digest-login.ts';
import { DigestMd5Client, DigestMd5Server, nonceBytes, quorumService } from '../sasl/digest-md5.ts';
import type { Connection } from './transport.ts';

/** An exchange that takes longer is given up, ms. */
export const saslExchangeMsMax = 5000;

const noToken = Buffer.alloc(0);

export interface QuorumSaslOptions {
  /** Whom the accepting side believes: passwords by name. */
  readonly users: ReadonlyMap<string, string>;
  /** As whom the dialling side authenticates; `null`: it does not. */
  readonly login: Login | null;
  /** The accepting side takes nobody who does not. */
  readonly isRequired: boolean;
  readonly random: (bytes: number) => Buffer;
  readonly timer: (afterMs: number, run: () => void) => { cancel(): void };
}

/** How an exchange ends. `rest`: bytes that came behind it. The handlers are the caller's again. */
export interface SaslEnd {
  readonly onDone: (rest: Buffer) => void;
  /** The connection is closed. The reason holds no secret. */
  readonly onRefused: (reason: string) => void;
}

/**
 * Authentication between servers, on a connection that is open: behind the greeting of the election
 * port, before the first packet of the quorum port.
 *
 * Source: quorum protocol, section 19.
 */
export class QuorumSasl {
  readonly #options: QuorumSaslOptions;

  constructor(options: QuorumSaslOptions) {
    this.#options = options;
  }

  /** The side that dialled says who it is, if it is to. */
  initiate(connection: Connection, end: SaslEnd): void {
    const { login } = this.#options;
    if (login === null) return end.onDone(noToken);
    const client = new DigestMd5Client(quorumService, login, this.#nonce());
    let isAnswered = false;
    const exchange = new Exchange(connection, this.#options, end, (packet) => {
      if (packet.status === QuorumAuthStatus.ERROR) return exchange.refuse('refused by the peer');
      if (packet.status === QuorumAuthStatus.SUCCESS) {
        if (!client.isProof(packet.token)) {
          return exchange.refuse('the peer does not know the password');
        }
        return exchange.done();
      }
      const answer = client.answer(packet.token);
      if ('refused' in answer || isAnswered) return exchange.refuse('unexpected challenge');
      isAnswered = true;
      exchange.send(QuorumAuthStatus.IN_PROGRESS, answer.response);
    });
    exchange.send(QuorumAuthStatus.IN_PROGRESS, noToken);
  }

  /** The side that accepted finds out who that is. `received`: bytes that are there already. */
  accept(connection: Connection, received: Buffer, end: SaslEnd): void {
    const { isRequired, users } = this.#options;
    const server = new DigestMd5Server(quorumService, users, this.#nonce());
    let isAsked = false;
    const exchange = new Exchange(connection, this.#options, end, (packet) => {
      if (packet.status !== QuorumAuthStatus.IN_PROGRESS) return exchange.fail('out of turn');
      if (!isAsked) {
        isAsked = true;
        return exchange.send(QuorumAuthStatus.IN_PROGRESS, server.challenge());
      }
      const verdict = server.judge(packet.token);
      if ('refused' in verdict) return exchange.fail(verdict.refused);
      exchange.send(QuorumAuthStatus.SUCCESS, verdict.proof);
      exchange.done();
    });
    exchange.isOptional = !isRequired;
    if (received.length > 0) exchange.take(received);
  }

  #nonce(): string {
    return this.#options.random(nonceBytes).toString('base64');
  }
}

/** One exchange on one connection, until it ends in one way. */
class Exchange {
  /** Who does not begin with an authentication, or fails in it, stays unauthenticated. */
  isOptional = false;
  readonly #connection: Connection;
  readonly #end: SaslEnd;
  readonly #onPacket: (packet: QuorumAuthPacket) => void;
  readonly #timer: { cancel(): void };
  #received: Buffer = noToken;
  #isBegun = false;
  #isOver = false;

  constructor(
    connection: Connection,
    options: QuorumSaslOptions,
    end: SaslEnd,
    onPacket: (packet: QuorumAuthPacket) => void,
  ) {
    this.#connection = connection;
    this.#end = end;
    this.#onPacket = onPacket;
    this.#timer = options.timer(saslExchangeMsMax, () => this.#expired());
    connection.onData = (chunk) => this.take(chunk);
    connection.onClose = (reason) => this.#closed(reason);
  }

  take(chunk: Buffer): void {
    this.#received = this.#received.length === 0 ? chunk : Buffer.concat([this.#received, chunk]);
    while (!this.#isOver && this.#received.length >= quorumAuthMagicBytes) {
      if (this.isOptional && !isQuorumAuthPacket(this.#received)) return this.done();
      const read = this.#read();
      if (read === null) return;
      this.#isBegun = true;
      this.#received = this.#received.subarray(read.bytes);
      this.#onPacket(read.packet);
    }
  }

  send(status: QuorumAuthStatus, token: Uint8Array): void {
    this.#connection.write(encodeQuorumAuthPacket({ status, token }));
  }

  done(): void {
    if (!this.#over()) return;
    this.#end.onDone(this.#received);
  }

  /** The peer is told; if nobody insists on it, it goes on as a stranger. */
  fail(reason: string): void {
    if (this.#isOver) return;
    this.send(QuorumAuthStatus.ERROR, noToken);
    if (this.isOptional) this.done();
    else this.refuse(reason);
  }

  refuse(reason: string): void {
    if (!this.#over()) return;
    this.#connection.end();
    this.#end.onRefused(reason);
  }

  #read(): ReturnType<typeof readQuorumAuthPacket> {
    try {
      return readQuorumAuthPacket(this.#received);
    } catch (error) {
      if (!(error instanceof JuteError)) throw error;
      this.refuse(error.message);
      return null;
    }
  }

  /** Where nobody insists, who has said nothing yet may go on as a stranger. */
  #expired(): void {
    if (this.isOptional && !this.#isBegun) return this.done();
    this.refuse(`no authentication within ${saslExchangeMsMax} ms`);
  }

  #closed(reason: string): void {
    if (!this.isOptional) return this.refuse(`it ended in the authentication: ${reason}`);
    // A server that only asks to be dialled says less than this side waits for. Whoever takes the
    // connection over hears of its end from the handler that it has set meanwhile.
    this.done();
    this.#connection.onClose(reason);
  }

  #over(): boolean {
    if (this.#isOver) return false;
    this.#isOver = true;
    this.#timer.cancel();
    this.#connection.onData = () => undefined;
    this.#connection.onClose = () => undefined;
    return true;
  }
}
