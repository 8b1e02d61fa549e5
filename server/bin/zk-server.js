#!/usr/bin/env node
// Starts the command under a Node that runs TypeScript: this one, or the one that npm installed.
// Compiled code is kept between runs: a server then starts faster and in less memory.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import module from 'node:module';
import { fileURLToPath } from 'node:url';
import v8 from 'node:v8';

const script = new URL('zk-server.ts', import.meta.url);
const pinned = fileURLToPath(new URL('../../node_modules/.bin/node', import.meta.url));

if (process.features.typescript) {
  // Start-up garbage must not make the young generation grow; main.ts lets it once it runs.
  v8.setFlagsFromString('--semi-space-growth-factor=1');
  module.enableCompileCache?.();
  await import(script.href);
  module.flushCompileCache?.();
} else if (existsSync(pinned)) {
  const self = fileURLToPath(import.meta.url);
  const child = spawn(pinned, [self, ...process.argv.slice(2)], { stdio: 'inherit' });
  for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => child.kill(signal));
  child.on('exit', (code) => (process.exitCode = code ?? 1));
} else {
  console.error(
    `zk-server needs Node 22.18 or newer, this is ${process.version}: install it, or run npm ci.`,
  );
  process.exitCode = 1;
}
