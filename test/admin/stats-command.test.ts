// Goal: what a member says of itself and of its connections agrees from command to command.
// Method: the commands themselves, on the same view.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runCommand } from '../../server/admin/commands.ts';
import { FakeView } from './fake-view.ts';

test('stats: those of the server, with its connections', () => {
  const view = new FakeView();
  const { connections, secure_connections: secure, command, ...rest } = runCommand('stats', view);
  assert.equal(command, 'stats');
  assert(Array.isArray(connections) && connections.length > 0);
  assert.deepEqual(secure, []);
  assert.deepEqual({ ...rest, command: 'server_stats' }, runCommand('server_stats', view));
});

test('is_read_only: only while reads alone are served', () => {
  const view = new FakeView();
  for (const readOnly of [true, false]) {
    view.current = { ...view.current, readOnly };
    assert.equal(runCommand('is_read_only', view)['read_only'], readOnly);
  }
});

test('system_properties: what envi shows, sorted by name', () => {
  const view = new FakeView();
  const environment: readonly [string, string][] = [
    ['os.name', 'Linux'],
    ['host.name', 'here'],
  ];
  const { command, error, ...shown } = runCommand(
    'system_properties',
    Object.assign(view, { environment: () => environment }),
  );
  assert.deepEqual([command, error], ['system_properties', null]);
  assert.deepEqual(Object.entries(shown), environment.toReversed());
});
