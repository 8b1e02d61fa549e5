import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** One recorded frame of the client port; see test/golden/client/README.md. */
export interface ClientVector {
  readonly name: string;
  readonly direction: 'request' | 'response' | 'notification' | 'note';
  readonly op: string;
  readonly hex: string;
  readonly decoded: {
    readonly header?: Readonly<Record<string, unknown>>;
    readonly record: string | null;
    readonly body?: unknown;
  };
}

/** One recorded piece of a quorum or election connection. */
export interface QuorumVector {
  readonly dir: string;
  readonly kind: 'packet' | 'snapshot-stream' | 'initial' | 'notification' | 'sasl';
  readonly typeName?: string;
  readonly hex: string;
  readonly decoded: Readonly<Record<string, unknown>> | null;
}

const root = join(import.meta.dirname, '../golden');

export function readGolden(path: string): unknown {
  return JSON.parse(readFileSync(join(root, path), 'utf8'));
}

export function goldenBytes(path: string): Buffer {
  return readFileSync(join(root, path));
}

export const clientFiles: readonly string[] = [
  'auth',
  'connect',
  'crud',
  'errors',
  'multi',
  'quota',
  'read-only',
  'read-only-global',
  'reconfig',
  'sasl',
  'session-move',
  'watches',
];

export function clientVectors(file: string): ClientVector[] {
  return readGolden(`client/${file}.json`) as ClientVector[];
}

/** Connections of a recording, each in the order of its bytes. */
export function quorumConnections(file: string): QuorumVector[][] {
  const recording = readGolden(`quorum/${file}.json`) as {
    readonly frames?: QuorumVector[];
    readonly connections?: readonly { readonly frames: QuorumVector[] }[];
  };
  return recording.frames === undefined
    ? (recording.connections ?? []).map((connection) => connection.frames)
    : [recording.frames];
}
