import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

// Builds dist/client-package: the client and its recipes as a package of their own, for programs
// that are not written here. JavaScript and types, no dependencies.

const root = resolve(import.meta.dirname, '..');
const folder = join(root, 'dist/client-package');
const { version, license } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
  readonly version: string;
  readonly license: string;
};

const manifest = {
  name: 'zkensemble-client',
  version,
  description:
    'ZooKeeper client with recipes: locks, elections, queues, barriers, caches, discovery',
  keywords: ['zookeeper', 'lock', 'election', 'queue', 'service-discovery'],
  license,
  type: 'module',
  exports: {
    '.': { types: './dist/client/index.d.ts', default: './dist/client/index.js' },
    './recipes': {
      types: './dist/client/recipes/index.d.ts',
      default: './dist/client/recipes/index.js',
    },
    './package.json': './package.json',
  },
  bin: { 'zk-cli': 'bin/zk-cli.js' },
  files: ['bin', 'dist'],
  sideEffects: false,
  engines: { node: '>=20' },
};

function compile(): void {
  const tsc = join(root, 'node_modules/typescript/bin/tsc');
  const { status } = spawnSync(process.execPath, [tsc, '-p', 'tsconfig.build.json'], {
    cwd: root,
    stdio: 'inherit',
  });
  if (status !== 0) process.exit(status ?? 1);
}

/** The compiler leaves `.ts` in the imports of declarations; not every compiler takes that. */
function pointDeclarationsAtScripts(): void {
  for (const name of readdirSync(folder, { recursive: true, encoding: 'utf8' })) {
    if (!name.endsWith('.d.ts')) continue;
    const path = join(folder, name);
    const text = readFileSync(path, 'utf8');
    writeFileSync(path, text.replaceAll(/(from '\.{1,2}\/[^']*)\.ts'/g, "$1.js'"));
  }
}

rmSync(folder, { recursive: true, force: true });
compile();
pointDeclarationsAtScripts();
mkdirSync(join(folder, 'bin'));
writeFileSync(
  join(folder, 'bin/zk-cli.js'),
  "#!/usr/bin/env node\nimport '../dist/client/bin/zk-cli.js';\n",
  { mode: 0o755 },
);
writeFileSync(join(folder, 'package.json'), `${JSON.stringify(manifest, null, 2)}\n`);
copyFileSync(join(root, 'LICENSE'), join(folder, 'LICENSE'));
copyFileSync(join(root, 'client/README.md'), join(folder, 'README.md'));
console.log(`${folder}: ${manifest.name} ${version}`);
