import type { Ensemble, EnsembleServer } from './ensemble.ts';

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
    for (const [sid, weight] of ensemble.weights) lines.push(`weight.${sid}=${weight}`);
  }
  lines.push(`version=${ensemble.version.toString(16)}`);
  return lines.join('\n');
}

function serverLine(server: EnsembleServer): string {
  const client = server.clientAddress;
  const address = `${bracketed(server.host)}:${server.quorumPort}:${server.electionPort}`;
  const line = `server.${server.sid}=${address}:${server.role}`;
  return client === null ? line : `${line};${bracketed(client.host)}:${client.port}`;
}

/** A colon inside a host name is an IPv6 address. */
function bracketed(host: string): string {
  return host.includes(':') && !host.startsWith('[') ? `[${host}]` : host;
}
