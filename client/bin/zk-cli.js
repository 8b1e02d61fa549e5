#!/usr/bin/env node
// Starts the command under a Node that runs TypeScript: this one, or the one that npm installed.
// Compiled code is kept between runs: the prompt then stands ten times sooner.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import module from 'node:module';
import { fileURLToPath } from 'node:url';

const script = fileURLToPath(new URL('zk-cli.ts', import.meta.url));
const pinned = fileURLToPath(new URL('../../node_modules/.bin/node', import.meta.url));

if (process.features.typescript) {
  module.enableCompileCache?.();
  await import(script);
} else if (existsSync(pinned)) {
  const self = fileURLToPath(import.meta.url);
  const child = spawnSync(pinned, [self, ...process.argv.slice(2)], { stdio: 'inherit' });
  process.exitCode = child.status ?? 1;
} else {
  console.error(
    `zk-cli needs Node 22.18 or newer, this is ${process.version}: install it, or run npm ci.`,
  );
  process.exitCode = 1;
}
