import { ZkError, ZooKeeper } from '../client/index.ts';
import { Lock, ReadWriteLock, Semaphore } from '../client/recipes/index.ts';

// Locks over all machines: one at a time, many readers or one writer, or a few at a time.
//
//   node examples/locks.ts [host:port]

const address = process.argv[2] ?? '127.0.0.1:2181';
await using alice = await ZooKeeper.connect(address);
await using bob = await ZooKeeper.connect(address);

// One at a time, in the order of asking.
{
  const path = '/examples/locks/printer';
  const held = await new Lock(alice, path, { data: 'alice' }).acquire();
  console.log(`held by ${(await new Lock(bob, path).contenders()).map(String).join()}`);
  try {
    await new Lock(bob, path).acquire({ timeoutMs: 50 });
  } catch (error) {
    if (!(error instanceof ZkError) || error.code !== 'OPERATION_TIMEOUT') throw error;
    console.log('bob does not wait longer than 50 ms');
  }
  const next = new Lock(bob, path).acquire();
  await held.release();
  await using his = await next;
  // What must not be written by two refuses a fence that is smaller than the last it has seen.
  console.log(`bob has it, with a ${his.fence > held.fence ? 'larger' : 'smaller'} fence`);
}

// Readers together, a writer alone.
{
  const path = '/examples/locks/catalogue';
  const mine = await new ReadWriteLock(alice, path).read();
  const his = await new ReadWriteLock(bob, path).read();
  console.log('both read');
  const writing = await new ReadWriteLock(bob, path).tryWrite();
  console.log(writing === null ? 'nobody writes meanwhile' : 'somebody writes');
  await Promise.all([mine.release(), his.release()]);
  await using writer = await new ReadWriteLock(bob, path).write();
  console.log(`bob writes: ${!writer.lost.aborted}`);
}

// A few at a time.
{
  const path = '/examples/locks/licences';
  const mine = await new Semaphore(alice, path, 2).acquire();
  const his = await new Semaphore(bob, path, 2).acquire();
  const third = await new Semaphore(bob, path, 2).tryAcquire();
  console.log(third === null ? 'there is no third licence' : 'a third licence');
  await Promise.all([mine.release(), his.release()]);
}

// A lock goes with the session of its holder, and the holder is told.
{
  const carol = await ZooKeeper.connect(address);
  const held = await new Lock(carol, '/examples/locks/door').acquire();
  held.lost.addEventListener('abort', () => {
    const { code } = held.lost.reason as ZkError;
    console.log(`lost: ${code}`);
  });
  await carol.close();
  await using mine = await new Lock(alice, '/examples/locks/door').acquire();
  console.log(`alice has it: ${!mine.lost.aborted}`);
}
