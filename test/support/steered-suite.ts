import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Member, RealEnsemble } from './real-ensemble.ts';

export interface SuiteOutcome {
  readonly code: number | null;
  /** All that it printed, but its questions. */
  readonly report: string;
}

/**
 * Runs a program that tests an ensemble in another language. A line `?kill-leader` of it kills
 * the leader, `?start-killed` starts it again; each is answered with a line `done`.
 */
export async function runSteered(
  command: string,
  args: readonly string[],
  ensemble: RealEnsemble,
): Promise<SuiteOutcome> {
  const suite = spawn(command, args, { stdio: ['pipe', 'pipe', 'pipe'] });
  let killed: Member | null = null;
  let report = '';
  const steer = async (question: string): Promise<void> => {
    if (question === 'kill-leader') {
      killed = await ensemble.leader();
      await killed.kill('SIGKILL');
    } else if (question === 'start-killed') {
      killed?.start();
      await ensemble.ready();
    }
  };
  createInterface({ input: suite.stdout }).on('line', (line) => {
    if (!line.startsWith('?')) report += `${line}\n`;
    else void steer(line.slice(1)).then(() => suite.stdin.write('done\n'));
  });
  suite.stderr.on('data', (chunk: Buffer) => (report += chunk.toString('utf8')));
  const code = await new Promise<number | null>((done) => suite.once('close', done));
  return { code, report };
}
