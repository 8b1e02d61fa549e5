import { startLocalControlPlane } from '../../../operator/local/control-plane.ts';
import type { JsonObject } from '../../../operator/local/api/json.ts';
import { asTester, statefulSet, target, until } from './world.ts';

// Runs a control plane with one pod, writes the number of the pod's process, and waits to be
// killed. Its state directory is its one argument.

const plane = await startLocalControlPlane({ stateDir: process.argv[2] ?? '' });
const command = ['node', '-e', 'setInterval(() => {}, 1000)'];
const body = statefulSet('s', { replicas: 1 }, { command });
plane.api.create(target('statefulsets', '').definition, 'default', body, asTester);
const id = await until(plane.api, 'the process', () => {
  const pod = plane.api.store.get('/pods', 'default', 's-0');
  const status = pod?.['status'] as JsonObject | undefined;
  const [first] = (status?.['containerStatuses'] ?? []) as JsonObject[];
  const found = first?.['containerID'];
  return typeof found === 'string' && found !== '' ? found : undefined;
});
process.stdout.write(id.replace('process://', ''));
