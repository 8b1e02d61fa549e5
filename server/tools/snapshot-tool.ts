import { closeSync, existsSync, mkdtempSync, openSync, readSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import {
  comparison,
  levelsOf,
  levelsText,
  type CompareOptions,
  type Levels,
} from './snapshot-compare.ts';
import { indexSnapshot, type IndexedNode, type SnapshotIndex } from './snapshot-index.ts';
import { compressionOf, snapshotChunks } from './snapshot-input.ts';
import { SnapshotDamage } from './snapshot-records.ts';
import { snapshotJson, snapshotSummary, snapshotText } from './snapshot-text.ts';
import { ToolRefusal, type AsyncWork } from './saying.ts';

/** `text`: numbers and lengths; `data`: numbers and data in base64; `json`: names and sizes. */
export type DumpForm = 'text' | 'data' | 'json';

/** Prints a snapshot as SnapshotFormatter does. Fails behind the output when a checksum is wrong. */
export async function* dumpSnapshot(path: string, form: DumpForm): AsyncWork {
  using plain = form === 'data' ? await PlainFile.of(path) : null;
  const index = await readIndex(path, plain?.path ?? path);
  const read = plain === null ? null : (node: IndexedNode): Buffer => plain.data(node);
  yield* form === 'json' ? snapshotJson(index, Date.now()) : snapshotText(index, read);
  if (!(index.trailer instanceof SnapshotDamage)) return 0;
  yield { problem: damaged(path, index.trailer) };
  return 1;
}

/** Prints what a subtree holds as SnapshotRecursiveSummary does. */
export async function* summarizeSnapshot(path: string, start: string, depthMax: number): AsyncWork {
  const index = await readIndex(path, path);
  const root = index.find(start);
  if (root === null) {
    throw new ToolRefusal(
      `${path} has no node ${JSON.stringify(start)}. Name one with its whole path, e.g. /zookeeper.`,
    );
  }
  yield* snapshotSummary(root, depthMax);
  return 0;
}

/** Prints where two snapshots differ as SnapshotComparer does. */
export async function* compareSnapshots(
  left: string,
  right: string,
  options: CompareOptions,
): AsyncWork {
  yield 'Successfully parsed options!\n';
  const sides: Levels[] = [];
  for (const path of [left, right]) {
    const startMs = performance.now();
    const index = await readIndex(path, path);
    const readMs = performance.now();
    sides.push(levelsOf(index.root));
    yield `Deserialized snapshot in ${basename(path)} in ${seconds(readMs - startMs)} seconds\n`;
    yield `Processed data tree in ${seconds(performance.now() - readMs)} seconds\n`;
  }
  const [ours, theirs] = sides as [Levels, Levels];
  yield levelsText(ours);
  yield levelsText(theirs);
  yield* comparison(ours, theirs, options);
  return 0;
}

/** Reads an index, whatever form the file has. @throws ToolRefusal. */
async function readIndex(path: string, plainPath: string): Promise<SnapshotIndex> {
  refuseMissing(path);
  try {
    return await indexSnapshot(snapshotChunks(plainPath), path);
  } catch (error) {
    if (error instanceof SnapshotDamage) throw new ToolRefusal(damaged(path, error));
    throw unreadable(path, error);
  }
}

export function refuseMissing(path: string): void {
  if (!existsSync(path)) throw new ToolRefusal(`File '${path}' does not exist.`, 2);
}

export function damaged(path: string, damage: SnapshotDamage): string {
  return (
    `${path} is damaged: ${damage.message}. A server skips it and takes an older snapshot with the ` +
    `logs behind that one.`
  );
}

function unreadable(path: string, error: unknown): ToolRefusal {
  return new ToolRefusal(`${path} cannot be read: ${(error as Error).message}`);
}

function seconds(ms: number): string {
  return (ms / 1000).toFixed(6);
}

/** A snapshot's uncompressed bytes where any of them can be read again. */
class PlainFile implements Disposable {
  readonly path: string;
  /** Removed at the end; `null`: the file itself is plain. */
  readonly #directory: string | null;
  readonly #fd: number;

  private constructor(path: string, directory: string | null) {
    this.path = path;
    this.#directory = directory;
    this.#fd = openSync(path, 'r');
  }

  /** A compressed one is written out in full beside other temporary files. */
  static async of(path: string): Promise<PlainFile> {
    refuseMissing(path);
    if (compressionOf(path) === 'none') return new PlainFile(path, null);
    const directory = mkdtempSync(join(tmpdir(), 'zk-snapshot-'));
    const plain = join(directory, 'plain');
    const fd = openSync(plain, 'w');
    try {
      for await (const chunk of snapshotChunks(path)) {
        for (let at = 0; at < chunk.length;) at += writeSync(fd, chunk, at);
      }
    } catch (error) {
      rmSync(directory, { recursive: true, force: true });
      if (error instanceof SnapshotDamage) throw new ToolRefusal(damaged(path, error));
      throw unreadable(path, error);
    } finally {
      closeSync(fd);
    }
    return new PlainFile(plain, directory);
  }

  data(node: IndexedNode): Buffer {
    if (node.text !== null) return Buffer.from(node.text);
    const bytes = Buffer.alloc(node.dataBytes);
    readSync(this.#fd, bytes, 0, bytes.length, node.dataAt);
    return bytes;
  }

  [Symbol.dispose](): void {
    closeSync(this.#fd);
    if (this.#directory !== null) rmSync(this.#directory, { recursive: true, force: true });
  }
}
