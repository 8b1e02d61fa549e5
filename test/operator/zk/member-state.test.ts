import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { MemberState } from '../../../operator/zk/member-state.ts';
import { stateOfLeader } from '../../admin/fake-view.ts';

// Goal: the operator, which never imports the server, still reads what the server writes.
// Method: the compiler holds the server's own value against the operator's type; the test sends
// it over as JSON and compares what the operator looks at.

test('what a server says of itself is what the operator expects', () => {
  const read: MemberState = JSON.parse(JSON.stringify(stateOfLeader satisfies MemberState));
  assert.deepEqual(read.learners, stateOfLeader.learners);
  assert.equal(read.zxid, stateOfLeader.zxid);
  assert.equal(read.servers.length, 4);
});
