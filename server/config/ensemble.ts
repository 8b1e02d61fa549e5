/** One place at which a server listens for the others. */
export interface ServerAddress {
  readonly host: string;
  readonly quorumPort: number;
  readonly electionPort: number;
}

/** Where a server listens, and whether it votes. One `server.N` line. */
export interface EnsembleServer extends ServerAddress {
  /** The id of `myid`: 1..255. */
  readonly sid: number;
  /** Of a server with several addresses those behind the first, which stands in the server itself; in the order of their hosts. */
  readonly others?: readonly ServerAddress[];
  readonly role: 'participant' | 'observer';
  /** From the `;host:port` part; `null` when the line has none. */
  readonly clientAddress: { readonly host: string; readonly port: number } | null;
}

/** The members of an ensemble and how their votes weigh. Values only; quorum rules are in zab. */
export interface Ensemble {
  /** Zxid of the change that made it; 0 for a configured, never changed ensemble. */
  readonly version: number;
  readonly servers: readonly EnsembleServer[];
  /** Groups of a hierarchical quorum: group id to server ids. Empty: simple majority. */
  readonly groups: ReadonlyMap<number, readonly number[]>;
  /** Weights by server id; 1 where absent. */
  readonly weights: ReadonlyMap<number, number>;
}
