import type { Acl } from '../../../server/protocol/acl.ts';
import { OpCode } from '../../../server/protocol/op-code.ts';
import { deleteRequest } from '../../../server/protocol/requests/delete.ts';
import { readRequest } from '../../../server/protocol/requests/read.ts';
import { setDataRequest } from '../../../server/protocol/requests/set-data.ts';
import type { Value } from './records.ts';
import type { Player } from './player.ts';

// What the recording did, file by file, in its order. What it kept is played by name; what it did
// without keeping it stands here in full.

/** Each takes a server's port; its file has the same name. */
export const scripts: Readonly<Record<string, (player: Player, port: number) => Promise<void>>> = {
  connect: playConnect,
  crud: playCrud,
  errors: playErrors,
  auth: playAuth,
  watches: playWatches,
  multi: playMulti,
  quota: playQuota,
  'four-letter-words': playWords,
};

async function playConnect(player: Player, port: number): Promise<void> {
  const dialed = (on: string, ...names: readonly string[]): Promise<void> => {
    player.dial(on, port);
    return player.play(on, ...names);
  };
  await dialed('c', 'connect/new-session', 'connect/first-request-create-parent');
  player.dial('c2', port);
  await player.playFrames('c2', 'connect/reattach-ok');
  await player.closed('c', 'connect/reattach-ok');
  await dialed('c3', 'connect/reattach-wrong-password');
  // The reference drops the owner's connection before it looks at the password; it stays here.
  player.hangUp('c2');
  await dialed('c4', 'connect/reattach-unknown-session');
  await player.closed('c4', null);
  await dialed('c', 'connect/without-readonly-byte', 'connect/without-readonly-byte-then-ping');
  await player.close('c');
  const names = [
    'readonly-true-on-rw-server',
    'timeout-zero',
    'timeout-below-min',
    'timeout-above-max',
    'timeout-in-range',
    'timeout-negative',
    'null-password',
    'empty-password',
    'long-password',
    'protocol-version-7',
  ];
  for (const name of names) {
    await dialed('c', `connect/${name}`);
    await player.close('c');
  }
  await dialed('c', 'connect/zxid-ahead');
  await player.hello('c', port);
  await player.play('c', 'ping/xid-minus-2', 'ping/ordinary-xid-is-ignored', 'closeSession');
  for (const name of ['frame/negative-length', 'frame/oversize-length']) {
    await player.hello('c', port);
    await player.play('c', name);
    await player.closed('c', name);
  }
}

async function playCrud(player: Player, port: number): Promise<void> {
  await player.hello('c', port);
  await player.through('c', 'create/persistent', 'createTTL/sequential');
  await player.create('c', '/g/a/c1', { data: '1' });
  await player.create('c', '/g/a/c2', { data: '2' });
  await player.through('c', 'exists/hit', 'create/container-flag-on-plain-create-is-persistent');
  await player.create('c', '/g/cont2', { data: 'c', flags: 4 }, OpCode.CREATE_CONTAINER);
  await player.play('c', 'deleteContainer/from-client', 'whoAmI/ip-only');
  await player.close('c');
}

async function playErrors(player: Player, port: number): Promise<void> {
  await player.hello('c', port);
  await player.create('c', '/g/e');
  await player.play('c', 'error/create-node-exists', 'error/create-no-parent');
  await player.create('c', '/g/eeph', { flags: 1 });
  await player.through('c', 'error/create-under-ephemeral', 'error/getData-truncated-record');
  await player.close('c');
  for (const op of ['check', 'notification', 'unknown-99', 'error']) {
    await player.hello('c', port);
    await player.play('c', `error/op-${op}-unimplemented`);
  }
}

async function playAuth(player: Player, port: number): Promise<void> {
  const acl: Acl[] = [
    { perms: 31, id: { scheme: 'digest', id: 'bob:bYYWL9JQxUFWgeBpNNm4MSI8AxE=' } },
    { perms: 1, id: { scheme: 'world', id: 'anyone' } },
  ];
  await player.hello('c', port);
  await player.through('c', 'auth/digest', 'auth/getACL-expanded');
  await player.create('c', '/g/aclro', { data: 'x', acl });
  await player.through('c', 'auth/ip', 'whoAmI/two-digests');
  await player.close('c');
  await player.hello('c', port);
  await player.through('c', 'auth/getData-no-auth', 'auth/unknown-scheme');
}

async function playWatches(player: Player, port: number): Promise<void> {
  const set = (data: string): Promise<void> =>
    player.ask('d', OpCode.SET_DATA, (writer) =>
      setDataRequest.write(writer, {
        op: 'setData',
        path: '/g/w',
        data: Buffer.from(data),
        version: -1,
      }),
    );
  await player.hello('w', port);
  await player.hello('d', port);
  await player.create('d', '/g/w');
  await player.play('w', 'watch/getData-set');
  await set('1');
  await player.through('w', 'watch/event-data-changed', 'watch/getChildren-set');
  await player.create('d', '/g/w/new');
  await player.through('w', 'watch/event-created', 'watch/getChildren2-set');
  await watch(player, 'w', OpCode.GET_DATA, '/g/w/new');
  await remove(player, 'd', '/g/w/new');
  await player.play('w', 'watch/event-deleted', 'watch/event-children-changed-by-delete');
  await watch(player, 'w', OpCode.GET_DATA, '/g/w');
  await player.play('w', 'watch/own-change-event-precedes-reply', 'addWatch/persistent');
  await set('3');
  await player.play('w', 'watch/persistent-data-changed');
  await player.create('d', '/g/w/p');
  await player.through('w', 'watch/persistent-children-changed', 'addWatch/persistent-recursive');
  await player.create('d', '/g/w/p/q');
  await player.play('w', 'watch/recursive-created-below');
  await player.ask('d', OpCode.SET_DATA, (writer) =>
    setDataRequest.write(writer, { op: 'setData', path: '/g/w/p/q', data: null, version: -1 }),
  );
  await player.play('w', 'watch/recursive-data-changed-below');
  await remove(player, 'd', '/g/w/p/q');
  await player.through('w', 'watch/recursive-deleted-below', 'removeWatches/any');
  await watch(player, 'w', OpCode.GET_DATA, '/g/w');
  await player.play('w', 'checkWatches/data-hit', 'removeWatches/data');
  await watch(player, 'w', OpCode.GET_CHILDREN, '/g/w');
  await player.play('w', 'removeWatches/children');
  await set('z');
  await player.create('d', '/g/w/later');
  await player.through('w', 'setWatches/catch-up', 'setWatches2/catch-up');
  await set('zz');
  await player.play('w', 'setWatches2/persistent-event-after');
  await player.close('w');
  await player.close('d');
}

async function playMulti(player: Player, port: number): Promise<void> {
  await player.hello('c', port);
  await player.create('c', '/g/m');
  await player.create('c', '/g/m/del');
  await player.through('c', 'multi/mixed-success', 'multiRead/empty');
  await player.hello('w', port);
  await watch(player, 'w', OpCode.GET_CHILDREN, '/g/m');
  await watch(player, 'w', OpCode.EXISTS, '/g/m/n1');
  await watch(player, 'w', OpCode.EXISTS, '/g/m/n2');
  await player.multiCreate('c', ['/g/m/n1', '/g/m/n2']);
  await player.through('w', 'multi/watch-event-1', 'multi/watch-event-3');
  await player.close('w');
  await player.close('c');
}

async function playQuota(player: Player, port: number): Promise<void> {
  await player.hello('c', port);
  await player.create('c', '/q', { data: '12345' });
  await player.create('c', '/zookeeper/quota/q');
  await player.through('c', 'quota/create-limits-node', 'quota/count-exceeded');
  await remove(player, 'c', '/q/b');
  await player.play('c', 'quota/stats-after-delete');
  await player.close('c');
}

/** `ports` are those of two followers. */
export async function playMove(player: Player, ports: readonly number[]): Promise<void> {
  const [first = 0, second = 0] = ports;
  player.dial('c', first);
  await player.play('c', 'move/new-session-on-follower');
  await player.create('c', '/mv', { data: '1' });
  player.dial('n', second);
  await player.play('n', 'move/reattach-on-other-follower');
  await player.play('c', 'move/read-on-old-follower-connection-still-works');
  await player.play('c', 'move/write-on-old-connection');
  await player.play('n', 'move/write-on-new-connection');
  await player.close('n');
  player.dial('u', first);
  await player.play('u', 'move/unknown-session-with-correct-password');
  await player.hello('c', first);
  await player.play('c', 'sync/on-follower', 'error/create-node-exists-on-follower');
  await player.close('c');
}

/** At a member without a quorum. */
export async function playReadOnly(player: Player, port: number): Promise<void> {
  player.dial('c', port);
  await player.play('c', 'readonly/connect-without-flag');
  player.dial('c', port);
  await player.through('c', 'readonly/connect', 'readonly/closeSession');
}

async function playWords(player: Player, port: number): Promise<void> {
  await player.hello('c', port);
  await player.create('c', '/g/fl', { flags: 1 });
  await watch(player, 'c', OpCode.GET_DATA, '/g/fl');
  const words = ['ruok', 'wchs', 'isro', 'gtmk', 'wchp', 'wchc', 'srvr', 'stat', 'conf', 'cons'];
  for (const word of words) await player.word(port, word, shapeOf);
  for (const word of ['dirs', 'hash', 'crst', 'srst']) await player.word(port, word, shapeOf);
  await player.word(port, 'dump', dumpShapeOf);
  await player.word(port, 'mntr', keysOf);
  await player.close('c');
}

/** What depends on the run, its machine and its speed is left out. */
function shapeOf(text: string): string {
  return text
    .replace(/^(Zookeeper version: [\d.]+-).*$/m, '$1…')
    .replace(/^(data(?:Log)?Dir)=.*$/gm, '$1=…')
    .replace(/0x[0-9a-f]+/g, '0x…')
    .replace(/\d+(\.\d+)?/g, (number) => (number.includes('.') ? 'N.N' : 'N'));
}

/** How many sessions expire when is a matter of timing. */
function dumpShapeOf(text: string): Value {
  const lines = text.split('\n').filter((line) => !/^\t0x|^\tip:/.test(line));
  return [...new Set(lines.map((line) => shapeOf(line).replace(/ at .*/, ' at …')))];
}

/** A metric that this server does not measure is left out; it has none that are unheard of. */
function keysOf(text: string, recorded: string): Value {
  const known = new Set(recorded.split('\n').map(keyOf));
  const keys = text.split('\n').map(keyOf);
  return { first: keys.slice(0, 2), unknown: keys.filter((key) => !known.has(key)) };
}

function keyOf(line: string): string {
  return line.split('\t')[0] ?? '';
}

function watch(player: Player, on: string, opCode: number, path: string): Promise<void> {
  return player.ask(on, opCode, (writer) => readRequest.write(writer, { path, watch: true }));
}

function remove(player: Player, on: string, path: string): Promise<void> {
  return player.ask(on, OpCode.DELETE, (writer) =>
    deleteRequest.write(writer, { op: 'delete', path, version: -1 }),
  );
}
