import type { Connection, SocketAddress } from '../../server/net/transport.ts';
import type { SimProcess } from './sim-host.ts';
import type { Link, SimNetwork } from './sim-network.ts';

interface Segment {
  /** As the writer left it; must still be so on arrival. `null`: the orderly end. */
  readonly given: Uint8Array | null;
  readonly copy: Buffer | null;
  readyMs: number;
}

type State = 'dialling' | 'open' | 'closed';

/** Above this many bytes on their way, `write` says false. */
const waitingBytesMax = 256 * 1024;

const nothing = (): void => {};

/** One end of a simulated TCP connection. */
export class SimEndpoint implements Connection {
  readonly process: SimProcess;
  readonly remote: SocketAddress;
  /** Towards the other machine. */
  readonly link: Link;
  onConnect: () => void = nothing;
  onData: (chunk: Buffer) => void = nothing;
  onClose: (reason: string) => void = nothing;
  onDrain: () => void = nothing;
  readonly #network: SimNetwork;
  #state: State = 'dialling';
  #peer: SimEndpoint | null = null;
  #segments: Segment[] = [];
  #pumpAtMs = Infinity;
  #lastReadyMs = 0;
  #waitingBytes = 0;
  #wantsDrain = false;
  #ended = false;
  #paused = false;
  /** What the application does not take while it is paused. */
  #inbox: Segment[] = [];

  constructor(network: SimNetwork, process: SimProcess, remote: SocketAddress, link: Link) {
    this.#network = network;
    this.process = process;
    this.remote = remote;
    this.link = link;
  }

  get dialling(): boolean {
    return this.#state === 'dialling' && this.#peer === null && this.process.alive;
  }

  get established(): boolean {
    return this.#state === 'open';
  }

  write(bytes: Uint8Array): boolean {
    if (this.#state === 'closed' || this.#ended || !this.process.alive) return true;
    if (bytes.length > 0) this.#send(bytes);
    this.#wantsDrain = this.#waitingBytes > waitingBytesMax;
    return !this.#wantsDrain;
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    if (this.#inbox.length > 0) this.process.after(0, () => this.#drainInbox());
  }

  end(): void {
    if (this.#state === 'closed' || this.#ended || !this.process.alive) return;
    this.#ended = true;
    this.#enqueue({ given: null, copy: null, readyMs: 0 });
  }

  destroy(): void {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    this.#network.forget(this);
    if (this.#ended) return;
    this.#ended = true;
    // The kernel sends what it has taken, unless it has unread input: then some tail is lost.
    if (this.#network.random.chance(0.3)) this.#loseTail();
    this.#enqueue({ given: null, copy: null, readyMs: 0 });
  }

  /** Both ends of a new connection know each other; the caller hears of it later. */
  meet(callee: SimEndpoint): void {
    this.#peer = callee;
    callee.#peer = this;
    callee.#state = 'open';
  }

  connected(): void {
    if (this.#state !== 'dialling') return;
    this.#state = 'open';
    this.onConnect();
    this.#schedulePump();
  }

  /** The connection is over for this end; told once. */
  closed(reason: string): void {
    if (this.#state === 'closed') return;
    const early = this.#state === 'dialling';
    this.#state = 'closed';
    this.#segments = [];
    this.#network.forget(this);
    if (early) this.#peer?.breakOff('connection reset');
    this.onClose(reason);
  }

  /** Both ends learn of it, each when its process runs. */
  breakOff(reason: string): void {
    this.#segments = [];
    this.process.run(() => this.closed(reason));
    const peer = this.#peer;
    if (peer === null || peer.#state === 'closed') return;
    peer.#segments = [];
    peer.process.run(() => peer.closed(reason));
  }

  /** The process is gone. Its kernel says so, unless the whole machine is dark. */
  processEnded(): void {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    if (this.#network.isDark(this.process.host)) {
      this.#segments = [];
      return;
    }
    this.#loseTail();
    this.#ended = true;
    this.#enqueue({ given: null, copy: null, readyMs: 0 });
  }

  /** The link passes again. */
  goOn(): void {
    const now = this.#network.world.nowMs;
    let readyMs = now + this.#network.delayMs(this.link);
    for (const segment of this.#segments) {
      segment.readyMs = Math.max(segment.readyMs, readyMs);
      readyMs = segment.readyMs;
    }
    this.#lastReadyMs = Math.max(this.#lastReadyMs, readyMs);
    this.#schedulePump();
  }

  #send(bytes: Uint8Array): void {
    const random = this.#network.random;
    if (bytes.length > 1 && random.chance(this.#network.options.splitChance)) {
      const at = random.int(1, bytes.length - 1);
      this.#sendPiece(bytes.subarray(0, at));
      this.#sendPiece(bytes.subarray(at));
    } else {
      this.#sendPiece(bytes);
    }
  }

  #sendPiece(bytes: Uint8Array): void {
    this.#waitingBytes += bytes.length;
    this.#enqueue({ given: bytes, copy: Buffer.from(bytes), readyMs: 0 });
  }

  #enqueue(segment: Segment): void {
    const readyMs = this.#network.world.nowMs + this.#network.delayMs(this.link);
    this.#lastReadyMs = Math.max(this.#lastReadyMs, readyMs);
    segment.readyMs = this.#lastReadyMs;
    this.#segments.push(segment);
    this.#schedulePump();
  }

  #schedulePump(): void {
    const first = this.#segments[0];
    if (first === undefined || this.#pumpAtMs <= first.readyMs) return;
    const world = this.#network.world;
    this.#pumpAtMs = first.readyMs;
    world.schedule(first.readyMs - world.nowMs, () => this.#pump());
  }

  #pump(): void {
    this.#pumpAtMs = Infinity;
    const peer = this.#peer;
    if (peer === null || this.#state === 'dialling') return;
    const now = this.#network.world.nowMs;
    while (this.#segments.length > 0) {
      const segment = this.#segments[0] as Segment;
      if (segment.readyMs > now) break;
      if (this.link.cut) {
        this.link.stalled.add(this);
        return;
      }
      if (this.#network.isDark(peer.process.host)) {
        // Sent again until the machine has power, and is then reset.
        segment.readyMs = now + repeatMs;
        break;
      }
      if (peer.#state === 'dialling') {
        // The other end does not know yet that it is connected.
        segment.readyMs = now + 0.1;
        break;
      }
      this.#segments.shift();
      this.#arrive(segment, peer);
    }
    this.#schedulePump();
  }

  #arrive(segment: Segment, peer: SimEndpoint): void {
    if (segment.copy !== null) {
      const same = Buffer.compare(segment.copy, segment.given as Uint8Array) === 0;
      this.#network.world.expect(same, 'bytes taken over', () => {
        return `${this.process.name} changed bytes after writing them to ${this.remote.host}`;
      });
    }
    if (peer.#state === 'closed' || !peer.process.alive) {
      if (segment.copy !== null) this.#refusedByPeer();
      return;
    }
    peer.process.run(() => {
      if (peer.#state === 'closed') return;
      if (peer.#paused || peer.#inbox.length > 0) peer.#inbox.push(segment);
      else peer.#hand(segment);
    });
  }

  /** The other end is gone: a reset comes back. */
  #refusedByPeer(): void {
    this.#segments = [];
    const back = this.#network.link(this.remote.host, this.process.host);
    const delayMs = this.#network.delayMs(back);
    this.#network.world.schedule(delayMs, () => {
      if (!back.cut) this.process.run(() => this.closed('connection reset'));
    });
  }

  #taken(segment: Segment): void {
    if (segment.copy === null) return;
    this.#waitingBytes -= segment.copy.length;
    if (!this.#wantsDrain || this.#waitingBytes > waitingBytesMax / 4) return;
    this.#wantsDrain = false;
    this.process.after(0, () => {
      if (this.#state === 'open') this.onDrain();
    });
  }

  #hand(segment: Segment): void {
    const writer = this.#peer;
    if (writer !== null) writer.#taken(segment);
    if (segment.copy !== null) {
      this.onData(segment.copy);
      return;
    }
    this.closed('closed by the other side');
    // Whoever ended it orderly learns that it is over.
    if (writer !== null && writer.#state === 'open') {
      writer.process.after(this.#network.delayMs(this.link), () => writer.closed('closed'));
    }
  }

  #drainInbox(): void {
    while (!this.#paused && this.#state !== 'closed' && this.#inbox.length > 0) {
      this.#hand(this.#inbox.shift() as Segment);
    }
  }

  #loseTail(): void {
    const keep = this.#network.random.int(0, this.#segments.length);
    this.#segments.length = keep;
  }
}

const repeatMs = 200;
