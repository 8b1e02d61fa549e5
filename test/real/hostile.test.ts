import assert from 'node:assert/strict';
import { test } from 'node:test';
import { besiege } from '../fuzz/besieged.ts';

// Goal: whatever comes in at any port of a member, those who behave notice nothing: no connection
// of theirs ends, nobody waits, the leader stays, and descriptors and memory come back.
// Method: mutants of recorded messages at the client, secure, election, quorum and admin ports of
// three members with a client at work at each; `npm run fuzz:wire` runs more.

test('twenty thousand hostile messages at all ports, and nobody else notices', async () => {
  const { sent, p99Ms, maxMs } = await besiege(20_000, 11);
  assert.equal(
    [...sent.values()].reduce((sum, count) => sum + count, 0),
    20_000,
  );
  assert.equal(sent.size, 6, 'every port');
  for (const [target, count] of sent) assert(count > 200, `${target}: ${count}`);
  assert(p99Ms <= maxMs);
});
