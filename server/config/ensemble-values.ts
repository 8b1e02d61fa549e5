import type { Ensemble, EnsembleServer } from './ensemble.ts';
import { parseEnsemble } from './parse-ensemble.ts';
import { areSamePlaces, electionAddressesOf, quorumAddressesOf } from './server-addresses.ts';
import { parseZooCfg } from './zoo-cfg.ts';

/**
 * The ensemble of a text as `ensembleText` writes it; `null`: it is none. Without a `version=`
 * line its version is 0.
 *
 * Source: quorum protocol, section 13.1.
 */
export function ensembleOfText(text: string): Ensemble | null {
  const raw = parseZooCfg(text);
  if (raw.problems.length > 0) return null;
  let version = 0;
  for (const { key, value } of raw.entries) {
    if (key === 'version') {
      const parsed = versionOfHex(value);
      if (parsed === null) return null;
      version = parsed;
    } else if (!/^(server\.|group|weight)/.test(key)) {
      return null;
    }
  }
  // Whoever wrote it was allowed several addresses.
  const { ensemble, problems } = parseEnsemble(raw.entries, version, { multiAddress: true });
  return problems.length > 0 || ensemble.servers.length === 0 ? null : ensemble;
}

/** `100000026` → 0x100000026; `null`: no hex number, or not an exact one. */
export function versionOfHex(text: string): number | null {
  const version = /^[0-9a-fA-F]{1,14}$/.test(text) ? Number.parseInt(text, 16) : Number.NaN;
  return Number.isSafeInteger(version) ? version : null;
}

/** Version of a text without looking at the rest of it; `null`: it names none. */
export function versionOfText(text: string): number | null {
  const found = /(?:^|\n)version=([0-9a-fA-F]+)\s*$/.exec(text)?.[1];
  return found === undefined ? null : versionOfHex(found);
}

/** Whether both have the same members at the same places with the same say, whatever their versions. */
export function areSameMembers(a: Ensemble, b: Ensemble): boolean {
  if (a.servers.length !== b.servers.length) return false;
  for (const server of a.servers) {
    const other = serverOf(b, server.sid);
    if (other === null || !isSameServer(server, other)) return false;
  }
  if (JSON.stringify([...a.groups]) !== JSON.stringify([...b.groups])) return false;
  return a.servers.every(({ sid }) => (a.weights.get(sid) ?? 1) === (b.weights.get(sid) ?? 1));
}

/** The server with that id; `null`: the ensemble does not name it. */
export function serverOf(ensemble: Ensemble, sid: number): EnsembleServer | null {
  return ensemble.servers.find((server) => server.sid === sid) ?? null;
}

function isSameServer(a: EnsembleServer, b: EnsembleServer): boolean {
  return (
    a.role === b.role &&
    areSamePlaces(quorumAddressesOf(a), quorumAddressesOf(b)) &&
    areSamePlaces(electionAddressesOf(a), electionAddressesOf(b)) &&
    a.clientAddress?.host === b.clientAddress?.host &&
    a.clientAddress?.port === b.clientAddress?.port
  );
}
