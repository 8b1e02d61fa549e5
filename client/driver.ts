import type { Call, Settle } from './calls.ts';
import type { ClientSession } from './session.ts';
import type { SessionEffect, SessionState } from './session-events.ts';
import type { Link, TlsOptions } from './transport.ts';
import { openLink } from './transport.ts';
import type { WatchEvent } from './watches.ts';
import { lookMsMax } from './quorum-search.ts';
import type { Host } from './hosts.ts';

export interface DriverOptions {
  readonly tls: TlsOptions | null;
  readonly onState: (state: SessionState, reason: string) => void;
  /** What a listener threw; nobody else would see it. */
  readonly onListenerError: (error: unknown) => void;
  /** The client's path of a server's. */
  readonly pathOf: (path: string) => string;
}

const eventNames: Readonly<Record<number, WatchEvent['type']>> = {
  1: 'NODE_CREATED',
  2: 'NODE_DELETED',
  3: 'NODE_DATA_CHANGED',
  4: 'NODE_CHILDREN_CHANGED',
};

/** Gives a session its socket, its clock and its timer. */
export class Driver {
  readonly #session: ClientSession;
  readonly #options: DriverOptions;
  #link: Link | null = null;
  #timer: NodeJS.Timeout | null = null;
  #timerAtMs = Infinity;
  #isFlushing = false;
  #endLook: () => void = () => undefined;

  constructor(session: ClientSession, options: DriverOptions) {
    this.#session = session;
    this.#options = options;
  }

  start(): void {
    this.#session.step({ type: 'tick', nowMs: nowMs() });
    this.#perform();
  }

  submit(call: Call): void {
    this.#session.submit(call, nowMs());
    this.#flushSoon();
  }

  addAuth(scheme: string, auth: Uint8Array, settle: Settle): void {
    this.#session.addAuth(scheme, auth, settle);
    this.#flushSoon();
  }

  close(): void {
    this.#session.close(nowMs());
    this.#flushSoon();
  }

  /** Calls made in one go leave in one write. */
  #flushSoon(): void {
    if (this.#isFlushing) return;
    this.#isFlushing = true;
    queueMicrotask(() => {
      this.#isFlushing = false;
      this.#perform();
    });
  }

  #perform(): void {
    for (const effect of this.#session.takeEffects(nowMs())) this.#performOne(effect);
    this.#arm();
  }

  #performOne(effect: SessionEffect): void {
    switch (effect.type) {
      case 'dial':
        this.#link = openLink(effect.host, this.#options.tls, {
          onOpen: () => this.#feed({ type: 'opened', nowMs: nowMs() }),
          onChunk: (chunk) => this.#feed({ type: 'received', chunk, nowMs: nowMs() }),
          onLost: (reason) => this.#feed({ type: 'lost', reason, nowMs: nowMs() }),
        });
        return;
      case 'look':
        return this.#look(effect.host);
      case 'send':
        return this.#link?.send(effect.bytes);
      case 'hangUp':
        this.#link?.close();
        this.#link = null;
        return;
      case 'state':
        if (this.#session.isOver) this.#endLook();
        return this.#options.onState(effect.state, effect.reason);
      case 'watch': {
        const type = eventNames[effect.event.type];
        if (type === undefined) return;
        const path = this.#options.pathOf(effect.event.path);
        for (const listener of effect.listeners) {
          this.#guard(() => listener({ type, path, zxid: effect.zxid }));
        }
        return;
      }
    }
  }

  /** The four-letter word that any server answers who knows of reading without a quorum. */
  #look(host: Host): void {
    let answer = '';
    let isOver = false;
    const end = (): void => {
      isOver = true;
      clearTimeout(timer);
      link.close();
    };
    const finish = (): void => {
      if (isOver) return;
      end();
      this.#feed({ type: 'looked', host, hasQuorum: answer === 'rw', nowMs: nowMs() });
    };
    const timer = setTimeout(finish, lookMsMax);
    const link = openLink(host, this.#options.tls, {
      onOpen: () => link.send(Buffer.from('isro')),
      onChunk: (chunk) => (answer += chunk.toString('latin1')),
      onLost: finish,
    });
    this.#endLook = end;
  }

  #feed(event: Parameters<ClientSession['step']>[0]): void {
    this.#session.step(event);
    this.#perform();
  }

  #guard(listen: () => void): void {
    try {
      listen();
    } catch (error) {
      this.#options.onListenerError(error);
    }
  }

  /** One timer; replaced only by an earlier one, so that replies do not re-arm it. */
  #arm(): void {
    const atMs = this.#session.nextDeadlineMs();
    if (atMs === Infinity) return this.#disarm();
    if (this.#timer !== null && this.#timerAtMs <= atMs) return;
    this.#disarm();
    this.#timerAtMs = atMs;
    this.#timer = setTimeout(
      () => {
        this.#timer = null;
        // After a long stall bytes may wait in the socket: they are read before silence is judged.
        setImmediate(() => this.#feed({ type: 'tick', nowMs: nowMs() }));
      },
      Math.max(Math.ceil(atMs - nowMs()), 0),
    );
  }

  #disarm(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    this.#timerAtMs = Infinity;
  }
}

function nowMs(): number {
  return performance.now();
}
