import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ensembleText } from '../../server/config/ensemble-text.ts';
import { loadServerConfig, type ConfigSources } from '../../server/config/load-config.ts';
import type { ServerConfig } from '../../server/config/server-config.ts';

// Goal: who belongs to the ensemble, who this server is, and where its clients come: as the
// reference decides it, and with a sentence where it cannot be.
// Method: server, group and weight lines, static and dynamic, right and wrong.

const head = 'dataDir=/data\ninitLimit=10\nsyncLimit=5\n';
const two = `${head}server.2=b:2888:3888\nserver.3=c:2888:3888\n`;

function load(
  text: string,
  more: Partial<ConfigSources> = {},
): ReturnType<typeof loadServerConfig> {
  const sources = {
    text,
    myidText: '1',
    dynamicText: null,
    systemProperties: new Map<string, string>(),
  };
  return loadServerConfig({ ...sources, ...more });
}

function config(text: string, more: Partial<ConfigSources> = {}): ServerConfig {
  const loaded = load(text, more);
  assert('config' in loaded, JSON.stringify(loaded));
  return loaded.config;
}

function problem(text: string, more: Partial<ConfigSources> = {}): string {
  const loaded = load(text, more);
  assert('problems' in loaded, `accepted: ${text}`);
  return loaded.problems.map(({ line, key, remedy }) => `${line} ${key} ${remedy}`).join('\n');
}

const lines: readonly [string, string][] = [
  ['a:2888:3888', 'server.1=a:2888:3888:participant'],
  ['a:2888:3888:PARTICIPANT;2181', 'server.1=a:2888:3888:participant;0.0.0.0:2181'],
  ['a.b-c.d:2888:3888:participant;h:2181', 'server.1=a.b-c.d:2888:3888:participant;h:2181'],
  ['10.0.0.1:2888:3888', 'server.1=10.0.0.1:2888:3888:participant'],
  ['[2001:db8::1]:2888:3888;[::1]:2181', 'server.1=[2001:db8::1]:2888:3888:participant;[::1]:2181'],
  [' a:2888:3888 ; 2181 ', 'server.1=a:2888:3888:participant;0.0.0.0:2181'],
];

for (const [value, canonical] of lines) {
  test(`${value} is ${canonical}`, () => {
    const { ensemble } = config(`${two}server.1=${value}\n`);
    assert(ensemble !== null);
    assert.equal(ensembleText(ensemble).split('\n')[0], canonical);
  });
}

const wrongLines: readonly [string, RegExp][] = [
  ['a', /host:quorumPort:electionPort/],
  ['a:2888', /host:quorumPort:electionPort/],
  ['a:2888:3888:observer:x', /host:quorumPort:electionPort/],
  ['a:2888:3888;1;2', /host:quorumPort:electionPort/],
  ['a:2888:2888', /must differ/],
  ['a:0:3888', /1 to 65535/],
  ['a:2888:65536', /1 to 65535/],
  ['a:x:3888', /1 to 65535/],
  ['a:2888:3888:leader', /participant or observer/],
  ['a:2888:3888;0', /client port/],
  ['a:2888:3888;', /client port/],
  ['a:2888:3888;h:1:2', /client port/],
  ['a:2888:3888;2888', /client port must differ/],
  [':2888:3888', /is no host/],
  ['a b:2888:3888', /is no host/],
  ['2001:db8::1:2888:3888', /host:quorumPort:electionPort/],
  ['[2001:db8::1:2888:3888', /host:quorumPort:electionPort/],
  ['a:2888:3888|b:2888:3888', /Several addresses.*multiAddress.enabled=true/],
];

for (const [value, remedy] of wrongLines) {
  test(`server.1=${value} is refused`, () => {
    const found = problem(`${two}server.1=${value}\n`);
    assert.match(found, /^6 server\.1 /m);
    assert.match(found, remedy);
  });
}

const several = `${two}multiAddress.enabled=true\n`;

test('with multiAddress.enabled a server has several addresses', () => {
  const { ensemble, multiAddressEnabled } = config(
    `${several}server.1=h1:2888:3888|h0:2889:3889:participant;2181\n`,
  );
  assert.equal(multiAddressEnabled, true);
  const server = ensemble?.servers.find(({ sid }) => sid === 1);
  assert.equal(server?.host, 'h0');
  assert.deepEqual(server.others, [{ host: 'h1', quorumPort: 2888, electionPort: 3888 }]);
});

const wrongAddresses: readonly [string, RegExp][] = [
  ['h0:2888:3888:observer|h1:2888:3888:participant', /the same role/],
  ['h0:2888:3888|h1:2888', /host:quorumPort:electionPort/],
  ['h0:2888:3888|', /host:quorumPort:electionPort/],
  ['h0:2888:3888|h0:2888:3889', /h0:2888 is there twice/],
  ['h0:2888:3888|h1:2888:3888;3888', /client port must differ/],
];

for (const [value, remedy] of wrongAddresses) {
  test(`server.1=${value} is refused with several addresses allowed`, () => {
    assert.match(problem(`${several}server.1=${value}\n`), remedy);
  });
}

test('a server id is a number of one byte, and each has one line', () => {
  assert.match(problem(`${two}server.256=a:1:2`), /0 to 255/);
  assert.match(problem(`${two}server.x=a:1:2`), /must be a number/);
  assert.match(
    problem(`${two}server.1=a:1:2\nserver.3=d:1:2`),
    /7 server\.3 Server 3 stands in line 5 too/,
  );
  assert.match(problem(`${two}server.1=a:1:2\nserver.03=d:1:2`), /stands in line 5 too/);
});

test('no two servers share an address, also not crosswise', () => {
  assert.match(problem(`${two}server.1=B:2888:3999\n`), /b:2888 belongs to server/);
  assert.match(problem(`${two}server.1=b:3888:3999\n`), /b:3888 belongs to server/);
  assert.equal(config(`${two}server.1=b:2889:3889\n`).ensemble?.servers.length, 3);
});

test('myid: missing, no number, too large, not among the servers', () => {
  const text = `${two}server.1=a:2888:3888\n`;
  assert.match(problem(text, { myidText: null }), /\/data\/myid is missing/);
  for (const myidText of ['', 'one', '-1', '256', '1 2']) {
    assert.match(problem(text, { myidText }), /one number from 0 to 255/, myidText);
  }
  assert.match(problem(text, { myidText: '4' }), /says 4, but the servers are 1, 2, 3/);
  assert.equal(config(text, { myidText: '3\r\nrest' }).sid, 3);
});

test('an ensemble needs initLimit and syncLimit, a standalone server does not', () => {
  const found = problem(`dataDir=/data\nserver.1=a:1:2\nserver.2=b:1:2\n`);
  assert.match(found, /initLimit/);
  assert.match(found, /syncLimit/);
  assert.equal(config('dataDir=/data\nclientPort=1').ensemble, null);
});

test('one participant is standalone with a warning, or with standaloneEnabled=false an ensemble', () => {
  const text = `${head}server.1=a:2888:3888;2181\n`;
  const loaded = load(text, { myidText: null });
  assert('config' in loaded);
  assert.equal(loaded.config.ensemble, null);
  assert.equal(loaded.config.sid, 0);
  assert.deepEqual(loaded.config.clientAddress, { host: '0.0.0.0', port: 2181 });
  assert.deepEqual(
    loaded.warnings.map(({ line, key }) => [line, key]),
    [[4, 'server.1']],
  );
  assert.equal(config(`${text}standaloneEnabled=false\n`).ensemble?.servers.length, 1);
});

test('observers alone are no ensemble', () => {
  assert.match(
    problem(`${head}server.1=a:1:2:observer\nserver.2=b:1:2:observer\n`),
    /needs participants/,
  );
});

test('the client address of the line and of the file may repeat, not contradict each other', () => {
  const own = `${two}server.1=a:2888:3888;h:2181\n`;
  assert.deepEqual(config(own).clientAddress, { host: 'h', port: 2181 });
  assert.deepEqual(config(`${own}clientPort=2181\n`).clientAddress, { host: 'h', port: 2181 });
  assert.deepEqual(config(`${own}clientPort=2181\nclientPortAddress=h\n`).clientAddress, {
    host: 'h',
    port: 2181,
  });
  assert.match(problem(`${own}clientPort=2182\n`), /7 clientPort .*h:2181.*0\.0\.0\.0:2182/);
  assert.match(problem(`${own}clientPort=2181\nclientPortAddress=i\n`), /8 clientPortAddress/);
  assert.match(problem(`${two}server.1=a:2888:3888\nclientPortAddress=h\n`), /needs clientPort/);
});

test('the line decides the role; peerType may only agree', () => {
  const text = `${two}server.1=a:2888:3888:observer\n`;
  const loaded = load(`${text}peerType=participant\n`);
  assert('config' in loaded);
  assert.deepEqual(
    loaded.warnings.map(({ key }) => key),
    ['peerType'],
  );
  const agreeing = load(`${text}peerType=observer\n`);
  assert('config' in agreeing);
  assert.deepEqual(agreeing.warnings, []);
});

const groups = `${two}server.1=a:2888:3888\ngroup.1=1:2\ngroup.2=3\nweight.1=2\n`;

test('groups and weights make a hierarchical quorum', () => {
  const { ensemble } = config(groups);
  assert(ensemble !== null);
  assert.deepEqual(
    [...ensemble.groups],
    [
      [1, [1, 2]],
      [2, [3]],
    ],
  );
  assert.deepEqual([...ensemble.weights], [[1, 2]]);
});

test('groups: each participant in exactly one, and only servers that exist', () => {
  assert.match(problem(`${two}server.1=a:1:2\ngroup.1=1:2\n`), /every participant must be in one/);
  assert.match(problem(`${groups}group.3=3\n`), /Server 3 is in group 2 too/);
  assert.match(problem(`${groups}group.3=9\n`), /no server 9/);
  assert.match(problem(`${groups}group.1=1\n`), /twice/);
  assert.match(problem(`${groups}group.4=1,2\n`), /list of server ids/);
  assert.match(problem(`${groups}weight.2=-1\n`), /whole number from 0/);
  assert.match(problem(`${groups}weight.9=1\n`), /no server 9/);
  assert.match(problem(`${groups}group.x=1\n`), /must be a number/);
});

test('an observer is in no group', () => {
  const lines = `${two}server.4=d:1:2:observer\ngroup.1=2:3:4\n`;
  assert.match(problem(lines), /group\.1 Server 4 is an observer/);
});

test('weights without groups do not count', () => {
  const loaded = load(`${two}server.1=a:1:2\nweight.1=5\n`);
  assert('config' in loaded);
  assert.deepEqual(
    loaded.warnings.map(({ key }) => key),
    ['weight.1'],
  );
  assert.equal(loaded.config.ensemble?.weights.size, 0);
});

const dynamic = 'server.1=a:2888:3888;2181\nserver.2=b:2888:3888;2181\nserver.3=c:2888:3888;2181\n';

test('a dynamic file has the members, and its name the version', () => {
  const text = `${head}dynamicConfigFile=/c/zoo.cfg.dynamic.100000026\n`;
  const found = config(text, { dynamicText: dynamic });
  assert.equal(found.ensemble?.version, 0x100000026);
  assert.deepEqual(found.clientAddress, { host: '0.0.0.0', port: 2181 });
  const unnumbered = config(`${head}dynamicConfigFile=/c/zoo.cfg.dynamic\n`, {
    dynamicText: dynamic,
  });
  assert.equal(unnumbered.ensemble?.version, 0);
});

test('a dynamic file: missing, with other keys, or beside members in the static one', () => {
  const text = `${head}dynamicConfigFile=/c/d\n`;
  assert.match(problem(text), /4 dynamicConfigFile The file cannot be read/);
  assert.match(
    problem(text, { dynamicText: `${dynamic}version=1\n` }),
    /version .*server, group and weight lines only/,
  );
  assert.match(
    problem(text, { dynamicText: `${dynamic}clientPort=1\n` }),
    /server, group and weight/,
  );
  assert.match(
    problem(`${text}server.1=a:1:2\n`, { dynamicText: dynamic }),
    /5 server\.1 .*Move the line there/,
  );
});

test('the last server id is taken by TTL nodes', () => {
  const text = `${two}server.255=a:2888:3888\n`;
  assert.equal(config(text, { myidText: '255' }).sid, 255);
  assert.match(problem(`${text}extendedTypesEnabled=true\n`, { myidText: '255' }), /at most 254/);
});
