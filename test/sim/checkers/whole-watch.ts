import type { SimClient } from '../sim-client.ts';
import type { World } from '../world.ts';
import { hex } from './member-ghost.ts';
import { eventKey } from './model-tree.ts';
import type { ModelTree } from './model-tree.ts';

/**
 * A watch on the whole tree hears of every change behind the state in which it was set, each once,
 * in the order of the history and before any answer that shows it: C5 for persistent watches.
 */
export class WholeWatchChecker {
  readonly #world: World;
  readonly #tree: ModelTree;

  constructor(world: World, tree: ModelTree) {
    this.#world = world;
    this.#tree = tree;
  }

  /** It is set, in that state. */
  set(client: SimClient, zxid: number): void {
    const { whole } = client;
    if (whole === null) return;
    whole.sinceZxid = zxid;
    whole.open.length = 0;
    let next = this.#tree.changes.length;
    while (next > 0 && (this.#tree.changes[next - 1]?.zxid ?? 0) > zxid) next -= 1;
    whole.next = next;
  }

  /** An event of the three kinds that it hears of; false: this client has no such watch. */
  event(client: SimClient, type: number, path: string, zxid: number): boolean {
    const { whole } = client;
    // Caught-up events of one-shot watches are not its own.
    if (whole === null || whole.sinceZxid === null || zxid === -1) return false;
    if (whole.open.length === 0) this.#openNext(client);
    const at = whole.open.indexOf(eventKey(type, path));
    this.#world.expect(at >= 0 && zxid === whole.sinceZxid, 'C5 every change, in order', () => {
      const expected = whole.open.join(', ');
      return (
        `${client.name} hears of ${eventKey(type, path)} at ${hex(zxid)}, ` +
        `next is [${expected}] at ${hex(whole.sinceZxid ?? 0)}`
      );
    });
    whole.open.splice(at, 1);
    return true;
  }

  /** An answer shows this state: everything up to it was told. */
  seen(client: SimClient, zxid: number): void {
    const { whole } = client;
    if (whole === null || whole.sinceZxid === null) return;
    const missing = whole.open[0] ?? this.#tree.changes[whole.next]?.event;
    const atZxid = whole.open.length > 0 ? whole.sinceZxid : this.#tree.changes[whole.next]?.zxid;
    this.#world.expect(atZxid === undefined || atZxid > zxid, 'C5 every change, in order', () => {
      return `${client.name} is shown ${hex(zxid)} without ${missing} at ${hex(atZxid ?? 0)}`;
    });
  }

  /** All changes of the next transaction. */
  #openNext(client: SimClient): void {
    const { whole } = client;
    const { changes } = this.#tree;
    const first = changes[whole?.next ?? changes.length];
    if (whole === null || first === undefined) return;
    whole.sinceZxid = first.zxid;
    while (changes[whole.next]?.zxid === first.zxid) {
      whole.open.push(changes[whole.next]?.event ?? '');
      whole.next += 1;
    }
  }
}
