import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { stringify } from 'yaml';
import type { Credentials } from './http/certificate.ts';
import { makeCredentials } from './http/certificate.ts';

/** Writes a file that only its owner reads, whole or not at all. */
export function writePrivateFile(path: string, text: string): void {
  mkdirSync(dirname(path), { recursive: true });
  const next = `${path}.next`;
  writeFileSync(next, text, { mode: 0o600 });
  renameSync(next, path);
}

function isCredentials(value: unknown): value is Credentials {
  const fields = value as Partial<Credentials> | null;
  return [fields?.certificate, fields?.key, fields?.token].every((one) => typeof one === 'string');
}

/** Credentials kept in a file, so that a kubeconfig outlives a restart; made when there are none. */
export function keptCredentials(path: string, nowMs: number): Credentials {
  if (existsSync(path)) {
    try {
      const kept: unknown = JSON.parse(readFileSync(path, 'utf8'));
      if (isCredentials(kept)) return kept;
    } catch {
      // What cannot be read is made anew.
    }
  }
  const made = makeCredentials(nowMs);
  writePrivateFile(path, JSON.stringify(made));
  return made;
}

/** A kubeconfig for kubectl and every client library. */
export function kubeconfigText(url: string, credentials: Credentials): string {
  const name = 'zkensemble-local';
  return stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [
      {
        name,
        cluster: {
          server: url,
          'certificate-authority-data': Buffer.from(credentials.certificate).toString('base64'),
        },
      },
    ],
    users: [{ name, user: { token: credentials.token } }],
    contexts: [{ name, context: { cluster: name, user: name, namespace: 'default' } }],
    'current-context': name,
  });
}
