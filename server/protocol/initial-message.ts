import { JuteError, JuteReader, JuteWriter } from './jute.ts';

/** Greeting of a server that has one election address. */
export const initialVersionSingle = -65536;

/** Greeting of a server that may have several. */
export const initialVersionMulti = -65535;

/** Most bytes of addresses in a greeting. */
export const initialAddressesBytesMax = 2048;

/** What a dialling server says first on the election port; there is no answer. */
export interface InitialMessage {
  /** -65536, -65535, or 0 for a bare server id of the oldest servers. */
  readonly version: number;
  readonly sid: number;
  /** The sender's election addresses as it knows them; wildcard hosts are to be ignored. */
  readonly addresses: readonly InitialAddress[];
}

export interface InitialAddress {
  readonly host: string;
  readonly port: number;
}

/**
 * ```
 * protocolVersion int64 · sid int64 · length int32 · addresses `host:port`, joined by `|`
 * ```
 * To be sent in one write: the reference reads the addresses with a single call.
 *
 * Source: election protocol, section 2.
 */
export function encodeInitialMessage(message: InitialMessage): Buffer {
  const addresses = Buffer.from(message.addresses.map(addressText).join('|'));
  const writer = new JuteWriter(20 + addresses.length);
  writer.int64(message.version);
  writer.int64(message.sid);
  writer.bytes(addresses);
  return writer.take();
}

/**
 * The message at the start of what was received so far, and how many bytes it takes; `null`: not
 * all there yet. A first number of 0 or more is a bare server id with nothing behind it.
 *
 * @throws JuteError when it is no greeting: the connection is to be closed.
 */
export function readInitialMessage(
  received: Buffer,
): { readonly message: InitialMessage; readonly bytes: number } | null {
  if (received.length < 8) return null;
  const reader = new JuteReader(received);
  const version = reader.int64();
  if (version >= 0) return { message: { version: 0, sid: version, addresses: [] }, bytes: 8 };
  if (version !== initialVersionSingle && version !== initialVersionMulti) {
    throw new JuteError(`greeting of unknown version ${version}`);
  }
  if (received.length < 20) return null;
  const sid = reader.int64();
  const length = reader.int32();
  if (length < 1 || length > initialAddressesBytesMax) {
    throw new JuteError(`${length} bytes of addresses are outside 1..${initialAddressesBytesMax}`);
  }
  const bytes = 20 + length;
  if (received.length < bytes) return null;
  const addresses = received.toString('utf8', 20, bytes).split('|').map(parseAddress);
  return { message: { version, sid, addresses }, bytes };
}

function addressText(address: InitialAddress): string {
  const host = address.host.includes(':') ? `[${address.host}]` : address.host;
  return `${host}:${address.port}`;
}

/** What a name or an address of a host is made of: it will be looked up and dialled. */
const hostPattern = /^[\x21-\x7e]{1,255}$/;

function parseAddress(text: string): InitialAddress {
  const colon = text.lastIndexOf(':');
  const port = Number(text.slice(colon + 1));
  if (colon <= 0 || !Number.isInteger(port) || port < 1 || port > 65_535) {
    throw new JuteError(`"${text}" in a greeting is no host:port`);
  }
  const host = text.slice(0, colon);
  const bare = host.startsWith('[') && host.endsWith(']') ? host.slice(1, -1) : host;
  if (!hostPattern.test(bare)) throw new JuteError('a host in a greeting has other characters');
  return { host: bare, port };
}
