import { ZkError } from '../index.ts';
import { runCli } from './cli.ts';
import { ConfigurationError, UsageError } from './command-line.ts';
import { errorText } from './format.ts';

try {
  process.exitCode = await runCli(process.argv.slice(2));
} catch (error) {
  if (!(error instanceof ZkError) && !(error instanceof UsageError)) throw error;
  process.stderr.write(`${error instanceof ZkError ? errorText(error) : error.message}\n`);
  process.exitCode = error instanceof ConfigurationError ? 2 : 1;
}
