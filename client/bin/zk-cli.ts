import { ZkError } from '../index.ts';
import { runCli } from './cli.ts';
import { UsageError } from './command-line.ts';

try {
  process.exitCode = await runCli(process.argv.slice(2));
} catch (error) {
  if (!(error instanceof ZkError) && !(error instanceof UsageError)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
}
