import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { parse } from 'yaml';
import { conditionTypes } from '../../operator/api/conditions.ts';

// Goal: whoever meets a condition, a reason or an alert finds it explained.
// Method: collect their names from the sources and look for each on the operator's page.

const root = new URL('../../', import.meta.url);
const page = readFileSync(new URL('docs/operator.md', root), 'utf8');

/** Reasons of restarts are words for people, not conditions. */
const steps = new Set(['Unblock', 'Observer', 'Follower', 'Leader', 'Idle']);

function reasons(): string[] {
  const text = readdirSync(new URL('operator/plan/', root))
    .filter((name) => name.endsWith('.ts'))
    .map((name) => readFileSync(new URL(`operator/plan/${name}`, root), 'utf8'))
    .join('\n');
  const found = [
    ...text.matchAll(/reason: '([A-Z]\w+)'/g),
    ...text.matchAll(/reason: \w+(?:\.\w+)? (?:===|\?) .*?'([A-Z]\w+)'/g),
    ...text.matchAll(/\bno\(\s*'\w+',\s*'([A-Z]\w+)'/g),
    ...text.matchAll(/\bwait\(\s*'([A-Z]\w+)'/g),
  ].map((match) => match[1] ?? '');
  return [...new Set(found)].filter((reason) => !steps.has(reason));
}

test('every reason is explained', () => {
  const found = reasons();
  assert.ok(found.length > 25, found.join());
  for (const reason of found) assert.ok(new RegExp(`\\b${reason}\\b`).test(page), reason);
});

test('every condition is explained', () => {
  for (const type of conditionTypes) assert.ok(page.includes(`| ${type} |`), type);
});

test('every alert is explained', () => {
  const rules = parse(
    readFileSync(new URL('charts/zkensemble-operator/dashboards/rules.yaml', root), 'utf8'),
  ) as { groups: { rules: { alert: string }[] }[] };
  for (const { alert } of rules.groups.flatMap((group) => group.rules)) {
    assert.ok(page.includes(`| ${alert} |`), alert);
  }
});
