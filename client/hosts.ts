import { ZkError } from './zk-error.ts';

/** Port of the first client listener when a connect string has none. */
export const clientPortDefault = 2181;

export interface Host {
  readonly host: string;
  readonly port: number;
}

/** `h1:p1,h2:p2/chroot`, taken apart. */
export interface ConnectTarget {
  readonly hosts: readonly Host[];
  /** Prefix of every path; empty for none. */
  readonly chroot: string;
}

/** IPv6 addresses stand in brackets. @throws ZkError BAD_ARGUMENTS */
export function parseConnectString(text: string): ConnectTarget {
  const slash = text.indexOf('/');
  const chroot = slash < 0 ? '' : text.slice(slash).replace(/\/+$/, '');
  const hosts = (slash < 0 ? text : text.slice(0, slash))
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '')
    .map(parseHost);
  if (hosts.length === 0) throw new ZkError('BAD_ARGUMENTS', null, `no host in "${text}"`);
  return { hosts, chroot };
}

function parseHost(text: string): Host {
  const match = /^(?:\[([^\]]+)\]|([^:[\]]+))(?::(\d+))?$/.exec(text);
  const host = match?.[1] ?? match?.[2];
  const port = match?.[3] === undefined ? clientPortDefault : Number(match[3]);
  if (host === undefined || port < 1 || port > 65_535) {
    throw new ZkError('BAD_ARGUMENTS', null, `"${text}" is no host:port`);
  }
  return { host, port };
}

/** Hosts in an order of its own for each client, so that clients spread over the servers. */
export class HostRing {
  readonly #hosts: Host[];
  #at = 0;

  /** `random` is uniform in [0, 1). */
  constructor(hosts: readonly Host[], random: () => number) {
    this.#hosts = [...hosts];
    for (let last = this.#hosts.length - 1; last > 0; last -= 1) {
      const other = Math.floor(random() * (last + 1));
      const [a, b] = [this.#hosts[last], this.#hosts[other]];
      if (a === undefined || b === undefined) continue;
      this.#hosts[last] = b;
      this.#hosts[other] = a;
    }
  }

  get count(): number {
    return this.#hosts.length;
  }

  next(): Host {
    const host = this.#hosts[this.#at % this.#hosts.length];
    this.#at += 1;
    if (host === undefined) throw new ZkError('BAD_ARGUMENTS', null, 'no hosts');
    return host;
  }
}
