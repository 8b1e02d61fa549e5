import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import {
  dynamicPath,
  dynamicText,
  hasMembers,
  movedStaticText,
  nextPath,
  nextText,
} from '../../server/config/dynamic-file.ts';
import { ensembleOfText } from '../../server/config/ensemble-values.ts';
import { ensembleOf } from '../zab/ensembles.ts';

// Goal: the files beside a configuration are those that the reference leaves, and a person's own
// lines survive.
// Method: recorded directories of the reference; texts with comments and continued lines.

const recordedPath = join(import.meta.dirname, '../golden/quorum/reconfig_config_files.json');
type Files = Readonly<Record<string, Readonly<Record<string, string>>>>;
const recorded = JSON.parse(readFileSync(recordedPath, 'utf8')) as {
  readonly files: Readonly<Record<string, Files>>;
};

const sortedLines = (text: string): string[] => text.trim().split('\n').sort();

test('recorded directories: the same dynamic files, the same keys in the static one', () => {
  let count = 0;
  for (const servers of Object.values(recorded.files)) {
    for (const [name, files] of Object.entries(servers)) {
      const before = files['zoo.cfg.bak'];
      const after = files['zoo.cfg'];
      const dynamic = /dynamicConfigFile=(.*)/.exec(after ?? '')?.[1];
      if (before === undefined || after === undefined || dynamic === undefined) continue;
      const text = files[dynamic.slice(dynamic.lastIndexOf('/') + 1)] ?? '';
      const version = Number.parseInt(dynamic.slice(dynamic.lastIndexOf('.') + 1), 16);
      const ensemble = ensembleOfText(`${text}\nversion=${version.toString(16)}`);
      assert(ensemble !== null, `${name}: ${text}`);
      assert.equal(dynamicText(ensemble), text);
      const path = `${dynamic.slice(0, dynamic.lastIndexOf('/'))}/zoo.cfg`;
      assert.equal(dynamicPath(path, version), dynamic);
      const sid = Number(name.replace('server.', ''));
      assert.deepEqual(
        sortedLines(movedStaticText(before, dynamic, ensemble, sid)),
        sortedLines(after),
      );
      count += 1;
    }
  }
  assert(count >= 6, `${count} directories were compared`);
});

test('comments, blank lines and other keys stay; what moved goes with its continued lines', () => {
  const text = [
    '# mine',
    'tickTime=2000',
    '',
    'server.1=127.0.0.1\\',
    '  :1:2',
    'group.1=1',
    'peerType=observer',
    'clientPort=2181',
    'dynamicConfigFile=/old',
    'syncLimit=5',
    '',
  ].join('\n');
  assert(hasMembers(text));
  const moved = movedStaticText(text, '/etc/zoo.cfg.dynamic.5', ensembleOf(1), 1);
  assert.equal(
    moved,
    '# mine\ntickTime=2000\n\nclientPort=2181\nsyncLimit=5\ndynamicConfigFile=/etc/zoo.cfg.dynamic.5\n',
  );
  assert(!hasMembers(moved));
  assert.equal(movedStaticText(moved, '/etc/zoo.cfg.dynamic.5', ensembleOf(1), 1), moved);
});

test('the client address leaves the static file once the own line has it', () => {
  const ensemble = ensembleOfText('server.1=a:1:2;3\nserver.2=b:1:2');
  assert(ensemble !== null);
  const text = 'clientPort=3\nclientPortAddress=0.0.0.0\n';
  assert.equal(movedStaticText(text, 'd', ensemble, 1), 'dynamicConfigFile=d\n');
  assert.equal(movedStaticText(text, 'd', ensemble, 2), `${text}dynamicConfigFile=d\n`);
});

test('what is proposed has a file of its own, with its version', () => {
  const ensemble = { ...ensembleOf(2), version: 0x10000000a };
  assert.equal(nextPath('/c/zoo.cfg'), '/c/zoo.cfg.dynamic.next');
  assert.deepEqual(ensembleOfText(nextText(ensemble)), ensemble);
  assert(nextText(ensemble).endsWith('\nversion=10000000a'));
});
