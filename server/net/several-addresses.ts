import { assert } from '../util/assert.ts';
import type {
  Connection,
  Listener,
  ListenHandlers,
  SocketAddress,
  Transport,
} from './transport.ts';

/** Listens at each of the addresses; `onListening` once, when all of them do. */
export function listenAtAll(
  transport: Transport,
  addresses: readonly SocketAddress[],
  handlers: ListenHandlers,
): Listener {
  const [first] = addresses;
  if (first !== undefined && addresses.length === 1) return transport.listen(first, handlers);
  let waiting = addresses.length;
  let hasFailed = false;
  const close = (): void => {
    for (const listener of listeners) listener.close();
  };
  const listeners = addresses.map((address) =>
    transport.listen(address, {
      onListening: (port) => {
        waiting -= 1;
        if (waiting === 0) handlers.onListening(port);
      },
      onConnection: handlers.onConnection,
      onFailure: (reason) => {
        if (hasFailed) return;
        hasFailed = true;
        close();
        handlers.onFailure(reason);
      },
    }),
  );
  return { close };
}

/**
 * Dials all addresses of a server at once. The first connection that stands is taken, the others
 * go; it fails when all of them have.
 */
export function connectToAny(
  transport: Transport,
  addresses: readonly SocketAddress[],
  timeoutMs: number,
): Connection {
  const [first] = addresses;
  assert(first !== undefined, 'a server has an address');
  if (addresses.length === 1) return transport.connect(first, timeoutMs);
  return new Race(addresses.map((address) => transport.connect(address, timeoutMs)));
}

/** A connection that is one of several until the first of them stands. */
class Race implements Connection {
  onConnect: () => void = ignore;
  onData: (chunk: Buffer) => void = ignore;
  onClose: (reason: string) => void = ignore;
  onDrain: () => void = ignore;
  #runners: readonly Connection[];
  #winner: Connection | null = null;
  readonly #reasons: string[] = [];

  constructor(runners: readonly Connection[]) {
    this.#runners = runners;
    for (const runner of runners) {
      runner.onConnect = () => this.#won(runner);
      runner.onClose = (reason) => this.#lost(runner, reason);
    }
  }

  get remote(): SocketAddress {
    return (this.#winner ?? this.#runners[0])?.remote ?? nowhere;
  }

  write(bytes: Uint8Array): boolean {
    assert(this.#winner !== null, 'it is written to once it stands');
    return this.#winner.write(bytes);
  }

  keepAlive(): void {
    this.#winner?.keepAlive?.();
  }

  pause(): void {
    this.#winner?.pause();
  }

  resume(): void {
    this.#winner?.resume();
  }

  end(): void {
    if (this.#winner === null) this.destroy();
    else this.#winner.end();
  }

  destroy(): void {
    const runners = this.#runners;
    this.#runners = [];
    for (const runner of runners) runner.destroy();
  }

  #won(runner: Connection): void {
    if (this.#winner !== null || !this.#runners.includes(runner)) return runner.destroy();
    for (const other of this.#runners) if (other !== runner) other.destroy();
    this.#runners = [runner];
    this.#winner = runner;
    runner.onData = (chunk) => this.onData(chunk);
    runner.onDrain = () => this.onDrain();
    runner.onClose = (reason) => this.onClose(reason);
    this.onConnect();
  }

  #lost(runner: Connection, reason: string): void {
    if (this.#winner !== null || !this.#runners.includes(runner)) return;
    this.#reasons.push(`${runner.remote.host}:${runner.remote.port}: ${reason}`);
    if (this.#reasons.length === this.#runners.length) this.onClose(this.#reasons.join('; '));
  }
}

const nowhere: SocketAddress = { host: '', port: 0 };

function ignore(): void {
  return undefined;
}
