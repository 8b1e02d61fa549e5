import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { setUpPod } from '../../server/pod-setup.ts';

// Goal: a pod becomes exactly the member that its name says, on its own volume only, and an
// empty volume votes only in an ensemble without a history.
// Method: the entry's first half on directories of its own, looking at the files it leaves.

interface Pod {
  readonly env: Record<string, string>;
  readonly dataDir: string;
  readonly configDir: string;
}

function pod(t: TestContext, bootstrap: boolean, podName = 'zk-2'): Pod {
  const root = mkdtempSync(join(tmpdir(), 'zk-pod-'));
  t.after(() => rmSync(root, { recursive: true }));
  const dataDir = join(root, 'data');
  const configDir = join(root, 'config');
  mkdirSync(configDir);
  writeFileSync(join(configDir, 'zoo.cfg'), 'tickTime=2000\nclientPort=2181\n');
  writeFileSync(join(configDir, 'servers'), 'server.1=zk-0:2888:3888:participant;2181\n');
  writeFileSync(join(configDir, 'system.properties'), 'jute.maxbuffer=2048\n');
  const env = {
    POD_NAME: podName,
    ZK_MYID_OFFSET: '0',
    ZK_BOOTSTRAP: String(bootstrap),
    ZK_CONFIG_DIR: configDir,
    ZK_DATA_DIR: dataDir,
  };
  return { env, dataDir, configDir };
}

test('id, configuration and properties come from the pod', (t) => {
  const { env, dataDir } = pod(t, true);
  const setup = setUpPod(env);
  assert.equal(setup.sid, 3);
  assert.deepEqual(setup.properties, { 'jute.maxbuffer': '2048' });
  assert.equal(setup.zooCfgPath, join(dataDir, 'zoo.cfg'));
  assert.equal(readFileSync(join(dataDir, 'myid'), 'utf8'), '3\n');
  assert.equal(
    readFileSync(setup.zooCfgPath, 'utf8'),
    `tickTime=2000\nclientPort=2181\ndataDir=${dataDir}\n` +
      'server.1=zk-0:2888:3888:participant;2181\n',
  );
});

test('a separate log volume is named in the configuration', (t) => {
  const { env, dataDir } = pod(t, true);
  const setup = setUpPod({ ...env, ZK_LOG_DIR: join(dataDir, 'log') });
  assert.match(readFileSync(setup.zooCfgPath, 'utf8'), /^dataLogDir=.*\/log$/m);
});

test('the admin port follows an address map', (t) => {
  const { env, configDir } = pod(t, true);
  const path = join(configDir, 'map.json');
  writeFileSync(path, JSON.stringify({ listen: { '8080': '127.0.0.1:41004' } }));
  const { zooCfgPath } = setUpPod({ ...env, ZK_ADDRESS_MAP: path });
  const lines = readFileSync(zooCfgPath, 'utf8').split('\n');
  assert.ok(lines.includes('admin.serverAddress=127.0.0.1'));
  assert.ok(lines.includes('admin.serverPort=41004'));
  const { zooCfgPath: without } = setUpPod({ ...env, ZK_ADDRESS_MAP: '/nowhere' });
  assert.doesNotMatch(readFileSync(without, 'utf8'), /admin\.serverAddress/);
});

test('an empty volume votes only while the ensemble has no history', (t) => {
  const fresh = pod(t, true);
  setUpPod(fresh.env);
  assert.ok(existsSync(join(fresh.dataDir, 'initialize')));

  const late = pod(t, false);
  setUpPod(late.env);
  assert.ok(!existsSync(join(late.dataDir, 'initialize')));
});

test('a volume with a database is never begun anew', (t) => {
  const { env, dataDir } = pod(t, true);
  mkdirSync(join(dataDir, 'version-2'), { recursive: true });
  writeFileSync(join(dataDir, 'version-2', 'snapshot.0'), '');
  setUpPod(env);
  assert.ok(!existsSync(join(dataDir, 'initialize')));
});

test('the volume of another member is refused', (t) => {
  const { env, dataDir } = pod(t, true);
  setUpPod({ ...env, POD_NAME: 'zk-0' });
  assert.throws(() => setUpPod(env), /myid says 1, but this pod is member 3/);
  assert.equal(readFileSync(join(dataDir, 'myid'), 'utf8'), '1\n', 'and left as it is');
});

test('the same pod starts again and again', (t) => {
  const { env } = pod(t, false);
  assert.deepEqual(setUpPod(env), setUpPod(env));
});

for (const [what, change, message] of [
  ['no name', { POD_NAME: '' }, /POD_NAME is not set/],
  ['a name without an ordinal', { POD_NAME: 'zookeeper' }, /does not end with an ordinal/],
  ['an id out of range', { ZK_MYID_OFFSET: '300' }, /make the id 303, not 1 to 254/],
  ['an offset that is no number', { ZK_MYID_OFFSET: 'x' }, /make the id NaN/],
  ['no configuration', { ZK_CONFIG_DIR: '/nowhere' }, /has no file zoo\.cfg/],
] as const) {
  test(`${what} is refused with a sentence`, (t) => {
    const { env } = pod(t, true);
    assert.throws(() => setUpPod({ ...env, ...change }), message);
  });
}
