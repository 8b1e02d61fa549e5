import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { ZooKeeper } from '../../client/index.ts';
import { Lock } from '../../client/recipes/index.ts';
import { RealEnsemble, until } from '../support/real-ensemble.ts';

// Goal: a holder whose process stands still for longer than its session does nothing any more when
// it goes on, although nobody could tell it.
// Method: a process of its own holds a lock and is stopped by a signal until the lock is somebody
// else's; its output says when it worked.

const ours = { kind: 'ours' } as const;

test('a holder that was frozen past its session stops at once, and learns why', async () => {
  await using ensemble = await RealEnsemble.started({
    members: [ours, ours, ours],
    tickMs: 500,
    settings: { maxSessionTimeout: 30_000 },
  });
  await using zk = await ZooKeeper.connect(ensemble.connectString);
  const script = join(import.meta.dirname, 'frozen-holder.ts');
  const args = [script, ensemble.connectString, '/frozen', '2000'];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = new Promise((resolve) => child.once('exit', resolve));
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  try {
    await until('the other to work', 30_000, () => output.includes('work '));
    child.kill('SIGSTOP');
    await using held = await new Lock(zk, '/frozen').acquire({ timeoutMs: 60_000 });
    const takenMs = Date.now();
    assert(held.fence > Number(/fence (\d+)/.exec(output)?.[1]));
    child.kill('SIGCONT');
    await until('the other to stop', 30_000, () => output.includes('stopped '));
    await until('the other to hear', 30_000, () => output.includes('lost '));
    const workedMs = [...output.matchAll(/^work (\d+)$/gm)].map((match) => Number(match[1]));
    assert(workedMs.length > 0);
    assert(
      workedMs.every((ms) => ms <= takenMs),
      'nothing is done behind the next holder',
    );
    assert.match(output, /^lost (SESSION_EXPIRED|CONNECTION_LOSS)$/m);
    assert.equal(held.isHeld, true);
  } finally {
    child.kill('SIGKILL');
    await ended;
  }
});
