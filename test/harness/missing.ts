import { execFileSync } from 'node:child_process';
import { apacheMissing } from '../support/apache.ts';
import { networkMissing } from './network.ts';

/** What the harness lacks on this machine, each with its remedy. */
export function missing(): string[] {
  const found: string[] = [];
  const network = networkMissing();
  if (network !== null) found.push(network);
  try {
    execFileSync('go', ['version'], { stdio: 'ignore' });
  } catch {
    found.push('no go on this machine: install Go 1.24 or newer');
  }
  const java = apacheMissing();
  if (java !== null) found.push(`${java}: install a JDK 17 and Maven`);
  return found;
}
