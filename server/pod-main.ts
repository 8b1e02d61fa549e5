import { runServer } from './main.ts';
import { PodSetupError, setUpPod } from './pod-setup.ts';

/** Entry of a server in a pod: its name and volume become a configuration, then the server runs. */
async function main(): Promise<void> {
  const { zooCfgPath, properties } = setUpPod(process.env);
  await runServer(zooCfgPath, properties);
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(error instanceof PodSetupError ? error.code : 1);
});
