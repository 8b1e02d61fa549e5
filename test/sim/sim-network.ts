import type { Connection, Listener, SocketAddress, Transport } from '../../server/net/transport.ts';
import type { Prng } from './prng.ts';
import { SimEndpoint } from './sim-connection.ts';
import type { SimProcess } from './sim-host.ts';
import type { World } from './world.ts';

/** One direction between two machines. */
export interface Link {
  readonly from: string;
  readonly to: string;
  cut: boolean;
  delayMsMin: number;
  delayMsMax: number;
  /** Endpoints with something to send that wait for the end of the cut. */
  readonly stalled: Set<SimEndpoint>;
}

export interface NetworkOptions {
  readonly delayMsMin: number;
  readonly delayMsMax: number;
  /** Part of writes that arrive in two pieces. */
  readonly splitChance: number;
}

interface SimListener {
  readonly process: SimProcess;
  readonly onConnection: (connection: Connection) => void;
}

const defaults: NetworkOptions = { delayMsMin: 0.05, delayMsMax: 0.6, splitChance: 0.05 };

/**
 * TCP between simulated machines. Order holds within a connection and nowhere else; a cut link
 * holds bytes back as retransmission does; a machine without power answers nothing until it has
 * power again, and then with a reset.
 */
export class SimNetwork {
  readonly world: World;
  readonly random: Prng;
  readonly options: NetworkOptions;
  readonly #links = new Map<string, Link>();
  readonly #listeners = new Map<string, SimListener>();
  readonly #endpoints = new Map<SimProcess, Set<SimEndpoint>>();
  /** Machines without power. */
  readonly #dark = new Set<string>();
  #portNext = 40_000;
  /** Part of dials that fail at once. */
  dialFailureChance = 0;

  constructor(world: World, options: Partial<NetworkOptions> = {}) {
    this.world = world;
    this.random = world.random.fork('network');
    this.options = { ...defaults, ...options };
  }

  /** The wire as one process sees it. */
  transport(process: SimProcess): Transport {
    return {
      listen: (address, handlers) => this.#listen(process, address, handlers),
      connect: (address, timeoutMs) => this.#connect(process, address, timeoutMs),
    };
  }

  link(from: string, to: string): Link {
    const key = `${from}>${to}`;
    let link = this.#links.get(key);
    if (link === undefined) {
      const { delayMsMin, delayMsMax } = this.options;
      link = { from, to, cut: false, delayMsMin, delayMsMax, stalled: new Set() };
      this.#links.set(key, link);
    }
    return link;
  }

  delayMs(link: Link): number {
    return this.random.between(link.delayMsMin, link.delayMsMax);
  }

  /** Nothing passes from one machine to the other, until healed. */
  cut(from: string, to: string): void {
    this.link(from, to).cut = true;
  }

  cutBoth(a: string, b: string): void {
    this.cut(a, b);
    this.cut(b, a);
  }

  heal(from: string, to: string): void {
    const link = this.link(from, to);
    link.cut = false;
    const waiting = [...link.stalled];
    link.stalled.clear();
    for (const endpoint of waiting) endpoint.goOn();
  }

  /** Every link passes everything at its first speed. */
  healAll(): void {
    this.dialFailureChance = 0;
    for (const link of this.#links.values()) {
      link.delayMsMin = this.options.delayMsMin;
      link.delayMsMax = this.options.delayMsMax;
      if (link.cut) this.heal(link.from, link.to);
    }
  }

  slow(from: string, to: string, delayMsMin: number, delayMsMax: number): void {
    const link = this.link(from, to);
    link.delayMsMin = delayMsMin;
    link.delayMsMax = delayMsMax;
  }

  /** Breaks what is open between two machines: both ends learn of it, bytes under way are lost. */
  reset(a: string, b: string): number {
    let count = 0;
    for (const [process, endpoints] of this.#endpoints) {
      if (process.host !== a) continue;
      for (const endpoint of endpoints) {
        if (endpoint.remote.host !== b || !endpoint.established) continue;
        endpoint.breakOff('connection reset');
        count += 1;
      }
    }
    return count;
  }

  /** The machine answers nothing, not even with a reset. */
  powerOff(host: string): void {
    this.#dark.add(host);
  }

  powerOn(host: string): void {
    this.#dark.delete(host);
  }

  isDark(host: string): boolean {
    return this.#dark.has(host);
  }

  /** Open connections of a process, for the bounds check. */
  openCount(process: SimProcess): number {
    return this.#endpoints.get(process)?.size ?? 0;
  }

  forget(endpoint: SimEndpoint): void {
    this.#endpoints.get(endpoint.process)?.delete(endpoint);
  }

  listenerAt(host: string, port: number): SimListener | undefined {
    return this.#listeners.get(`${host}:${port}`);
  }

  /** An end of a connection, registered with its process. */
  endpoint(process: SimProcess, remote: SocketAddress): SimEndpoint {
    let endpoints = this.#endpoints.get(process);
    if (endpoints === undefined) {
      endpoints = new Set();
      this.#endpoints.set(process, endpoints);
      process.atEnd(() => this.#ended(process));
    }
    const endpoint = new SimEndpoint(this, process, remote, this.link(process.host, remote.host));
    endpoints.add(endpoint);
    return endpoint;
  }

  #ended(process: SimProcess): void {
    const endpoints = this.#endpoints.get(process);
    this.#endpoints.delete(process);
    for (const endpoint of endpoints ?? []) endpoint.processEnded();
  }

  #listen(
    process: SimProcess,
    address: SocketAddress,
    handlers: Parameters<Transport['listen']>[1],
  ): Listener {
    const port = address.port === 0 ? (this.#portNext += 1) : address.port;
    const key = `${process.host}:${port}`;
    let closed = false;
    const close = (): void => {
      if (closed) return;
      closed = true;
      if (this.#listeners.get(key)?.process === process) this.#listeners.delete(key);
    };
    if (this.#listeners.has(key)) {
      process.after(0, () => handlers.onFailure(`${key} is in use`));
      return { close: () => {} };
    }
    this.#listeners.set(key, { process, onConnection: handlers.onConnection });
    process.atEnd(close);
    process.after(0, () => {
      if (!closed) handlers.onListening(port);
    });
    return { close };
  }

  #connect(process: SimProcess, address: SocketAddress, timeoutMs: number): Connection {
    const endpoint = this.endpoint(process, address);
    const fails = this.dialFailureChance > 0 && this.random.chance(this.dialFailureChance);
    if (fails) {
      process.after(this.delayMs(endpoint.link), () => endpoint.closed('no route to host'));
      return endpoint;
    }
    process.after(timeoutMs, () => {
      if (!endpoint.established) endpoint.closed('connect timed out');
    });
    this.world.schedule(this.delayMs(endpoint.link), () => this.#knock(endpoint));
    return endpoint;
  }

  /** The dial reaches the other machine, or is sent again later. */
  #knock(caller: SimEndpoint): void {
    if (!caller.dialling) return;
    const { host, port } = caller.remote;
    const back = this.link(host, caller.process.host);
    if (caller.link.cut || back.cut || this.#dark.has(host)) {
      this.world.schedule(knockAgainMs, () => this.#knock(caller));
      return;
    }
    const listener = this.listenerAt(host, port);
    if (listener === undefined || !listener.process.alive) {
      this.world.schedule(this.delayMs(back), () => {
        caller.process.run(() => caller.closed('connection refused'));
      });
      return;
    }
    const remote = { host: caller.process.host, port: (this.#portNext += 1) };
    const callee = this.endpoint(listener.process, remote);
    caller.meet(callee);
    listener.process.run(() => {
      if (this.listenerAt(host, port) !== listener) return callee.destroy();
      listener.onConnection(callee);
    });
    this.world.schedule(this.delayMs(back), () => caller.process.run(() => caller.connected()));
  }
}

/** A dial into a cut link is tried again that often, as TCP repeats its SYN. */
const knockAgainMs = 250;
