import { lookup } from 'node:dns';
import { checkServerIdentity } from 'node:tls';
import type { PeerCertificate } from 'node:tls';

/** Names of one certificate that are looked up. */
export const lookupsMax = 8;

/** Whether a certificate names that host or address, by its own words alone. */
export function isNamed(certificate: PeerCertificate, host: string): boolean {
  return host !== '' && checkServerIdentity(host, certificate) === undefined;
}

/**
 * Whether whoever showed the certificate may be a member: it names a host of the members, or the
 * address that it came from; or a name in it leads to that address, as for a server that joins and
 * is in nobody's configuration yet. Names are looked up forward only: what an address is called by
 * its reverse entry is up to whoever owns the address.
 */
export function checkMemberNames(
  certificate: PeerCertificate,
  memberHosts: readonly string[],
  remoteHost: string,
  done: (isMember: boolean) => void,
): void {
  if ([...memberHosts, remoteHost].some((host) => isNamed(certificate, host))) return done(true);
  const names = dnsNamesOf(certificate).slice(0, lookupsMax);
  let left = names.length;
  let isFound = false;
  if (left === 0) return done(false);
  for (const name of names) {
    lookup(name, { all: true }, (error, addresses) => {
      left -= 1;
      if (isFound) return;
      isFound = error === null && addresses.some(({ address }) => address === remoteHost);
      if (isFound || left === 0) done(isFound);
    });
  }
}

function dnsNamesOf(certificate: PeerCertificate): string[] {
  return (certificate.subjectaltname ?? '')
    .split(', ')
    .filter((part) => part.startsWith('DNS:') && !part.includes('*'))
    .map((part) => part.slice('DNS:'.length));
}
