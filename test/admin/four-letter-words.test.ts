import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { runCommand } from '../../server/admin/commands.ts';
import { answerFourLetterWord, fourLetterWords } from '../../server/admin/four-letter-words.ts';
import { ListingRoom, listingLengthMax } from '../../server/admin/listings.ts';
import type { MemberState, ServerView } from '../../server/admin/server-view.ts';
import { connected, FakeView, FullView, stateOfLeader, stateOfStandalone } from './fake-view.ts';

// Goal: tools that read four-letter words cannot tell the answers from the reference's.
// Method: a fixed view; answers against recorded texts where the numbers can be the same, against
// texts written out by hand where not.

const all = new Set(['*']);
const none = new Set<string>();

const recorded = new Map(
  (
    JSON.parse(
      readFileSync(join(import.meta.dirname, '../golden/client/four-letter-words.json'), 'utf8'),
    ) as { op: string; decoded: { text: string } }[]
  ).map(({ op, decoded }) => [op, decoded.text]),
);

function answer(word: string, view: ServerView = new FakeView()): string {
  return answerFourLetterWord(word, view, all);
}

/** The recorded text with the version of the view. */
function recordedText(word: string): string {
  const text = recorded.get(word);
  assert.ok(text !== undefined, `${word} was recorded`);
  return text.replace(
    /^Zookeeper version: .*$/m,
    `Zookeeper version: ${new FakeView().versionText}`,
  );
}

for (const word of ['ruok', 'srvr', 'conf', 'crst', 'srst', 'isro', 'gtmk', 'dirs']) {
  test(`${word} answers as recorded`, () => {
    assert.equal(answer(word), recordedText(word));
  });
}

test('wchs and hash answer as recorded', () => {
  assert.equal(answer('wchs'), recordedText('wchs'));
  assert.equal(answer('hash', new FullView()), recordedText('hash'));
});

test('cons answers as recorded, but for the interest of the asking connection', () => {
  assert.equal(answer('cons'), recordedText('cons').replace('33678[0]', '33678[1]'));
});

test('a connection that was reset shows no cxid and all bits of zxid -1', () => {
  const view = new FakeView();
  view.connections = () => [
    { ...connected, lastOperation: 'NA', lastCxid: -1, lastZxid: '0x-1', lastResponseMs: 0 },
  ];
  assert.match(answer('cons', view), /,lop=NA,est=\d+,to=10000,lzxid=0xffffffffffffffff,lresp=0,/);
});

test('stat is srvr with the connections behind the version', () => {
  const [version, ...rest] = answer('srvr').split('\n');
  const clients = [
    'Clients:',
    ' /127.0.0.1:33636[1](queued=0,recved=3,sent=3)',
    ' /127.0.0.1:33678[1](queued=0,recved=1,sent=0)',
    '',
  ];
  assert.equal(answer('stat'), [version, ...clients, ...rest].join('\n'));
});

test('a leader adds its proposal sizes, -1 before the first', () => {
  const view = new FakeView();
  view.current = stateOfLeader;
  assert.match(
    answer('srvr', view),
    /\nMode: leader\nNode count: 37\nProposal sizes last\/min\/max: 48\/36\/123\n$/,
  );
  const { proposalSizes: _, ...totals } = view.totals;
  view.totals = totals;
  assert.match(answer('srvr', view), /\nProposal sizes last\/min\/max: -1\/-1\/-1\n$/);
});

test('every role has the name that tools look for', () => {
  const view = new FakeView();
  const modes = { leading: 'leader', following: 'follower', observing: 'observer' } as const;
  for (const [role, mode] of Object.entries(modes)) {
    view.current = { ...stateOfLeader, role: role as keyof typeof modes };
    assert.match(answer('srvr', view), new RegExp(`\nMode: ${mode}\n`));
    assert.match(answer('mntr', view), new RegExp(`\nzk_server_state\t${mode}\n`));
    assert.match(answer('mntr', view), new RegExp(`\nzk_peer_state\t${role} - broadcast\n`));
  }
});

test('mntr has the recorded keys with the recorded kind of number', () => {
  const lines = new Map(
    answer('mntr')
      .trimEnd()
      .split('\n')
      .map((line) => line.split('\t') as [string, string]),
  );
  const theirs = new Map(
    recordedText('mntr')
      .trimEnd()
      .split('\n')
      .map((line) => line.split('\t') as [string, string]),
  );
  for (const [key, value] of lines) {
    const expected = theirs.get(key);
    assert.ok(expected !== undefined, `${key} is a key of the reference`);
    if (key === 'zk_version') continue;
    assert.equal(/^-?\d+$/.test(value), /^-?\d+$/.test(expected), `${key} ${value} ~ ${expected}`);
  }
  assert.equal(lines.get('zk_avg_latency'), '5.0442');
  assert.equal(lines.get('zk_connection_drop_probability'), '0.0');
  assert.equal(lines.get('zk_uptime'), '7800');
  assert.equal([...lines.keys()].slice(0, 2).join(), 'zk_version,zk_server_state');
});

function monitored(state: MemberState): string {
  const view = new FakeView();
  view.current = state;
  return answer('mntr', view);
}

test('mntr of a leader counts its learners', () => {
  const view = new FakeView();
  view.current = stateOfLeader;
  const text = answer('mntr', view);
  for (const line of [
    'quorum_size\t3',
    'learners\t3',
    'synced_followers\t1',
    'synced_observers\t1',
    'pending_syncs\t1',
    'max_proposal_size\t123',
  ]) {
    assert.ok(text.includes(`\nzk_${line}\n`), line);
  }
});

test('mntr of a follower counts the observers that it serves, if it may serve any', () => {
  const learners = stateOfLeader.learners.filter(({ role }) => role === 'observer');
  const follower = { ...stateOfLeader, role: 'following', learners } as const;
  assert.match(monitored({ ...follower, servesObservers: true }), /^zk_synced_observers\t1$/m);
  const none = { ...follower, servesObservers: true, learners: [] };
  assert.match(monitored(none), /^zk_synced_observers\t0$/m);
  assert.doesNotMatch(monitored({ ...follower, learners: [] }), /synced_observers/);
});

test('mntr of an observer names the server it is connected to', () => {
  const observer = { ...stateOfLeader, role: 'observing', learners: [] } as const;
  assert.match(monitored(observer), /^zk_observer_master_id\t2$/m);
  assert.match(monitored({ ...observer, observerMaster: 3 }), /^zk_observer_master_id\t3$/m);
});

test('a member shows its membership without a newline at the end', () => {
  assert.match(
    answer('conf', new FullView()),
    /\nserverId=0\nmembership: \nserver\.1=a:2888:3888:participant;0\.0\.0\.0:2181\nversion=100000000$/,
  );
});

test('a server that is alone shows no membership', () => {
  const view = new FullView();
  view.membership = () => '';
  assert.match(answer('conf', view), /\nserverId=0\n$/);
});

test('dump lists sessions by the time they end, ephemerals and connections', () => {
  assert.equal(
    answer('dump', new FullView()),
    [
      'SessionTracker dump:',
      'Session Sets (2)/(3):',
      '2 expire at Sun Nov 22 03:14:54 UTC 2026:',
      '\t0x100001efe93000d',
      '\t0x100001efe930012',
      '1 expire at Sun Nov 22 03:14:56 UTC 2026:',
      '\t0x2',
      'ephemeral nodes dump:',
      'Sessions with Ephemerals (1):',
      '0x2:',
      '\t/g/fl',
      'Connections dump:',
      'Connections Sets (1)/(2):',
      '\tip: /127.0.0.1:33636 sessionId: 0x100001efe93001c',
      '\tip: /127.0.0.1:33678 sessionId: 0x0',
      '',
    ].join('\n'),
  );
});

test('dump of a learner lists global sessions by id', () => {
  const view = new FullView();
  const sessions = view.sessions().map((session) => ({ ...session, expiresWallMs: null }));
  view.sessions = () => sessions;
  assert.match(
    answer('dump', view),
    /\nGlobal Sessions\(3\):\n0x2\t10000ms\n0x100001efe93000d\t10000ms\n0x100001efe930012\t10000ms\neph/,
  );
});

test('dump names local sessions first, by the ends that every member decides on for them', () => {
  const view = new FullView();
  const [last, ...others] = view.sessions();
  view.localSessions = () => (last === undefined ? [] : [last]);
  view.sessions = () => others;
  const locals = 'Local Session Sets (1)/(1):\n1 expire at Sun Nov 22 03:14:56 UTC 2026:\n\t0x2\n';
  view.current = stateOfLeader;
  assert.match(
    answer('dump', view),
    new RegExp(
      `^SessionTracker dump:\n${escaped(locals)}Global Session Sets \\(1\\)/\\(2\\):\n2 exp`,
    ),
  );
  view.current = { ...stateOfLeader, role: 'following' };
  view.sessions = () => [];
  assert.match(
    answer('dump', view),
    new RegExp(`^SessionTracker dump:\n${escaped(locals)}Global Sessions\\(0\\):\nephemeral`),
  );
});

test('a member in read-only mode says so, and shows nothing of an ensemble', () => {
  const view = new FullView();
  view.current = { ...stateOfLeader, role: 'looking', serving: false, readOnly: true };
  assert.equal(answer('isro', view), 'ro');
  for (const word of ['srvr', 'stat']) {
    const [, second] = answer(word, view).split('\n');
    assert.equal(second, 'READ-ONLY mode; serving only read-only clients');
    assert.match(answer(word, view), /\nMode: read-only\nNode count: 37\n$/);
  }
  assert.match(answer('mntr', view), /\nzk_server_state\tread-only\n/);
  assert.doesNotMatch(answer('mntr', view), /zk_peer_state|zk_quorum_size/);
  assert.doesNotMatch(answer('conf', view), /membership/);
});

test('mntr tells local sessions from global ones', () => {
  const view = new FakeView();
  view.current = { ...stateOfLeader, localSessionCount: 3 };
  assert.match(answer('mntr', view), /\nzk_global_sessions\t9\nzk_local_sessions\t3\n/);
});

test('watches by session and by path', () => {
  const view = new FullView();
  assert.equal(answer('wchc', view), '0x100001efe93001c\n\t/g/fl\n\t/other\n0x2\n\t/g/fl\n\n');
  assert.equal(
    answer('wchp', view),
    '/g/fl\n\t0x100001efe93001c\n\t0x2\n/other\n\t0x100001efe93001c\n\n',
  );
});

test('a listing without bound is cut', () => {
  const view = new FullView();
  view.visitWatches = (visit) => {
    for (let index = 0; index < 200_000; index += 1) visit(`/a/rather/long/path/${index}`, '0x1');
  };
  const text = answer('wchc', view);
  assert.ok(text.length < 5 * 1024 * 1024);
  assert.match(text, /\n\t\.\.\.\n\n$/);
});

test('of more watches than a listing shows no more are kept', () => {
  const room = new ListingRoom();
  const path = `/${'x'.repeat(1023)}`;
  let taken = 0;
  while (room.takes(path, '')) taken += 1;
  assert.equal(taken, listingLengthMax / 1024 + 1);
  assert.equal(room.takes('/', '0x1'), false);

  const view = new FullView();
  view.visitWatches = (visit) => {
    for (let index = 0; index < 200_000; index += 1) visit(`/a/rather/long/path/${index}`, '0x1');
  };
  assert.match(answer('wchp', view), /\n\t\.\.\.\n\n$/);
  const { truncated, path_to_session_ids: paths } = runCommand('wchp', view);
  assert.equal(truncated, true);
  assert(Object.keys(paths ?? {}).length < 200_000);
  assert.equal('truncated' in runCommand('wchp', new FullView()), false);
});

test('srst and crst reset', () => {
  const view = new FakeView();
  answer('srst', view);
  answer('crst', view);
  assert.deepEqual(view.resets, ['stats', 'connections']);
});

test('only srvr is enabled without a whitelist', () => {
  const view = new FakeView();
  for (const word of fourLetterWords) {
    const text = answerFourLetterWord(word, view, none);
    if (word === 'srvr') assert.match(text, /^Zookeeper version: /);
    else assert.equal(text, `${word} is not executed because it is not in the whitelist.\n`);
  }
  assert.deepEqual(view.resets, []);
});

test('a word that the server has no answer for is not executed', () => {
  for (const word of ['wchc', 'wchp', 'dump', 'hash']) {
    assert.equal(answer(word), `${word} is not executed because it is not in the whitelist.\n`);
  }
});

test('an unknown word has no answer at all', () => {
  for (const word of ['xxxx', 'ruo', 'RUOK', '']) assert.equal(answer(word), '');
});

test('without quorum most words say so; ruok, envi, isro and the trace mask answer', () => {
  const view = new FullView();
  view.current = { ...stateOfStandalone, serving: false };
  const text = 'This ZooKeeper instance is not currently serving requests';
  for (const word of fourLetterWords) {
    const given = answer(word, view);
    if (word === 'ruok') assert.equal(given, 'imok');
    else if (word === 'isro') assert.equal(given, 'null');
    else if (word === 'gtmk' || word === 'stmk') assert.equal(given, '306');
    else if (word === 'envi')
      assert.match(given, /^Environment:\nzookeeper.version=3\.9\.5.*\nhost.name=zk-0\n/);
    else assert.equal(given, word === 'hash' ? text : `${text}\n`);
  }
  assert.deepEqual(view.resets, []);
});

function escaped(text: string): string {
  return text.replace(/[()/]/g, '\\$&');
}
