import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AdminHttpOptions } from '../../server/admin/admin-http.ts';
import {
  createAdminApp,
  createAdminHttp,
  createMetricsApp,
} from '../../server/admin/admin-http.ts';
import type { ServerView } from '../../server/admin/server-view.ts';
import { connected, FakeView, FullView, stateOfLeader, stateOfStandalone } from './fake-view.ts';

// Goal: probes, the operator and the reference's admin tools get the answers they parse.
// Method: requests into the routes without a socket, over views that always say the same; one
// test with a socket for listening and closing.

const options: AdminHttpOptions = { host: '127.0.0.1', port: 0, processMetrics: false };

interface Answer {
  readonly status: number;
  readonly type: string;
  readonly text: string;
}

async function ask(
  url: string,
  view: ServerView = new FullView(),
  method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'DELETE' | 'PATCH' = 'GET',
): Promise<Answer> {
  const response = await createAdminApp(view, options).inject({ method, url });
  const type = response.headers['content-type'] ?? '';
  return { status: response.statusCode, type, text: response.body };
}

async function json(url: string, view?: ServerView): Promise<Record<string, unknown>> {
  const { status, type, text } = await ask(url, view);
  assert.equal(status, 200);
  assert.match(type, /^application\/json/);
  return JSON.parse(text) as Record<string, unknown>;
}

function withState(state: Partial<typeof stateOfLeader>): FullView {
  const view = new FullView();
  view.current = { ...stateOfLeader, ...state };
  return view;
}

test('a server is alive whatever its role', async () => {
  const looking = withState({ role: 'looking', serving: false });
  assert.deepEqual(await ask('/livez', looking), {
    status: 200,
    type: 'text/plain',
    text: 'ok\n',
  });
});

test('a server is ready while it serves, as a leader as well as a follower', async () => {
  for (const role of ['leading', 'following', 'observing', 'standalone'] as const) {
    assert.equal((await ask('/readyz', withState({ role }))).status, 200);
  }
});

test('without quorum and while draining it is not ready, and says why', async () => {
  const looking = await ask(
    '/readyz',
    withState({ role: 'looking', phase: 'election', serving: false }),
  );
  assert.equal(looking.status, 503);
  assert.equal(looking.text, 'not serving: looking, election\n');
  const draining = await ask('/readyz', withState({ draining: true }));
  assert.equal(draining.status, 503);
  assert.equal(draining.text, 'draining\n');
});

test('the state is the member as it is, never from a cache', async () => {
  const response = await createAdminApp(withState({}), options).inject('/state');
  assert.deepEqual(response.json(), stateOfLeader);
  assert.equal(response.headers['cache-control'], 'no-store');
});

test('commands are listed sorted, as links', async () => {
  const { text, type } = await ask('/commands/');
  assert.match(type, /^text\/html/);
  const links = text.match(/<a href="\/commands\/(\w+)">\1<\/a>\n<br\/>\n/g) ?? [];
  assert.equal(links.join(''), text);
  assert.deepEqual(links, [...links].sort());
  assert.equal(links.length, 23);
});

test('a command answers pretty-printed, its data before command and error', async () => {
  const { text } = await ask('/commands/dirs');
  assert.equal(
    text,
    '{\n  "datadir_size" : 67109358,\n  "logdir_size" : 67109358,\n' +
      '  "command" : "dirs",\n  "error" : null\n}',
  );
});

test('an alias answers under the primary name', async () => {
  for (const [alias, name] of Object.entries({
    conf: 'configuration',
    mntr: 'monitor',
    srvr: 'server_stats',
  })) {
    assert.equal((await json(`/commands/${alias}`))['command'], name);
  }
});

test('an unknown command is an answer with an error', async () => {
  assert.deepEqual(await json('/commands/nosuch'), {
    command: 'nosuch',
    error: 'Unknown command: nosuch',
  });
});

test('a member shows its addresses as the reference does, a server that is alone has none', async () => {
  const view = withState({ sid: 2 });
  const member = await json('/commands/zabstate', view);
  assert.deepEqual(member['quorum_address'], {
    empty: false,
    all_addresses: ['b:2888'],
    wildcard_addresses: ['0.0.0.0:2888'],
    all_ports: [2888],
    all_host_strings: ['b'],
    reachable_address: 'b:2888',
    all_reachable_addresses: ['b:2888'],
    all_reachable_addresses_or_all: ['b:2888'],
    reachable_or_one: 'b:2888',
    one: 'b:2888',
  });
  const alone = await json('/commands/zabstate');
  assert.deepEqual(alone, { voting: false, zabstate: '', command: 'zabstate', error: null });
});

test('a leader lists its observers', async () => {
  const { synced_observers: synced, observers } = await json('/commands/obsr', withState({}));
  assert.equal(synced, 1);
  assert.deepEqual(observers, [{ sid: 4, last_zxid: 0x300000098 }]);
});

test('commands are where commandPath says, and nowhere else', async () => {
  const app = createAdminApp(new FullView(), { ...options, commandPath: '/zk' });
  assert.equal((await app.inject('/zk/ruok')).statusCode, 200);
  assert.match((await app.inject('/zk')).body, /href="\/zk\/ruok"/);
  assert.equal((await app.inject('/commands/ruok')).statusCode, 404);
});

test('the port of a metrics provider has metrics and nothing else', async () => {
  const app = createMetricsApp(withState({}), options);
  const metrics = await app.inject('/metrics');
  assert.equal(metrics.headers['content-type'], 'text/plain; version=0.0.4; charset=utf-8');
  assert.match(metrics.body, /^znode_count 37$/m);
  for (const url of ['/', '/state', '/commands/ruok']) {
    assert.equal((await app.inject(url)).statusCode, 404, url);
  }
  assert.equal((await app.inject({ method: 'POST', url: '/metrics' })).statusCode, 405);
});

test('without quorum only some commands answer', async () => {
  const view = withState({ role: 'looking', serving: false });
  for (const name of ['monitor', 'environment', 'zabstate', 'get_trace_mask']) {
    assert.equal((await json(`/commands/${name}`, view))['error'], null, name);
  }
  for (const name of ['server_stats', 'ruok', 'configuration', 'stat_reset', 'leader']) {
    const { error } = await json(`/commands/${name}`, view);
    assert.equal(error, 'This ZooKeeper instance is not currently serving requests', name);
  }
  assert.deepEqual(view.resets, []);
});

test('the leader, its epoch and position', async () => {
  const leader = await json('/commands/leader', withState({}));
  assert.deepEqual(leader, {
    is_leader: true,
    leader_id: 2,
    leader_ip: 'b',
    command: 'leader',
    error: null,
  });
  const zab = await json('/commands/zabstate', withState({}));
  assert.equal(zab['zab_epoch'], 3);
  assert.equal(zab['zab_counter'], 0x97);
  assert.equal(zab['zabstate'], 'broadcast');
  assert.equal(zab['voting'], true);
});

test('a standalone server has no leader and votes nowhere', async () => {
  const { error } = await json('/commands/leader', new FakeView());
  assert.equal(error, 'server is not initialized');
  const { current_config: view } = await json('/commands/voting_view', new FakeView());
  assert.deepEqual(view, {});
});

test('voters are listed by id with their addresses, observers are not', async () => {
  const { current_config: view } = await json('/commands/voting_view', withState({}));
  assert.deepEqual(Object.keys(view as object), ['1', '2', '3']);
  assert.deepEqual((view as Record<string, unknown>)['2'], {
    server_addresses: ['b:2888'],
    election_addresses: ['b:3888'],
    client_address: '',
    learner_type: 'participant',
  });
});

test('session ids keep all 64 bits', async () => {
  const view = new FullView();
  view.connections = () => [{ ...connected, sessionId: '0x100001efe93001d' }];
  const { text } = await ask('/commands/connections', view);
  assert.match(text, /"session_id" : 72057727157993501,/);
  assert.match(text, /"last_operation" : "GETD"/);
  assert.match(text, /"secure_connections" : \[ \]/);
});

test('the monitor has mntr’s keys without prefix, fractions kept', async () => {
  const { text } = await ask('/commands/monitor', withState({}));
  assert.match(text, /"server_state" : "leader"/);
  assert.match(text, /"connection_drop_probability" : 0\.0,/);
  assert.match(text, /"znode_count" : 37,/);
});

test('watches, sessions, digests', async () => {
  const watches = await json('/commands/wchc');
  assert.deepEqual(watches['session_id_to_watched_paths'], {
    '2': ['/g/fl'],
    '72057727157993500': ['/g/fl', '/other'],
  });
  const summary = await json('/commands/watch_summary');
  assert.equal(summary['num_total_watches'], 1);
  const dump = await json('/commands/dump');
  assert.deepEqual(dump['session_id_to_ephemeral_paths'], { '2': ['/g/fl'] });
  const hash = await json('/commands/hash');
  assert.deepEqual(hash['digests'], [{ zxid: 128, digest: 58_388_365_619, digest_version: 2 }]);
  const bare = await json('/commands/wchc', new FakeView());
  assert.equal(bare['error'], 'not offered by this server');
});

test('resetting resets', async () => {
  const view = new FullView();
  await ask('/commands/srst', view);
  await ask('/commands/crst', view);
  assert.deepEqual(view.resets, ['stats', 'connections']);
});

test('other methods and paths are refused and change nothing', async () => {
  const view = new FullView();
  for (const method of ['POST', 'PUT', 'DELETE', 'PATCH'] as const) {
    assert.equal((await ask('/commands/srst', view, method)).status, 405);
    assert.equal((await ask('/state', view, method)).status, 405);
  }
  assert.equal((await ask('/')).status, 404);
  assert.equal((await ask('/commands/a/b')).status, 404);
  assert.deepEqual(view.resets, []);
  const head = await ask('/state', view, 'HEAD');
  assert.equal(head.status, 200);
  assert.equal(head.text, '');
});

test('it listens on a free port, answers there, and lets go of it', async () => {
  const view = new FakeView();
  view.current = stateOfStandalone;
  const admin = createAdminHttp(view, options);
  const port = await admin.listen();
  const response = await fetch(`http://127.0.0.1:${port}/readyz`);
  assert.equal(await response.text(), 'ok\n');
  const second = createAdminHttp(view, { ...options, port });
  await assert.rejects(second.listen(), /EADDRINUSE/);
  await second.close();
  await admin.close();
  await assert.rejects(fetch(`http://127.0.0.1:${port}/readyz`));
});
