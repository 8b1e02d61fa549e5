import { Agent, request } from 'node:http';
import type { MemberState } from './member-state.ts';

export interface MemberAddress {
  readonly host: string;
  readonly port: number;
}

/** What a member said, or why it said nothing. */
export type Probed = { readonly state: MemberState } | { readonly silence: string };

const stateBytesMax = 1024 * 1024;

/** Asks a member for its state over its admin port. Never throws: silence is an answer, too. */
export class Prober {
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 4 });
  readonly #timeoutMs: number;

  constructor(timeoutMs: number) {
    this.#timeoutMs = timeoutMs;
  }

  probe(address: MemberAddress): Promise<Probed> {
    return new Promise((resolve) => {
      const outgoing = request(
        {
          host: address.host,
          port: address.port,
          path: '/state',
          agent: this.#agent,
          signal: AbortSignal.timeout(this.#timeoutMs),
          headers: { Accept: 'application/json' },
        },
        (response) => {
          let text = '';
          response.setEncoding('utf8');
          response.on('data', (chunk: string) => {
            text += chunk;
            if (text.length > stateBytesMax) response.destroy(new Error('the answer is too long'));
          });
          response.on('error', (error) => resolve({ silence: error.message }));
          response.on('end', () => resolve(probedOf(response.statusCode ?? 0, text)));
        },
      );
      outgoing.on('error', (error) => {
        const late = error.name === 'AbortError' || error.name === 'TimeoutError';
        resolve({ silence: late ? `no answer in ${this.#timeoutMs} ms` : error.message });
      });
      outgoing.end();
    });
  }

  close(): void {
    this.#agent.destroy();
  }
}

function probedOf(code: number, text: string): Probed {
  if (code !== 200) return { silence: `HTTP ${code}` };
  try {
    const value: unknown = JSON.parse(text);
    return isMemberState(value) ? { state: value } : { silence: 'the answer is not a state' };
  } catch {
    return { silence: 'the answer is not JSON' };
  }
}

function isMemberState(value: unknown): value is MemberState {
  if (typeof value !== 'object' || value === null) return false;
  const state = value as Partial<Record<keyof MemberState, unknown>>;
  return (
    typeof state.sid === 'number' &&
    typeof state.role === 'string' &&
    typeof state.phase === 'string' &&
    typeof state.serving === 'boolean' &&
    typeof state.epoch === 'number' &&
    typeof state.zxid === 'string' &&
    Array.isArray(state.servers) &&
    Array.isArray(state.learners)
  );
}
