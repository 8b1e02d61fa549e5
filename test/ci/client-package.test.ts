import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { after, before, test } from 'node:test';
import { RealEnsemble } from '../support/real-ensemble.ts';

// Goal: the client as others install it works: plain JavaScript and types, nothing else needed.
// Method: it is built, packed and installed from the tarball into a project of its own, outside of
// this repository; there a script runs against a real server, and a program is compiled.

const root = resolve(import.meta.dirname, '../..');
const project = mkdtempSync(join(tmpdir(), 'client-package-'));
let ensemble: RealEnsemble;
let tarball: string;

const run = (command: string, args: readonly string[], cwd: string): string =>
  execFileSync(command, args, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });

before(async () => {
  ensemble = await RealEnsemble.started({ members: [{ kind: 'ours' }] });
  run('npm', ['run', 'build:client'], root);
  const folder = join(root, 'dist/client-package');
  const [packed] = JSON.parse(
    run('npm', ['pack', '--json', '--pack-destination', project], folder),
  ) as [{ readonly filename: string }];
  tarball = join(project, packed.filename);
  writeFileSync(join(project, 'package.json'), '{"private":true,"type":"module"}');
  run('npm', ['install', '--offline', '--no-audit', '--no-fund', tarball], project);
});

after(async () => {
  await ensemble[Symbol.asyncDispose]();
  rmSync(project, { recursive: true });
});

const installed = (name: string): string => join(project, 'node_modules/zkensemble-client', name);

test('the package has scripts and types, and needs no other', () => {
  const names = run('tar', ['-tzf', tarball], project).trim().split('\n');
  const strays = names.filter(
    (name) => !/^package\/(dist\/(client|server)\/.*(\.js|\.d\.ts)|bin\/zk-cli\.js)$/.test(name),
  );
  assert.deepEqual(strays.sort(), ['package/LICENSE', 'package/README.md', 'package/package.json']);
  const servers = names.filter((name) => name.startsWith('package/dist/server/'));
  assert(
    servers.every((name) =>
      /^package\/dist\/server\/(config|keys|protocol|sasl|util)\//.test(name),
    ),
  );
  const manifest = JSON.parse(readFileSync(installed('package.json'), 'utf8')) as {
    readonly version: string;
    readonly dependencies?: unknown;
  };
  const own = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as typeof manifest;
  assert.equal(manifest.version, own.version);
  assert.equal(manifest.dependencies, undefined);
});

const script = `
import { ZkError, ZooKeeper } from 'zkensemble-client';
import { Counter, Election, Lock, Queue, ServiceRegistry, TreeCache } from 'zkensemble-client/recipes';
const zk = await ZooKeeper.connect(process.argv[2]);
await zk.create('/greeting', 'hello');
console.log(String((await zk.get('/greeting')).data));
await zk.get('/none').catch((error) => console.log(error instanceof ZkError, error.code));
const held = await new Lock(zk, '/locks/printer').acquire({ timeoutMs: 5_000 });
console.log(await new Lock(zk, '/locks/printer').tryAcquire());
await held.release();
await new Queue(zk, '/queue').put('job');
console.log(String(await new Queue(zk, '/queue').take()));
console.log(await new Counter(zk, '/counter').add(3));
console.log(await new Election(zk, '/leader', 'me').run(async (term) => term.lost.aborted));
const services = new ServiceRegistry(zk, '/services');
const registration = await services.register('mail', { address: '10.0.0.1', port: 25 });
const consumer = await services.consume('mail');
console.log(consumer.choose().address);
const cache = await TreeCache.open(zk, '/services');
console.log(cache.children('/services').join());
cache.close();
await zk.close();
`;

test('a script in another project works with it', () => {
  writeFileSync(join(project, 'script.js'), script);
  const address = ensemble.member(1).address;
  const output = run(process.execPath, ['script.js', address], project);
  assert.deepEqual(output.trim().split('\n'), [
    'hello',
    'true NO_NODE',
    'null',
    'job',
    '3',
    'false',
    '10.0.0.1',
    'mail',
  ]);
  const cli = join(project, 'node_modules/.bin/zk-cli');
  const shown = run(process.execPath, [cli, '-server', address, 'get', '/greeting'], project);
  assert.match(shown, /^hello$/m);
});

const program = `
import { ZooKeeper } from 'zkensemble-client';
import type { Stat, ZkError } from 'zkensemble-client';
import { Configuration, Lock } from 'zkensemble-client/recipes';
import type { Tenure } from 'zkensemble-client/recipes';
export async function use(zk: ZooKeeper): Promise<Stat | null> {
  const tenure: Tenure = await new Lock(zk, '/a').acquire({ signal: AbortSignal.timeout(5) });
  const reason: ZkError = tenure.lost.reason;
  const settings = await Configuration.open(zk, '/s', (data) => ({ size: data?.length ?? 0 }));
  const size: number | undefined = settings.value?.size;
  // @ts-expect-error A path is a text.
  await zk.exists(5);
  return reason.code === 'NO_NODE' && size === 0 ? null : zk.exists('/a');
}
`;

for (const resolution of ['nodenext', 'bundler'] as const) {
  test(`a program that is compiled sees the types (${resolution})`, () => {
    writeFileSync(join(project, 'program.ts'), program);
    symlinkOnce(join(root, 'node_modules/@types'), join(project, 'node_modules/@types'));
    symlinkOnce(
      join(root, 'node_modules/undici-types'),
      join(project, 'node_modules/undici-types'),
    );
    const compilerOptions = {
      target: 'es2022',
      lib: ['es2022', 'esnext.disposable'],
      module: resolution === 'nodenext' ? 'nodenext' : 'esnext',
      moduleResolution: resolution,
      strict: true,
      noEmit: true,
      types: ['node'],
    };
    writeFileSync(
      join(project, 'tsconfig.json'),
      JSON.stringify({ compilerOptions, files: ['program.ts'] }),
    );
    const tsc = join(root, 'node_modules/typescript/bin/tsc');
    assert.equal(run(process.execPath, [tsc, '-p', '.'], project), '');
  });
}

function symlinkOnce(target: string, path: string): void {
  try {
    symlinkSync(target, path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
}
