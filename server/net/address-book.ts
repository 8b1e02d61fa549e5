import { readFileSync } from 'node:fs';
import type { SocketAddress } from './transport.ts';

/** Where addresses of an ensemble are really found on this machine. */
interface AddressMap {
  /** Port in the configuration → `host:port` to bind. */
  readonly listen?: Readonly<Record<string, string>>;
  /** `host:port` in the configuration → `host:port` to dial. */
  readonly connect?: Readonly<Record<string, string>>;
}

const emptyMap: AddressMap = {};

/** Translates addresses of the configuration; without a path they are as they are. */
export class AddressBook {
  readonly #path: string | null;
  #map: AddressMap = emptyMap;

  constructor(path: string | null) {
    this.#path = path;
  }

  listen(address: SocketAddress): SocketAddress {
    return this.#translate('listen', String(address.port), address);
  }

  connect(address: SocketAddress): SocketAddress {
    return this.#translate('connect', `${address.host}:${address.port}`, address);
  }

  #translate(side: 'listen' | 'connect', key: string, address: SocketAddress): SocketAddress {
    if (this.#path === null) return address;
    if (this.#map[side]?.[key] === undefined) this.#reload(this.#path);
    const found = this.#map[side]?.[key];
    return found === undefined ? address : splitAddress(found);
  }

  /** A missing or half-written file leaves the addresses as they were: the dial is tried again. */
  #reload(path: string): void {
    try {
      this.#map = JSON.parse(readFileSync(path, 'utf8')) as AddressMap;
    } catch {
      return;
    }
  }
}

function splitAddress(text: string): SocketAddress {
  const colon = text.lastIndexOf(':');
  return { host: text.slice(0, colon), port: Number(text.slice(colon + 1)) };
}
