import { loadFiles } from '../../server/main.ts';
import { Following } from '../../server/shell/following.ts';
import { createNodeHost } from '../../server/shell/node-host.ts';
import { startServer } from '../../server/shell/server.ts';
import type { ServerParts } from '../../server/shell/server.ts';
import type { PeerOptions, ZabPeer } from '../../server/zab/door.ts';
import type { ZabEffect } from '../../server/zab/effects.ts';
import type { ZabEvent } from '../../server/zab/events.ts';
import { createPeer } from '../../server/zab/peer.ts';

// A server that lies, to see whether the harness notices.
//
//   node planted-server.ts LIE zoo.cfg

/** One committed write in so many is lost on the way to the tree. */
const lostEvery = 500;

/** The real peer, with what is told to it and by it changed. */
function between(
  options: PeerOptions,
  event: (event: ZabEvent) => ZabEvent | null,
  effects: (effects: ZabEffect[]) => ZabEffect[],
): ZabPeer {
  const peer = createPeer(options);
  return {
    step(one: ZabEvent): void {
      const told = event(one);
      if (told !== null) peer.step(told);
    },
    takeEffects: () => effects(peer.takeEffects()),
    nextDeadlineMs: () => peer.nextDeadlineMs(),
    canPropose: () => peer.canPropose(),
    nextZxid: () => peer.nextZxid(),
    view: () => peer.view(),
  };
}

/** A follower says that it is level without asking its leader. */
function localSync(): ServerParts {
  const real: Following['sync'] = Reflect.get(Following.prototype, 'sync');
  Following.prototype.sync = function (client, pending): void {
    real.call(this, client, pending);
    this.syncDone();
  };
  return {};
}

/** A leader answers the syncs of its own clients without asking whether it still leads. */
function hastySync(): ServerParts {
  let tags: number[] = [];
  const event = (one: ZabEvent): ZabEvent | null => {
    if (one.type !== 'sync' || one.link !== null) return one;
    tags.push(one.tag);
    return null;
  };
  const effects = (real: ZabEffect[]): ZabEffect[] => {
    const answers = tags.map((tag): ZabEffect => ({ type: 'syncDone', tag }));
    tags = [];
    return [...answers, ...real];
  };
  return { createPeer: (options) => between(options, event, effects) };
}

/** A member does not apply what it has agreed to. */
function lostWrite(): ServerParts {
  let count = 0;
  const isKept = (effect: ZabEffect): boolean => {
    if (effect.type === 'deliver') count += 1;
    return effect.type !== 'deliver' || count % lostEvery !== 0;
  };
  return {
    createPeer: (options) =>
      between(
        options,
        (event) => event,
        (effects) => effects.filter(isKept),
      ),
  };
}

const lies: Readonly<Record<string, () => ServerParts>> = {
  'local-sync': localSync,
  'hasty-sync': hastySync,
  'lost-write': lostWrite,
};

const [lie = '', zooCfg = ''] = process.argv.slice(2);
const parts = lies[lie];
if (parts === undefined) {
  throw new Error(`lie is "${lie}": give one of ${Object.keys(lies).join(', ')}`);
}
const { config, settings } = loadFiles(zooCfg, {});
const host = createNodeHost({
  addressMapPath: null,
  logLevel: 'info',
  exit: (code) => process.exit(code),
});
const server = startServer(config, host, { settings, ...parts() });
process.once('SIGTERM', () => {
  if (server === null) process.exit(1);
  else server.stop(() => process.exit(0));
});
