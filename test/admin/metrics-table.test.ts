import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { test } from 'node:test';
import { createMetrics } from '../../server/admin/metrics.ts';
import { FullView, stateOfLeader } from './fake-view.ts';
import { metricsTable, ownNames } from './metrics-table.ts';
import { referenceMetrics } from './reference-metrics.ts';

// Goal: docs/metrics.md says of every name of the reference what it means here or why it is absent.
// Method: the page is generated from what the server exposes and from the recorded names.

test('docs/metrics.md is what the server exposes', async () => {
  const path = resolve(import.meta.dirname, '../../docs/metrics.md');
  const remedy = 'run node test/admin/print-metrics-table.ts > docs/metrics.md';
  assert.equal(readFileSync(path, 'utf8'), await metricsTable(), remedy);
});

test('every name that is here has a meaning', async () => {
  assert.doesNotMatch(await metricsTable(), /\| \? \|/);
});

test('what alert rules and dashboards ask for is here', async () => {
  const view = new FullView();
  view.current = stateOfLeader;
  const text = await createMetrics(view).text();
  const asked =
    'znode_count num_alive_connections watch_count ephemerals_count approximate_data_size ' +
    'outstanding_requests avg_latency election_time_count quorum_size synced_followers ' +
    'open_file_descriptor_count max_file_descriptor_count fsynctime_sum snapshottime_sum ' +
    'leader_uptime uptime packets_received packets_sent readlatency_sum updatelatency_count ' +
    'connection_request_count process_resident_memory_bytes';
  for (const name of asked.split(' ')) assert.match(text, new RegExp(`^${name} \\S+$`, 'm'), name);
  assert.match(text, /^readlatency\{quantile="0\.99"\} 4$/m);
  assert.match(text, /^election_time\{quantile="0\.5"\} 4$/m);
});

test('a name of the reference has the type that it has there', async () => {
  const view = new FullView();
  view.current = stateOfLeader;
  const text = await createMetrics(view).text();
  const own = await ownNames();
  for (const [name, type] of referenceMetrics) {
    if (!own.has(name) || name === 'fsynctime' || name === 'snapshottime') continue;
    assert.match(text, new RegExp(`^# TYPE ${name} ${type}$`, 'm'));
  }
});
