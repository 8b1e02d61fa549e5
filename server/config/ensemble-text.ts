import type { Ensemble, EnsembleServer } from './ensemble.ts';
import { addressesOf } from './server-addresses.ts';

/**
 * The ensemble as its members tell each other: one line for each server, then groups and
 * weights, then `version=` in lower-case hex; lines joined by `\n`, none behind the last.
 * Goes into notifications, NEWLEADER and `/zookeeper/config`.
 *
 * Source: quorum protocol, section 13.1.
 */
export function ensembleText(ensemble: Ensemble): string {
  const lines = ensemble.servers.map(serverLine);
  for (const [group, sids] of ensemble.groups) lines.push(`group.${group}=${sids.join(':')}`);
  if (ensemble.groups.size > 0) {
    for (const [sid, weight] of weightsOf(ensemble)) lines.push(`weight.${sid}=${weight}`);
  }
  lines.push(`version=${ensemble.version.toString(16)}`);
  return lines.join('\n');
}

/** Those that are configured, and 1 for every other participant, by id. */
function weightsOf({ servers, weights }: Ensemble): (readonly [number, number])[] {
  const voters = servers.filter(({ role }) => role === 'participant').map(({ sid }) => sid);
  const sids = [...new Set([...voters, ...weights.keys()])].sort((a, b) => a - b);
  return sids.map((sid) => [sid, weights.get(sid) ?? 1]);
}

function serverLine(server: EnsembleServer): string {
  const client = server.clientAddress;
  const address = addressesText(server);
  const line = `server.${server.sid}=${address}:${server.role}`;
  return client === null ? line : `${line};${bracketed(client.host)}:${client.port}`;
}

/** `host:quorumPort:electionPort`, several joined by `|`. */
export function addressesText(server: EnsembleServer): string {
  return addressesOf(server)
    .map(({ host, quorumPort, electionPort }) => `${bracketed(host)}:${quorumPort}:${electionPort}`)
    .join('|');
}

/** A colon inside a host name is an IPv6 address. */
function bracketed(host: string): string {
  return host.includes(':') && !host.startsWith('[') ? `[${host}]` : host;
}
