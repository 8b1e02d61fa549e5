import type { DigestMd5Server } from '../sasl/digest-md5.ts';
import type { Client } from './client.ts';

/** How clients authenticate by SASL. */
export interface ClientSasl {
  /** An exchange with a challenge of its own. */
  readonly begin: () => DigestMd5Server;
}

type SaslStep =
  | { readonly token: Buffer; readonly username: string | null }
  | { readonly refused: string };

/**
 * One request of a client's exchange: an empty token, then the answer to the challenge. What comes
 * behind success is refused, as by the reference.
 *
 * Source: client protocol, section 3; configuration, section 7.
 */
export function stepSasl(sasl: ClientSasl, client: Client, token: Uint8Array | null): SaslStep {
  const { sasl: begun } = client;
  if (begun === 'over') return { refused: 'the exchange is over' };
  if (begun === null) {
    if (token !== null && token.length > 0) return { refused: 'it did not wait to be asked' };
    const server = sasl.begin();
    client.sasl = server;
    return { token: server.challenge(), username: null };
  }
  client.sasl = 'over';
  const verdict = begun.judge(token ?? new Uint8Array(0));
  if ('refused' in verdict) return verdict;
  return { token: verdict.proof, username: verdict.username };
}
