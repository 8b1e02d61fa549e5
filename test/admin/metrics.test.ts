import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createMetrics } from '../../server/admin/metrics.ts';
import { FakeView, stateOfLeader } from './fake-view.ts';

// Goal: dashboards find the reference's metrics under its names, and role, epoch, zxid and lag.
// Method: samples of a fixed view, parsed line by line.

async function samplesOf(view: FakeView): Promise<Map<string, number>> {
  const text = await createMetrics(view, { processMetrics: false }).text();
  const samples = new Map<string, number>();
  for (const line of text.split('\n')) {
    const match = /^([a-zA-Z_:][\w:]*(?:\{[^}]*\})?) (\S+)$/.exec(line);
    if (match !== null) samples.set(match[1] ?? '', Number(match[2]));
  }
  return samples;
}

function leading(): FakeView {
  const view = new FakeView();
  view.current = stateOfLeader;
  return view;
}

test('metrics of the reference keep their names and values', async () => {
  const samples = await samplesOf(leading());
  const expected = {
    znode_count: 37,
    avg_latency: 5.04421,
    packets_received: 242,
    num_alive_connections: 2,
    global_sessions: 9,
    quorum_size: 3,
    learners: 3,
    synced_followers: 1,
    synced_observers: 1,
    commit_count: 139,
    proposal_count: 141,
    fsynctime_count: 4,
    fsynctime_sum: 10,
  };
  for (const [name, value] of Object.entries(expected)) {
    assert.equal(samples.get(name), value, name);
  }
});

test('role, epoch, zxid and lag are metrics', async () => {
  const samples = await samplesOf(leading());
  const expected = {
    'zk_member_role{role="leading"}': 1,
    'zk_member_role{role="following"}': 0,
    'zk_zab_state{state="broadcast"}': 1,
    zk_epoch: 4,
    zk_current_epoch: 3,
    zk_zxid_epoch: 3,
    zk_zxid_counter: 0x97,
    zk_last_logged_zxid_counter: 0x99,
    zk_config_version_epoch: 1,
    'zk_follower_lag_txns{peer="3"}': 9,
    'zk_follower_lag_txns{peer="4"}': 1,
    zk_voters: 3,
    zk_voters_in_sync: 2,
    zk_quorum_spare: 0,
    zk_member_voting: 1,
  };
  for (const [name, value] of Object.entries(expected)) {
    assert.equal(samples.get(name), value, name);
  }
});

test('what belongs to leadership is gone when leadership is', async () => {
  const view = leading();
  const metrics = createMetrics(view, { processMetrics: false });
  assert.match(await metrics.text(), /\nzk_follower_lag_txns\{peer="1"\} 0\n/);
  view.current = { ...stateOfLeader, role: 'following', learners: [] };
  const text = await metrics.text();
  for (const name of ['zk_follower_lag_txns', 'learners', 'zk_quorum_spare', 'max_proposal_size']) {
    assert.doesNotMatch(text, new RegExp(`^${name}[{ ]`, 'm'));
  }
  assert.match(text, /\nzk_member_role\{role="following"\} 1\n/);
});

test('counters say what they are and follow a reset', async () => {
  const view = leading();
  const metrics = createMetrics(view, { processMetrics: false });
  assert.match(await metrics.text(), /# TYPE commit_count counter\ncommit_count 139\n/);
  view.totals = { ...view.totals, commits: 2 };
  assert.match(await metrics.text(), /\ncommit_count 2\n/);
});

test('a zxid before every transaction is 0 and 0', async () => {
  const view = new FakeView();
  view.current = { ...stateOfLeader, zxid: '0x0', lastLoggedZxid: '0x0', configVersion: '0' };
  const samples = await samplesOf(view);
  assert.equal(samples.get('zk_zxid_epoch'), 0);
  assert.equal(samples.get('zk_zxid_counter'), 0);
});

test('without a zxid there are no samples of it', async () => {
  const view = new FakeView();
  view.current = { ...stateOfLeader, zxid: '0x-1' };
  const samples = await samplesOf(view);
  assert.equal(samples.has('zk_zxid_epoch'), false);
  assert.equal(samples.get('zk_last_logged_zxid_epoch'), 3);
});

test('the process shows itself where asked to', async () => {
  const text = await createMetrics(new FakeView()).text();
  assert.match(text, /\nprocess_resident_memory_bytes \d+/);
  assert.match(text, /\nnodejs_eventloop_lag_seconds /);
});
