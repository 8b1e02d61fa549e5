/** Byte streams between machines, as the rooms see them. Callbacks run in a later turn than the call. */
export interface Transport {
  listen(address: SocketAddress, handlers: ListenHandlers): Listener;
  /** Fails through the connection's `onClose`. */
  connect(address: SocketAddress, timeoutMs: number): Connection;
}

export interface ListenHandlers {
  readonly onListening: (port: number) => void;
  readonly onConnection: (connection: Connection) => void;
  /** The address cannot be bound; the reason names it. */
  readonly onFailure: (reason: string) => void;
  /** Connections that the system queues before they are taken; standard 1024. */
  readonly backlogCount?: number;
}

export interface SocketAddress {
  readonly host: string;
  readonly port: number;
}

export interface Listener {
  /** Takes no more connections; those taken live on. */
  close(): void;
}

export interface Connection {
  readonly remote: SocketAddress;
  /** Whether the peer's certificate names that host; absent where names are not looked at. */
  readonly proves?: (host: string) => boolean;
  /** Whom the peer's certificate is about, e.g. `CN=ann,O=example`; absent without one. */
  readonly subject?: string;
  /** Set these before the turn ends. Chunks belong to the receiver. */
  onConnect: () => void;
  onData: (chunk: Buffer) => void;
  /** Once, for whatever reason, also a peer's orderly end. Nothing follows. */
  onClose: (reason: string) => void;
  /** Bytes wait in the socket no longer; after `write` said false. */
  onDrain: () => void;
  /** Takes the bytes over. False: more than the socket's buffer waits; go on after `onDrain`. */
  write(bytes: Uint8Array): boolean;
  /** The system finds out whether the other end is still there; absent where there is no system. */
  keepAlive?(): void;
  pause(): void;
  resume(): void;
  /** Sends what waits, then closes. */
  end(): void;
  /** Closes now. `onClose` is not called. */
  destroy(): void;
}
