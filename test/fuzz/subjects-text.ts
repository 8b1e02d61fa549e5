import { Arguments, UsageError, wordsOf } from '../../client/bin/command-line.ts';
import { parseInvocation } from '../../client/bin/cli.ts';
import { parseAcl } from '../../client/bin/format.ts';
import { fourLetterWords } from '../../server/admin/four-letter-words.ts';
import { answerFourLetterWord } from '../../server/admin/four-letter-words.ts';
import { addressRangeOf } from '../../server/auth/ip-address.ts';
import { isDistinguishedName } from '../../server/auth/distinguished-name.ts';
import { ensembleOfText } from '../../server/config/ensemble-values.ts';
import { ensembleText } from '../../server/config/ensemble-text.ts';
import { hasMembers, movedStaticText } from '../../server/config/dynamic-file.ts';
import { systemPropertiesOf, splitOptions } from '../../server/config/jvm-flags.ts';
import { loadServerConfig, pathsOf, problemText } from '../../server/config/load-config.ts';
import { ClientConnection } from '../../server/net/client-connection.ts';
import { JuteError } from '../../server/protocol/jute.ts';
import { pathProblem, sequentialPathProblem } from '../../server/protocol/path.ts';
import { parseDirectives } from '../../server/sasl/directives.ts';
import { clientService, DigestMd5Server } from '../../server/sasl/digest-md5.ts';
import { JaasError, parseJaas } from '../../server/sasl/jaas.ts';
import { parseQuota } from '../../server/tree/quota.ts';
import { FullView } from '../admin/fake-view.ts';
import { FakeConnection } from '../net/fake-connection.ts';
import type { Subject } from './fuzz.ts';

const members =
  'server.1=a:2888:3888:participant;2181\nserver.2=[::1]:2888:3888:observer;0.0.0.0:2181';
const zooCfg = `# comment
tickTime=2000
initLimit=10
syncLimit=5
dataDir=/var/lib/zookeeper
clientPort=2181
secureClientPort: 2182
4lw.commands.whitelist=stat, ruok
autopurge.snapRetainCount 3
ssl.keyStore.location=/a/b\\
  c
metricsProvider.className=org.apache.zookeeper.metrics.prometheus.PrometheusMetricsProvider
group.1=1:2
weight.1=1
${members}
`;
const cfgWords = [
  '=',
  ':',
  '\n',
  '\\',
  '\\u0041',
  '\\u00',
  'server.1=',
  'server.255=',
  ';',
  '|',
  '[::1]',
  '-1',
  '99999999999999999999',
  'weight.1=',
  'group.2=',
  'version=',
  ':observer',
  'true',
  '0x10',
  '\0',
  'dynamicConfigFile=',
  'clientPortAddress=',
  '..',
  '1e9',
  ' ',
  'standaloneEnabled=false',
];

function text(bytes: Buffer): string {
  return bytes.toString('utf8');
}

function decodeCfg(bytes: Buffer): string | null {
  const cfg = text(bytes);
  pathsOf(cfg);
  const sources = {
    myidText: '1\n',
    dynamicText: null,
    systemProperties: new Map<string, string>(),
  };
  const loaded = loadServerConfig({ ...sources, text: cfg });
  if (!('problems' in loaded))
    return `${loaded.config.ensemble === null} ${loaded.warnings.length}`;
  for (const problem of loaded.problems) {
    if (problem.remedy === '') throw new Error('a problem without a remedy');
    problemText('zoo.cfg', problem);
  }
  return null;
}

function decodeDynamic(bytes: Buffer): string | null {
  const dynamic = text(bytes);
  hasMembers(dynamic);
  const found = ensembleOfText(dynamic);
  if (found === null) return null;
  movedStaticText(dynamic, '/conf/zoo.cfg.dynamic.1', found, 1);
  const written = ensembleText(found);
  const again = ensembleOfText(written);
  if (again === null) throw new Error(`not read again: ${written}`);
  if (ensembleText(again) !== written) throw new Error(`written another way: ${written}`);
  return `${found.servers.length}`;
}

function decodeJaas(bytes: Buffer): string {
  return `${Math.min(parseJaas(text(bytes)).size, 5)}`;
}

function decodeDigest(bytes: Buffer): string | null {
  const outcome = new DigestMd5Server(clientService, new Map([['bob', 'secret']]), nonce).judge(
    bytes,
  );
  if (!('refused' in outcome)) throw new Error('nobody knows that password');
  return parseDirectives(bytes) === null ? null : 'refused';
}

const view = new FullView();
const nonce = Buffer.alloc(30, 7).toString('base64');

/** The first bytes of a connection: a word with its answer, or the beginning of frames. */
function decodeFirstBytes(bytes: Buffer): string {
  const fake = new FakeConnection();
  const connection = new ClientConnection(fake, 0xfffff);
  let found = 'frames';
  connection.onWord = (word) => {
    const answer = answerFourLetterWord(word, view, new Set(['*']));
    if (fourLetterWords.has(word) !== (answer !== '')) throw new Error(`${word}: ${answer}`);
    found = answer === '' ? 'unknown word' : word;
  };
  fake.onData(bytes.subarray(0, 2));
  fake.onData(bytes.subarray(2));
  if (found === 'frames') while (connection.frames.next()) found = 'a frame';
  return found;
}

function decodeLine(bytes: Buffer): string {
  const words = wordsOf(text(bytes));
  const found = new Arguments(words, ['s', 'w', 'e'], ['v', 'b']);
  parseInvocation(words);
  return `${Math.min(found.positional.length, 6)}`;
}

function decodeAccess(bytes: Buffer): string {
  return `${Math.min(parseAcl(text(bytes)).length, 4)}`;
}

function decodeIds(bytes: Buffer): string {
  const id = text(bytes);
  const range = addressRangeOf(id);
  return `${isDistinguishedName(id)} ${range !== null} ${Object.keys(parseQuota(id)).length}`;
}

function decodePath(bytes: Buffer): string | null {
  const path = text(bytes);
  sequentialPathProblem(path);
  const problem = pathProblem(path);
  return problem === null ? 'path' : null;
}

function decodeOptions(bytes: Buffer): string {
  return `${Math.min(systemPropertiesOf(splitOptions(text(bytes))).size, 4)}`;
}

const buffers = (...texts: string[]): Buffer[] => texts.map((each) => Buffer.from(each));
const none: Subject['refusals'] = [];

/** What people write, and what clients write in words. */
export const textSubjects: readonly Subject[] = [
  {
    name: 'zoo.cfg',
    corpus: buffers(zooCfg, 'clientPort=2181\ndataDir=/d'),
    words: cfgWords,
    decode: decodeCfg,
    refusals: none,
    share: 0.1,
  },
  {
    name: 'dynamic files',
    corpus: buffers(
      `${members}\nversion=100000001`,
      `group.1=1:2\nweight.1=1\nweight.2=1\n${members}`,
      'server.1=a:1:2|b:1:2:participant;[::]:3',
    ),
    words: cfgWords,
    decode: decodeDynamic,
    refusals: none,
    share: 0.5,
  },
  {
    name: 'JAAS files',
    corpus: buffers(
      'Server { org.apache.zookeeper.server.auth.DigestLoginModule required user_bob="secret"; };\n// x\nQuorumLearner { a.B required username="x" password="y"; c optional; };',
    ),
    words: ['{', '};', ';', '"', "'", '=', '/*', '*/', '//', '\\', 'required', '\n'],
    decode: decodeJaas,
    refusals: [JaasError],
    share: 0.5,
  },
  {
    name: 'DIGEST-MD5',
    corpus: buffers(
      `username="bob",realm="zk-sasl-md5",nonce="${nonce}",nc=00000001,cnonce="x",digest-uri="zookeeper/zk-sasl-md5",response=0123456789abcdef0123456789abcdef,qop=auth,charset=utf-8`,
    ),
    words: [',', '=', '"', '\\', 'nc=', 'qop=auth', 'authzid="', 'charset=utf-8', 'username="'],
    decode: decodeDigest,
    refusals: none,
    share: 0.3,
  },
  {
    name: 'four-letter words',
    corpus: [
      ...[...fourLetterWords].map((word) => Buffer.from(word)),
      Buffer.from('0000002c', 'hex'),
      Buffer.from('GET / HTTP/1.1\r\n'),
    ],
    words: [...fourLetterWords],
    decode: decodeFirstBytes,
    refusals: [JuteError],
    share: 0.1,
  },
  {
    name: 'command lines',
    corpus: buffers(
      'create -s -e "/a b" \'data\' world:anyone:cdrwa',
      'zk-cli -server host:2181,host2 get -w /a',
      'ls -R -- /',
    ),
    words: ['"', "'", '\\', '--', '-server', '-', '%s', '\0'],
    decode: decodeLine,
    refusals: [UsageError],
    share: 0.5,
  },
  {
    name: 'access lists',
    corpus: buffers('world:anyone:cdrwa,digest:a:b=:r', 'ip:10.0.0.0/8:r'),
    words: [',', ':', 'cdrwa'],
    decode: decodeAccess,
    refusals: [UsageError],
    share: 0.3,
  },
  {
    name: 'identities',
    corpus: buffers('10.0.0.1/24', '::1/64', 'CN=a,O=b\\,c', 'count=1,bytes=2', '::ffff:1.2.3.4'),
    words: ['/', ':', '::', '.', 'CN=', ',', '=', '+', '\\', '"', 'count=', 'bytesHardLimit='],
    decode: decodeIds,
    refusals: none,
    share: 0.5,
  },
  {
    name: 'paths',
    corpus: buffers('/', '/a/b/c', '/a/../b', '/zookeeper/quota', `/${'a/'.repeat(200)}b`),
    words: ['/', '//', '.', '..', '\0', '\u0001', '\ufff0', '\ud7ff', '\ue000'],
    decode: decodePath,
    refusals: none,
    share: 1,
  },
  {
    name: 'JVM flags',
    corpus: buffers('-Dzookeeper.a="b c" -Xmx1g -Dx'),
    words: ['-D', '"', "'", '\\', '='],
    decode: decodeOptions,
    refusals: none,
    share: 0.3,
  },
];
