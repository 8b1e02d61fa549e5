import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  splitOptions,
  systemPropertiesOf,
  textOfArguments,
} from '../../server/config/jvm-flags.ts';
import { parseZooCfg } from '../../server/config/zoo-cfg.ts';

// Goal: a configuration text means what Java properties mean, and each key knows its line.
// Method: the grammar's cases, one by one; options and arguments as the reference's script has them.

function pairs(text: string): [string, string][] {
  const { entries, problems } = parseZooCfg(text);
  assert.deepEqual(problems, []);
  return entries.map(({ key, value }) => [key, value]);
}

const cases: readonly [string, string, [string, string][]][] = [
  [
    'the three separators',
    'a=1\nb:2\nc 3\n',
    [
      ['a', '1'],
      ['b', '2'],
      ['c', '3'],
    ],
  ],
  [
    'blanks around everything',
    '  a  =  1  \n\tb\t:\t2\t',
    [
      ['a', '1'],
      ['b', '2'],
    ],
  ],
  [
    'only the first separator counts',
    'a==1\nb=x=y:z',
    [
      ['a', '=1'],
      ['b', 'x=y:z'],
    ],
  ],
  ['comments and blank lines', '# a=1\n  ! b=2\n\n   \nc=3#4', [['c', '3#4']]],
  [
    'no value',
    'a\nb=\n',
    [
      ['a', ''],
      ['b', ''],
    ],
  ],
  [
    'lines joined',
    'a=1,\\\n   2,\\\n\t3\nb=4',
    [
      ['a', '1,2,3'],
      ['b', '4'],
    ],
  ],
  ['a joined line is no comment', 'a=1\\\n#2', [['a', '1#2']]],
  ['a comment is not joined', '# a\\\nb=1', [['b', '1']]],
  [
    'two backslashes do not join',
    'a=1\\\\\nb=2',
    [
      ['a', '1\\'],
      ['b', '2'],
    ],
  ],
  ['a backslash at the very end', 'a=1\\', [['a', '1']]],
  ['escapes', 'a=x\\t|\\u0041\\n\\q', [['a', 'x\t|A\nq']]],
  ['escaped separators in a key', 'a\\=b\\:c\\ d=1', [['a=b:c d', '1']]],
  ['a Windows path', 'dataDir=C:\\\\zk\\\\data', [['dataDir', 'C:\\zk\\data']]],
  [
    'other line ends and a byte order mark',
    '\uFEFFa=1\r\nb=2\rc=3',
    [
      ['a', '1'],
      ['b', '2'],
      ['c', '3'],
    ],
  ],
  [
    'a repeated key is kept twice',
    'a=1\na=2',
    [
      ['a', '1'],
      ['a', '2'],
    ],
  ],
  ['an equals sign alone', '=x', [['', 'x']]],
];

for (const [name, text, expected] of cases) {
  test(name, () => assert.deepEqual(pairs(text), expected));
}

test('the line is where the entry begins', () => {
  const { entries } = parseZooCfg('# c\na=1\\\n2\n\nb=3');
  assert.deepEqual(
    entries.map(({ key, line }) => [key, line]),
    [
      ['a', 2],
      ['b', 5],
    ],
  );
});

test('a broken \\u is a problem with its line, the rest is read', () => {
  const { entries, problems } = parseZooCfg('a=1\nb=\\u12g4\nc=3');
  assert.deepEqual(
    entries.map(({ key }) => key),
    ['a', 'c'],
  );
  assert.equal(problems[0]?.line, 2);
});

test('system properties come from -D options, the last one wins, others are ignored', () => {
  const options = splitOptions(`-Xmx512m -Da=1 -Db='x y' "-Dc=q\\"r" -Da=2 -De -Df=`);
  assert.deepEqual(options, ['-Xmx512m', '-Da=1', '-Db=x y', '-Dc=q"r', '-Da=2', '-De', '-Df=']);
  assert.deepEqual(
    [...systemPropertiesOf(options)],
    [
      ['a', '2'],
      ['b', 'x y'],
      ['c', 'q"r'],
      ['e', ''],
      ['f', ''],
    ],
  );
});

test('two to four arguments are a standalone configuration', () => {
  assert.equal(textOfArguments(['2181']), null);
  assert.deepEqual(pairs(textOfArguments(['2181', '/d\\x', '2000', '5']) ?? ''), [
    ['clientPort', '2181'],
    ['dataDir', '/d\\x'],
    ['tickTime', '2000'],
    ['maxClientCnxns', '5'],
  ]);
  assert.equal(textOfArguments(['1', '2', '3', '4', '5']), null);
});
