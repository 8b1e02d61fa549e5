import type { Outcome } from '../protocol/error-code.ts';
import { ErrorCode } from '../protocol/error-code.ts';
import type { Ensemble, EnsembleServer } from './ensemble.ts';
import { isAnyHost } from './host-address.ts';
import { parseEnsemble } from './parse-ensemble.ts';
import { electionAddressesOf, quorumAddressesOf } from './server-addresses.ts';
import type { RawEntry } from './zoo-cfg.ts';
import { parseZooCfg } from './zoo-cfg.ts';

/** What a client wants changed: the difference, or the whole new list, which wins. */
export interface ChangeRequest {
  /** `server.N=…`, separated by commas; `null`: nobody joins. */
  readonly joiningServers: string | null;
  /** Server ids, separated by commas; `null`: nobody leaves. */
  readonly leavingServers: string | null;
  /** `server.N=…`, `group.N=…` and `weight.N=…` lines, separated by commas or line ends. */
  readonly newMembers: string | null;
  /** Version of the ensemble to which it applies; -1: any. */
  readonly curConfigId: number;
}

/** Where the ensemble stands when a change is asked for. */
export interface ChangeState {
  readonly active: Ensemble;
  /** A later ensemble that was proposed and is not active yet. */
  readonly next: Ensemble | null;
  /** Zxid that the change would get: the version of what it makes. */
  readonly version: number;
  /** Fewer participants than this are refused: 2, or 1 without standaloneEnabled. */
  readonly voterCountMin: number;
  /** Whether a quorum of that ensemble is connected and has the leader's history. */
  readonly isQuorumReady: (ensemble: Ensemble) => boolean;
  /** A server may have several addresses; default false. */
  readonly multiAddress?: boolean;
}

/**
 * The ensemble that a change makes, or the first reason against it: a change under way, another
 * version than expected, members that make no sense, a quorum that is not there.
 *
 * Source: quorum protocol, section 13.3.
 */
export function changedEnsemble(request: ChangeRequest, state: ChangeState): Outcome<Ensemble> {
  const { active, next } = state;
  if (next !== null && next.version !== active.version) {
    return { refused: ErrorCode.RECONFIG_IN_PROGRESS };
  }
  const { curConfigId } = request;
  if (curConfigId !== -1 && curConfigId !== active.version) {
    return { refused: ErrorCode.BAD_VERSION };
  }
  const ensemble =
    request.newMembers === null
      ? membersByDifference(active, request, state)
      : membersOf(entriesOf(request.newMembers), state);
  if (ensemble === null || hasSharedAddress(ensemble)) return { refused: ErrorCode.BAD_ARGUMENTS };
  const voters = ensemble.servers.filter((server) => server.role === 'participant');
  if (voters.length < state.voterCountMin) return { refused: ErrorCode.BAD_ARGUMENTS };
  if (!state.isQuorumReady(ensemble)) return { refused: ErrorCode.NEW_CONFIG_NO_QUORUM };
  return { value: ensemble };
}

/** Leavers go first, so a server may leave and join at another place in one change. */
function membersByDifference(
  active: Ensemble,
  request: ChangeRequest,
  state: ChangeState,
): Ensemble | null {
  const { version } = state;
  if (active.groups.size > 0) return null;
  const servers = new Map<number, EnsembleServer>();
  for (const server of active.servers) servers.set(server.sid, server);
  for (const text of piecesOf(request.leavingServers)) {
    if (!/^\d{1,19}$/.test(text)) return null;
    servers.delete(Number(text));
  }
  const entries = entriesOf(piecesOf(request.joiningServers).join('\n'));
  if (entries === null || !entries.every((entry) => entry.key.startsWith('server.'))) return null;
  const joining = parseEnsemble(entries, version, state);
  if (joining.problems.length > 0) return null;
  for (const server of joining.ensemble.servers) servers.set(server.sid, server);
  const all = [...servers.values()].sort((a, b) => a.sid - b.sid);
  return { version, servers: all, groups: new Map(), weights: new Map() };
}

function membersOf(entries: readonly RawEntry[] | null, state: ChangeState): Ensemble | null {
  if (entries === null || entries.length === 0) return null;
  const isMember = ({ key }: RawEntry): boolean => /^(server\.|group|weight|version$)/.test(key);
  if (!entries.every(isMember)) return null;
  const { ensemble, problems } = parseEnsemble(entries, state.version, state);
  return problems.length > 0 ? null : ensemble;
}

function entriesOf(text: string): readonly RawEntry[] | null {
  const { entries, problems } = parseZooCfg(text.replaceAll(',', '\n'));
  return problems.length > 0 ? null : entries;
}

function piecesOf(text: string | null): string[] {
  if (text === null) return [];
  return text
    .split(',')
    .map((piece) => piece.trim())
    .filter((piece) => piece !== '');
}

/** Two servers at one address could never both listen. Everybody may have the wildcard, or itself. */
function hasSharedAddress(ensemble: Ensemble): boolean {
  const taken = new Set<string>();
  for (const server of ensemble.servers) {
    const { clientAddress } = server;
    const places = [...quorumAddressesOf(server), ...electionAddressesOf(server)];
    const own = places.map(({ host, port }) => `${host}:${port}`);
    const client = clientAddress?.host ?? server.host;
    if (clientAddress !== null && !isAnyHost(client)) own.push(`${client}:${clientAddress.port}`);
    for (const address of own) {
      if (taken.has(address)) return true;
      taken.add(address);
    }
  }
  return false;
}
