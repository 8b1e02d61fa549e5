#!/usr/bin/env node
// Starts the local control plane under a Node that runs TypeScript and the Kubernetes client:
// this one, or the one that npm installed.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import module from 'node:module';
import { fileURLToPath } from 'node:url';

const script = new URL('../local/main.ts', import.meta.url);
const pinned = fileURLToPath(new URL('../../node_modules/.bin/node', import.meta.url));

if (process.features.typescript) {
  module.enableCompileCache?.();
  await import(script.href);
} else if (existsSync(pinned)) {
  const self = fileURLToPath(import.meta.url);
  const child = spawn(pinned, [self, ...process.argv.slice(2)], { stdio: 'inherit' });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'])
    process.on(signal, () => child.kill(signal));
  child.on('exit', (code) => (process.exitCode = code ?? 1));
} else {
  console.error(
    `zke needs Node 22.18 or newer, this is ${process.version}: install it, or run npm ci.`,
  );
  process.exitCode = 1;
}
