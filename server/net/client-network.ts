import type { SocketAddress, Transport } from './transport.ts';

/** How clients reach a server. */
export interface ClientNetwork {
  /** Of the client port; may take TLS as well. */
  readonly plain: Transport;
  /** The port that takes TLS alone; `null`: there is none. */
  readonly secure: { readonly transport: Transport; readonly address: SocketAddress } | null;
  /** Clients may show certificates, which access lists can name. */
  readonly hasCertificates: boolean;
}

export function plainClients(transport: Transport): ClientNetwork {
  return { plain: transport, secure: null, hasCertificates: false };
}
