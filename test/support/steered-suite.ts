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
 * the leader, `?lose-quorum` all but the first member, and `?start-killed` starts them again; each
 * is answered with a line `done`.
 */
export async function runSteered(
  command: string,
  args: readonly string[],
  ensemble: RealEnsemble,
): Promise<SuiteOutcome> {
  const suite = spawn(command, args, { stdio: ['pipe', 'pipe', 'pipe'] });
  const killed: Member[] = [];
  const kill = async (member: Member): Promise<void> => {
    killed.push(member);
    await member.kill('SIGKILL');
  };
  let report = '';
  const steer = async (question: string): Promise<void> => {
    if (question === 'kill-leader') {
      await kill(await ensemble.leader());
    } else if (question === 'lose-quorum') {
      await Promise.all(ensemble.members.slice(1).map(kill));
    } else if (question === 'start-killed') {
      for (const member of killed.splice(0)) member.start();
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
