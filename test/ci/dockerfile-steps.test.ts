import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, test } from 'node:test';
import { parseDockerfile } from '../image/dockerfile.ts';

// Goal: the steps of the Dockerfile make a directory from which server and operator start.
// Method: carry the steps out in a plain directory, with this Node instead of the base image's
// and the paths of the image below that directory; then run both commands. Needs the package
// registry; containers are not needed.

const root = join(import.meta.dirname, '../..');
const stage = mkdtempSync(join(tmpdir(), 'zk-image-'));
after(() => rmSync(stage, { recursive: true, force: true }));

/** Environment of a step: this Node first, nothing else of the caller that could help it. */
function environment(values: Readonly<Record<string, string>>): NodeJS.ProcessEnv {
  const { HOME, npm_config_registry, npm_config_cache } = process.env;
  const path = [dirname(process.execPath), process.env['PATH'] ?? ''].join(':');
  return { HOME, npm_config_registry, npm_config_cache, PATH: path, ...values };
}

/** A path of the image, below the directory that stands for it. */
function inImage(name: string, path: string): string {
  return join(stage, name, path);
}

/** Carries every step out. The directory of the last stage, its variables and its command. */
function build(): { directory: string; env: Record<string, string>; command: readonly string[] } {
  const ignored = readFileSync(join(root, '.dockerignore'), 'utf8')
    .split('\n')
    .filter((line) => line !== '' && line !== '*' && !line.startsWith('!'));
  let name = '';
  let directory = '/';
  let env: Record<string, string> = {};
  let command: readonly string[] = [];
  for (const step of parseDockerfile(readFileSync(join(root, 'Dockerfile'), 'utf8'))) {
    if (step.type === 'from') {
      name = step.name ?? 'final';
      env = {};
      mkdirSync(join(stage, name), { recursive: true });
    } else if (step.type === 'workdir') {
      directory = step.path;
      mkdirSync(inImage(name, directory), { recursive: true });
    } else if (step.type === 'env') {
      for (const [key, value] of Object.entries(step.values)) {
        env[key] = value.startsWith('/') ? inImage(name, value) : value;
      }
    } else if (step.type === 'copy' && step.from !== null) {
      for (const source of step.sources) {
        cpSync(inImage(step.from, source), inImage(name, step.target), { recursive: true });
      }
    } else if (step.type === 'copy') {
      for (const source of step.sources) {
        const target = step.target.endsWith('/') ? join(step.target, source) : step.target;
        cpSync(join(root, source), inImage(name, join(directory, target)), {
          recursive: true,
          filter: (path) => !ignored.includes(path.slice(root.length + 1)),
        });
      }
    } else if (step.type === 'run') {
      execFileSync('sh', ['-c', step.command], {
        cwd: inImage(name, directory),
        env: environment(env),
        stdio: ['ignore', 'inherit', 'inherit'],
      });
    } else if (step.type === 'cmd') {
      command = step.command;
    }
  }
  return { directory: inImage(name, directory), env, command };
}

test('the steps make an image that starts as server and as operator', () => {
  const { directory, env, command } = build();
  const packages = readdirSync(join(directory, 'node_modules'));
  assert.ok(packages.includes('fastify'), 'what runs is there');
  assert.ok(!packages.includes('typescript'), 'what develops is not');
  assert.ok(!readdirSync(join(directory, 'operator')).includes('local'));
  const cached = readdirSync(join(directory, '.cache'), { recursive: true });
  assert.ok(cached.length > 100, `${cached.length} compiled files`);

  const run = (words: readonly string[]) =>
    spawnSync(words[0] ?? '', words.slice(1), {
      cwd: directory,
      env: environment(env),
      encoding: 'utf8',
    });
  const server = run(command);
  assert.equal(server.status, 2, server.stderr);
  assert.match(server.stderr, /POD_NAME is not set/, 'it comes as far as its configuration');
  const operator = run(['node', 'operator/bin/zk-operator.ts', '--help']);
  assert.equal(operator.status, 0, operator.stderr);
  assert.match(operator.stderr, /WATCH_NAMESPACES/);
});
