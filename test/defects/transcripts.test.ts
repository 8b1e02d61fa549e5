// Goal: the exchanges in which others went wrong go as the protocol says, effect by effect.
// Method: the transcripts of one peer that stand in test/zab/scenarios, by the defect each is for.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { replay } from '../zab/transcript.ts';

const folder = join(import.meta.dirname, '../zab/scenarios');

function holds(...names: readonly string[]): void {
  for (const name of names) {
    const text = readFileSync(join(folder, `${name}.txt`), 'utf8');
    assert.equal(replay(text), text, name);
  }
}

test('ZOOKEEPER-4394, ZOOKEEPER-4685: commits and proposals around NEWLEADER, in any split, are logged and acknowledged in their order', () => {
  holds('commits-around-newleader-in-any-split');
});

test('ZOOKEEPER-2845: what an old role logged is committed by the next leader’s DIFF, or cut', () => {
  holds(
    'the-tail-of-an-old-role-is-committed-by-diff',
    'the-tail-of-an-old-role-is-committed-by-leading',
    'a-follower-cuts-what-the-leader-lacks',
  );
});

test('ZOOKEEPER-4925: a proposal or commit that leaves a hole costs the link and nothing of the log', () => {
  holds('a-follower-refuses-holes');
});

test('ZOOKEEPER-1697, ZOOKEEPER-1521: a tree that takes longer than any limit is no silence while its bytes come', () => {
  holds(
    'a-long-snapshot-is-no-silence',
    'a-learner-that-takes-a-long-snapshot-is-not-silent',
    'a-follower-that-does-not-ack-is-let-go',
  );
});

test('ZOOKEEPER-1653: a crash between history and epoch is made good before the next vote', () => {
  holds('a-crash-between-history-and-epoch-is-made-good');
});

test('ZOOKEEPER-2164: who cannot be reached is not waited for, and when all others agree nobody is', () => {
  holds('who-cannot-be-reached-is-not-waited-for', 'when-all-voters-agree-nobody-waits');
});

test('ZOOKEEPER-3109: a voter that changes its mind during the wait ends the wait, not the election', () => {
  holds(
    'a-vote-taken-back-during-the-wait-ends-it',
    'a-better-vote-during-the-wait-wins',
    'a-leader-that-nobody-follows-looks-again-early',
  );
});

test('ZOOKEEPER-1818: a latecomer joins a decided leader whatever round and zxid its votes name', () => {
  holds(
    'a-latecomer-joins-the-leader-that-a-quorum-follows',
    'an-older-round-is-answered-and-not-counted',
    'a-quorum-of-followers-is-no-leader',
  );
});

test('ZOOKEEPER-764, ZOOKEEPER-2988: votes of and for strangers and observers are answered and never counted', () => {
  holds('votes-of-strangers-do-not-count', 'a-leader-does-not-count-who-has-no-vote');
});

test('ZOOKEEPER-2212: members that are only proposed are in nobody’s vote, and who looks learns of later ones', () => {
  holds(
    'a-change-under-way-is-not-taken-for-active',
    'who-looks-learns-of-later-members',
    'a-change-that-is-cut-away-is-forgotten',
  );
});

test('ZOOKEEPER-1277, ZOOKEEPER-2789, ZOOKEEPER-4883: the last counter of an epoch is used, and the next epoch follows', () => {
  holds('the-last-counter-ends-an-epoch');
});

test('Keeper-102629: what was on disk before a cut, or in a log that is gone, counts as durable only anew', () => {
  holds(
    'a-cut-takes-back-what-was-durable',
    'acks-of-an-earlier-link-do-not-count',
    'a-leader-does-not-count-a-disk-that-lost-its-history',
  );
});

test('Gray-paused-leader: a leader that slept for too long looks at the clock before it answers anything', () => {
  holds(
    'a-leader-asleep-for-too-long-steps-down-first',
    'a-leader-without-a-quorum-steps-down-at-the-tick',
  );
});
