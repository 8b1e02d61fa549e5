import type { Ensemble, EnsembleServer, ServerAddress } from './ensemble.ts';
import { addressesOf } from './server-addresses.ts';
import { anyHost, isHost, splitAddress } from './host-address.ts';
import { limits } from './limits.ts';
import type { ConfigProblem, RawEntry } from './zoo-cfg.ts';

export interface ParsedEnsemble {
  readonly ensemble: Ensemble;
  readonly problems: readonly ConfigProblem[];
  readonly warnings: readonly ConfigProblem[];
  /** Line of each server, by id. */
  readonly lines: ReadonlyMap<number, RawEntry>;
}

/** Whether the key names a member, a group or a weight. */
export function isEnsembleKey(key: string): boolean {
  return /^(server\.|group|weight)/.test(key);
}

/**
 * The ensemble from its `server.N`, `group.N` and `weight.N` lines; other entries are not looked at.
 *
 * ```
 * server.<id> = <address>[|<address>…][;[clientHost:]clientPort]
 * address = host:quorumPort:electionPort[:role]
 * group.<gid> = id[:id…]
 * weight.<id> = n
 * ```
 * Several addresses for one server only with `multiAddress`.
 *
 * Source: configuration, section 3.
 */
export function parseEnsemble(
  entries: readonly RawEntry[],
  version: number,
  options: { readonly multiAddress?: boolean } = {},
): ParsedEnsemble {
  const reader = new EnsembleReader(options.multiAddress === true);
  for (const entry of entries) reader.take(entry);
  return reader.finish(version);
}

class EnsembleReader {
  readonly #problems: ConfigProblem[] = [];
  readonly #warnings: ConfigProblem[] = [];
  readonly #servers = new Map<number, EnsembleServer>();
  readonly #lines = new Map<number, RawEntry>();
  readonly #groups = new Map<number, readonly number[]>();
  readonly #weights = new Map<number, number>();
  readonly #groupLines: RawEntry[] = [];
  readonly #weightLines: RawEntry[] = [];
  readonly #multiAddress: boolean;

  constructor(multiAddress: boolean) {
    this.#multiAddress = multiAddress;
  }

  take(entry: RawEntry): void {
    const [, kind, number] = /^(server|group|weight)\.?(.*)$/.exec(entry.key) ?? [];
    if (kind === undefined || (kind === 'server' && !entry.key.startsWith('server.'))) return;
    const id = /^\d{1,19}$/.test(number ?? '') ? Number(number) : Number.NaN;
    if (Number.isNaN(id)) {
      this.#refuse(entry, `Behind "${kind}." there must be a number.`);
    } else if (kind === 'server') {
      this.#takeServer(entry, id);
    } else if (kind === 'group') {
      this.#takeGroup(entry, id);
    } else {
      this.#takeWeight(entry, id);
    }
  }

  finish(version: number): ParsedEnsemble {
    this.#checkAddresses();
    this.#checkGroups();
    // The reference lists members by id, whatever the order of the lines.
    const servers = [...this.#servers.values()].sort((a, b) => a.sid - b.sid);
    const isHierarchical = this.#groups.size > 0;
    if (!isHierarchical && this.#weights.size > 0) {
      const remedy = 'Weights count only together with group lines; this one is ignored.';
      for (const entry of this.#weightLines) this.#warnings.push({ ...entry, remedy });
    }
    return {
      ensemble: {
        version,
        servers,
        groups: this.#groups,
        weights: isHierarchical ? this.#weights : new Map(),
      },
      problems: this.#problems,
      warnings: this.#warnings,
      lines: this.#lines,
    };
  }

  #takeServer(entry: RawEntry, sid: number): void {
    if (sid > limits.sid) {
      return this.#refuse(
        entry,
        `Server ids go from 0 to ${limits.sid}: they are part of session ids.`,
      );
    }
    const earlier = this.#lines.get(sid);
    if (earlier !== undefined) {
      return this.#refuse(
        entry,
        `Server ${sid} stands in line ${earlier.line} too. Give each its own id.`,
      );
    }
    this.#lines.set(sid, entry);
    const parsed = parseServer(sid, entry.value, this.#multiAddress);
    if (typeof parsed === 'string') this.#refuse(entry, parsed);
    else this.#servers.set(sid, parsed);
  }

  #takeGroup(entry: RawEntry, gid: number): void {
    this.#groupLines.push(entry);
    const parts = entry.value.split(':').map((part) => part.trim());
    if (!parts.every((part) => /^\d{1,9}$/.test(part))) {
      return this.#refuse(entry, 'A group is a list of server ids, such as 1:2:3.');
    }
    if (this.#groups.has(gid)) {
      return this.#refuse(entry, `Group ${gid} is there twice. Put its servers into one line.`);
    }
    this.#groups.set(gid, parts.map(Number));
  }

  #takeWeight(entry: RawEntry, sid: number): void {
    this.#weightLines.push(entry);
    if (!/^\d{1,9}$/.test(entry.value)) {
      return this.#refuse(entry, 'A weight is a whole number from 0 on.');
    }
    this.#weights.set(sid, Number(entry.value));
  }

  /** Two servers at one address could never both listen. */
  #checkAddresses(): void {
    const owners = new Map<string, number>();
    for (const server of this.#servers.values()) {
      const { sid } = server;
      const line = this.#lines.get(sid);
      const own = new Set<string>();
      for (const address of addressesOf(server).flatMap(socketsOf)) {
        const owner = owners.get(address);
        if (owner !== undefined && owner !== sid) {
          this.#refuse(line, `${address} belongs to server ${owner} too. Change one of them.`);
        }
        if (own.has(address)) this.#refuse(line, `${address} is there twice. Remove one of them.`);
        own.add(address);
        owners.set(address, sid);
      }
    }
  }

  #checkGroups(): void {
    if (this.#groups.size === 0) return;
    const groupOf = new Map<number, number>();
    for (const [index, [gid, sids]] of [...this.#groups].entries()) {
      for (const sid of sids) {
        const entry = this.#groupLines[index];
        const server = this.#servers.get(sid);
        if (server === undefined) this.#refuse(entry, `There is no server ${sid}.`);
        else if (server.role === 'observer') {
          this.#refuse(entry, `Server ${sid} is an observer. Only participants are in groups.`);
        }
        const other = groupOf.get(sid);
        if (other !== undefined) this.#refuse(entry, `Server ${sid} is in group ${other} too.`);
        groupOf.set(sid, gid);
      }
    }
    for (const server of this.#servers.values()) {
      if (server.role !== 'participant' || groupOf.has(server.sid)) continue;
      this.#refuse(this.#lines.get(server.sid), 'With groups, every participant must be in one.');
    }
    for (const entry of this.#weightLines) {
      const sid = Number(entry.key.replace(/^weight\.?/, ''));
      if (!this.#servers.has(sid)) this.#refuse(entry, `There is no server ${sid}.`);
    }
  }

  #refuse(entry: RawEntry | undefined, remedy: string): void {
    const { key = 'server', value = '', line = 0 } = entry ?? {};
    this.#problems.push({ line, key, value, remedy });
  }
}

const shape =
  'A server is host:quorumPort:electionPort, then perhaps :participant or :observer, then perhaps ' +
  ';clientPort or ;clientHost:clientPort.';

/** The server of one line's value, or what is wrong with it. */
function parseServer(sid: number, value: string, multiAddress: boolean): EnsembleServer | string {
  const [addresses = '', client, ...rest] = value.split(';').map((part) => part.trim());
  if (rest.length > 0) return shape;
  const texts = addresses.split('|').map((part) => part.trim());
  if (texts.length > 1 && !multiAddress) {
    return (
      'Several addresses for one server (host|host) need multiAddress.enabled=true on every ' +
      'server. Set it, or write one address that every server reaches, e.g. a DNS name.'
    );
  }
  const parsed: ParsedAddress[] = [];
  for (const text of texts) {
    const address = parseAddress(text);
    if (typeof address === 'string') return address;
    parsed.push(address);
  }
  const roles = new Set(parsed.map(({ role }) => role).filter((role) => role !== null));
  if (roles.size > 1) return 'All addresses of a server must have the same role.';
  const clientAddress = client === undefined ? null : parseClient(client);
  if (typeof clientAddress === 'string') return clientAddress;
  const places = parsed
    .map(({ host, quorumPort, electionPort }) => ({ host, quorumPort, electionPort }))
    .sort((a, b) => (a.host < b.host ? -1 : Number(a.host > b.host)));
  const ports = places.flatMap(({ quorumPort, electionPort }) => [quorumPort, electionPort]);
  if (clientAddress !== null && ports.includes(clientAddress.port)) {
    return 'The client port must differ from the quorum port and the election port.';
  }
  const [first, ...others] = places;
  if (first === undefined) return shape;
  const [role = 'participant'] = roles;
  const server = { sid, ...first, role, clientAddress };
  return others.length === 0 ? server : { ...server, others };
}

interface ParsedAddress extends ServerAddress {
  /** `null`: not stated. */
  readonly role: EnsembleServer['role'] | null;
}

/** `host:quorumPort:electionPort[:role]`, or what is wrong with it. */
function parseAddress(text: string): ParsedAddress | string {
  const parts = splitAddress(text);
  if (parts === null || parts.length < 3 || parts.length > 4) return shape;
  const [host = '', quorum = '', election = '', roleText] = parts;
  const quorumPort = portOf(quorum);
  const electionPort = portOf(election);
  if (quorumPort === null || electionPort === null) return `A port goes from 1 to 65535. ${shape}`;
  if (quorumPort === electionPort) return 'The quorum port and the election port must differ.';
  if (!isHost(host)) return `"${host}" is no host. An IPv6 address stands in brackets.`;
  const role = roleText?.toLowerCase() ?? null;
  if (role !== null && role !== 'participant' && role !== 'observer') {
    return `"${roleText}" must be participant or observer.`;
  }
  return { host, quorumPort, electionPort, role };
}

function socketsOf({ host, quorumPort, electionPort }: ServerAddress): string[] {
  return [quorumPort, electionPort].map((port) => `${host.toLowerCase()}:${port}`);
}

/** `port` or `host:port`. */
function parseClient(text: string): { readonly host: string; readonly port: number } | string {
  const parts = splitAddress(text);
  const [host, portText] = parts?.length === 1 ? [anyHost, parts[0]] : (parts ?? []);
  const port = portOf(portText ?? '');
  if (parts === null || parts.length > 2 || host === undefined || port === null || !isHost(host)) {
    return 'Behind ";" there must be a client port from 1 to 65535, or host:port.';
  }
  return { host, port };
}

function portOf(text: string): number | null {
  const port = /^\d{1,5}$/.test(text.trim()) ? Number(text) : 0;
  return port >= 1 && port <= limits.port ? port : null;
}
