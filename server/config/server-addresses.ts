import type { EnsembleServer, ServerAddress } from './ensemble.ts';

/** All places at which it listens, at least one. */
export function addressesOf(server: EnsembleServer): readonly ServerAddress[] {
  return server.others === undefined ? [server] : [server, ...server.others];
}

export function quorumAddressesOf(server: EnsembleServer): SocketPlace[] {
  return addressesOf(server).map(({ host, quorumPort }) => ({ host, port: quorumPort }));
}

export function electionAddressesOf(server: EnsembleServer): SocketPlace[] {
  return addressesOf(server).map(({ host, electionPort }) => ({ host, port: electionPort }));
}

interface SocketPlace {
  readonly host: string;
  readonly port: number;
}

/** Whether learners reach both at the same places; where neither is there, they do. */
export function isSameQuorumPlace(a: EnsembleServer | null, b: EnsembleServer | null): boolean {
  if (a === null || b === null) return a === b;
  return areSamePlaces(quorumAddressesOf(a), quorumAddressesOf(b));
}

export function areSamePlaces(a: readonly SocketPlace[], b: readonly SocketPlace[]): boolean {
  const isSame = ({ host, port }: SocketPlace, at: number): boolean =>
    b[at]?.host === host && b[at].port === port;
  return a.length === b.length && a.every(isSame);
}
