import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Of the judge, see `verdict` in go/check.go. */
export interface Verdict {
  readonly ops: number;
  readonly writes: number;
  readonly synced: number;
  readonly unknown: number;
  readonly never: number;
  readonly longestGapMs: number;
  readonly checks: Readonly<Record<string, readonly string[] | null>>;
}

export const noVerdict: Verdict = {
  ops: 0,
  writes: 0,
  synced: 0,
  unknown: 0,
  never: 0,
  longestGapMs: 0,
  checks: {},
};

/** What is judged, and by what program. */
export interface Judged {
  /** Whether synced reads have to be linearizable. */
  readonly isStrict: boolean;
  readonly program: string;
  readonly directory: string;
}

/** Holds the histories of a phase, and `final.json` beside them, against what clients may rely on. */
export function judge(asked: Judged, histories: readonly string[]): Promise<Verdict> {
  const { program, directory, isStrict } = asked;
  const final = join(directory, 'final.json');
  const args = ['check', ...(isStrict ? ['--strict'] : []), final, directory, ...histories];
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  let text = '';
  child.stdout.on('data', (chunk: Buffer) => (text += chunk.toString('utf8')));
  return new Promise((done, fail) => {
    child.once('error', fail);
    child.once('close', (code) => {
      if (code !== 0) fail(new Error(`the judge ended with ${code}, see ${directory}`));
      else {
        writeFileSync(join(directory, 'verdict.json'), text);
        done(JSON.parse(text) as Verdict);
      }
    });
  });
}
