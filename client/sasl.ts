import { ErrorCode } from '../server/protocol/error-code.ts';
import { beginFrame, endFrame } from '../server/protocol/framing.ts';
import { writeRequestHeader } from '../server/protocol/headers.ts';
import type { JuteReader, JuteWriter } from '../server/protocol/jute.ts';
import { OpCode } from '../server/protocol/op-code.ts';
import { saslToken } from '../server/protocol/requests/access.ts';
import { clientService, DigestMd5Client } from '../server/sasl/digest-md5.ts';

/** As whom a client goes to the servers. The password is never sent. */
export interface SaslLogin {
  readonly username: string;
  readonly password: string;
}

/** What a reply of the exchange comes to: more to send, proven, or why not. */
export type SaslProgress = 'asked' | 'proven' | { readonly refused: string };

/** No call has it: those count from 1. */
const saslXid = 0;

/**
 * One connection's proof by DIGEST-MD5, before anything else is asked on it: an empty token, the
 * answer to the challenge, and the server's own proof, which is checked.
 *
 * Source: client protocol, section 3; configuration, section 7.
 */
export class SaslExchange {
  readonly #client: DigestMd5Client;
  #hasAnswered = false;

  /** @param cnonce fresh for each connection, from a good source */
  constructor(login: SaslLogin, cnonce: string) {
    this.#client = new DigestMd5Client(clientService, login, cnonce);
  }

  begin(writer: JuteWriter): void {
    write(writer, new Uint8Array(0));
  }

  /** @throws JuteError when it is no reply of such an exchange. */
  step(reader: JuteReader, writer: JuteWriter): SaslProgress {
    reader.int32();
    reader.zxid();
    const error = reader.int32();
    if (error !== ErrorCode.OK) return { refused: 'the server does not accept user and password' };
    const token = saslToken.read(reader);
    if (token === null)
      return { refused: 'the server does not ask for it: it has no section Server' };
    if (this.#hasAnswered) {
      if (this.#client.isProof(token)) return 'proven';
      return { refused: 'the server does not prove that it knows the password' };
    }
    const answer = this.#client.answer(token);
    if ('refused' in answer) return { refused: `the server sent ${answer.refused}` };
    this.#hasAnswered = true;
    write(writer, answer.response);
    return 'asked';
  }
}

function write(writer: JuteWriter, token: Uint8Array): void {
  const at = beginFrame(writer);
  writeRequestHeader(writer, saslXid, OpCode.SASL);
  saslToken.write(writer, token);
  endFrame(writer, at);
}
