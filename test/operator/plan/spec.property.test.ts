import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { validate } from '../../../operator/api/validate.ts';
import type { ZkEnsembleSpec } from '../../../operator/api/zk-ensemble.ts';
import { plan } from '../../../operator/plan/plan.ts';
import { observedOf, serversOf } from './views.ts';

// Goal: whatever a spec says, it is either refused by name or planned; what is planned can exist
// in a cluster, and what is taken back leaves no trace.
// Method: arbitrary specs with good and bad values of every kind.

const defaults = { image: 'zkensemble:1', version: '1', command: ['node'] };

const count = fc.oneof(
  { weight: 5, arbitrary: fc.constantFrom(1, 3, 5, 7) },
  fc.integer({ min: -2, max: 300 }),
);
const word = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom('forceSync', 'snapCount', 'fsync') },
  fc.constantFrom('server.1', 'a b', '', 'dataDir', 'a\nb'),
  fc.string({ maxLength: 12 }),
);
const size = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom('1Gi', '500Mi', '10') },
  fc.constant('big'),
  fc.string({ maxLength: 6 }),
);
const volume = fc.record({ size, storageClassName: word }, { requiredKeys: [] });

const specs: fc.Arbitrary<ZkEnsembleSpec> = fc.record(
  {
    replicas: count,
    observers: fc.record({ replicas: fc.integer({ min: -1, max: 70 }) }),
    memberIdOffset: fc.integer({ min: -1, max: 100 }),
    image: fc.record({ repository: word, tag: word }, { requiredKeys: [] }),
    config: fc.record(
      {
        tickTime: fc.constantFrom(2000, 500, 0),
        syncLimit: count,
        minSessionTimeout: count,
        maxSessionTimeout: count,
        properties: fc.dictionary(word, word, { maxKeys: 3 }),
      },
      { requiredKeys: [] },
    ),
    storage: fc.oneof(
      fc.record({ data: volume, log: volume }, { requiredKeys: [] }),
      fc.constant({ ephemeral: {} }),
    ),
    podTemplate: fc.record({
      env: fc.array(fc.record({ name: fc.constantFrom('A', 'ZK_X', 'POD_NAME') }), {
        maxLength: 2,
      }),
    }),
    paused: fc.boolean(),
    hibernate: fc.boolean(),
    restartedAt: word,
  },
  { requiredKeys: [] },
);

function validated(spec: ZkEnsembleSpec) {
  return validate({ apiVersion: '', kind: '', metadata: { name: 'zk', uid: 'u' }, spec });
}

function revisionOf(spec: ZkEnsembleSpec): string {
  return plan(observedOf(spec, []), defaults).voterTemplate.revision;
}

test('every spec is refused by name or planned', () => {
  let refused = 0;
  let planned = 0;
  fc.assert(
    fc.property(specs, (spec) => {
      const outcome = validated(spec);
      if ('problems' in outcome) {
        refused += 1;
        for (const { field, message } of outcome.problems) {
          assert.ok(field.startsWith('spec.') && message.length > 5);
        }
        return;
      }
      planned += 1;
      const servers = serversOf({ voters: spec.replicas ?? 3 });
      const { objects } = plan(observedOf(spec, servers, { voters: null }), defaults);
      assert.equal(objects.length === 0, spec.paused === true);
      for (const { metadata } of objects) assert.match(metadata.name ?? '', /^[a-z0-9-]{1,63}$/);
      const config = objects.find(({ metadata }) => metadata.name?.startsWith('zk-config-'));
      const { servers: lines = '' } = (config?.['data'] ?? {}) as Record<string, string>;
      const ids = [...lines.matchAll(/^server\.([0-9]+)=/gm)].map((match) => Number(match[1]));
      assert.equal(new Set(ids).size, ids.length, 'each id once');
      assert.ok(ids.every((id) => id >= 1 && id <= 254));
    }),
    { numRuns: 2000 },
  );
  assert.ok(refused > 100 && planned > 100, `${refused} refused, ${planned} planned`);
});

test('a spec that is taken back leaves the revision of before', () => {
  fc.assert(
    fc.property(specs, specs, (first, second) => {
      if ('problems' in validated(first) || 'problems' in validated(second)) return;
      const before = revisionOf(first);
      revisionOf(second);
      assert.equal(revisionOf(structuredClone(first)), before);
    }),
    { numRuns: 500 },
  );
});
