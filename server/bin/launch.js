// Starts a command under a Node that runs TypeScript: this one, or the one that npm installed.
// Compiled code is kept between runs: a server then starts faster and in less memory.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import module from 'node:module';
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';

const pinned = fileURLToPath(new URL('../../node_modules/.bin/node', import.meta.url));

/** What a server is told by: the Node in front of it passes it on. */
const signals = ['SIGINT', 'SIGTERM', 'SIGUSR2'];

/**
 * @param {string} self URL of the file that npm links as the command; its `.ts` is beside it.
 */
export async function launch(self) {
  const path = fileURLToPath(self);
  if (process.features.typescript) {
    module.enableCompileCache?.();
    await import(self.replace(/\.js$/, '.ts'));
    module.flushCompileCache?.();
  } else if (existsSync(pinned)) {
    const child = spawn(pinned, [path, ...process.argv.slice(2)], { stdio: 'inherit' });
    for (const signal of signals) process.on(signal, () => child.kill(signal));
    child.on('exit', (code) => (process.exitCode = code ?? 1));
  } else {
    const name = basename(path, '.js');
    console.error(
      `${name} needs Node 22.18 or newer, this is ${process.version}: install it, or run npm ci.`,
    );
    process.exitCode = 1;
  }
}
