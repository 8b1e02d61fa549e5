import { createWriteStream, mkdirSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { KubeConfig } from '@kubernetes/client-node';
import { packageVersion, startOperator } from '../main.ts';
import type { Operator } from '../main.ts';
import { ApiError } from './api/api-error.ts';
import type { KubeObject } from './api/kube-object.ts';
import { rotateLarge } from './agent/log-files.ts';
import { parseArguments, usage, UsageError } from './arguments.ts';
import type { LocalArguments } from './arguments.ts';
import type { LocalControlPlane } from './control-plane.ts';
import { startLocalControlPlane } from './control-plane.ts';
import { applyManifest, ManifestError, readManifest } from './manifests.ts';
import { lockStateDir, StateDirInUse } from './state-lock.ts';
import { isAvailable, isComplete, isMeantToServe, summaryText, waitingText } from './summary.ts';

const exitUsage = 2;
const exitFailure = 1;
/** As shells report a process that Ctrl-C ended. */
const exitInterrupted = 130;

/** npm passes a terminal's Ctrl-C on to a process that the terminal has told already. */
const sameSignalMs = 500;
/** How long after the first members are available the others may take before the summary. */
const completeWaitMs = 15_000;
const progressIntervalMs = 5000;

const root = resolve(import.meta.dirname, '../..');
const manager = 'zke';

/** The kind this runtime is for. */
const ensembles = 'zkensemble.io/zkensembles';

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

/** Everything that was started, to be stopped in reverse. */
class Session {
  readonly #arguments: LocalArguments;
  readonly #unlock: () => void;
  readonly #stateDir: string;
  #controlPlane: LocalControlPlane | null = null;
  #operator: Operator | null = null;
  #stoppedMs = 0;
  /** What was written up to here is of an earlier run. */
  #startRevision = 0;

  constructor(words: LocalArguments) {
    this.#arguments = words;
    this.#stateDir = resolve(words.stateDir);
    this.#unlock = lockStateDir(this.#stateDir);
  }

  async start(): Promise<void> {
    const begunMs = Date.now();
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
      process.on(signal, () => this.#interrupt());
    }
    // A terminal that was closed takes no more words; the members still end in order.
    process.stdout.on('error', () => {});
    process.once('uncaughtException', (error) => this.#fail(error));
    const log = this.#openLog();
    const shown = relative(process.cwd(), this.#stateDir);
    say(`Starting the local control plane in ${shown === '' ? '.' : shown} ...`);
    const controlPlane = await startLocalControlPlane({
      stateDir: this.#stateDir,
      ...(this.#arguments.port === null ? {} : { port: this.#arguments.port }),
      workDir: root,
      preferredPorts: new Map([[2181, 2181]]),
      images: [`zkensemble:${packageVersion()}`],
      podEnvironment: { NODE_COMPILE_CACHE: join(this.#stateDir, 'compile-cache') },
      log: (message) => log('control plane', message),
    });
    this.#controlPlane = controlPlane;
    const { api } = controlPlane;
    this.#startRevision = api.store.revision;
    applyManifest(api, readManifest(join(root, 'crds/zkensembles.yaml')), manager);
    this.#operator = await startOperator({
      kubeConfig: kubeConfigOf(controlPlane.kubeconfig),
      memberAddress: (pod, portName) =>
        controlPlane.addressOf(
          pod.metadata.namespace ?? 'default',
          pod.metadata.name ?? '',
          portName,
        ),
      log: (level, message, values) => log(`operator ${level}`, message, values),
    });
    this.#applyEnsemble(controlPlane);
    const serving = await this.#untilAvailable(controlPlane);
    if (serving === null) return;
    say(summaryText(controlPlane, serving, Date.now() - begunMs));
  }

  /** Applies the file that was named, or the smallest ensemble where there is none. */
  #applyEnsemble({ api }: LocalControlPlane): void {
    const { file } = this.#arguments;
    if (file === null && api.store.list(ensembles).length > 0) return;
    const path = file ?? join(root, 'ensemble.yaml');
    applyManifest(api, readManifest(path), manager);
    say(`Applied ${relative(process.cwd(), path)}.`);
  }

  /** The ensembles once all serve; `null` when everything was stopped meanwhile. */
  #untilAvailable(controlPlane: LocalControlPlane): Promise<readonly KubeObject[] | null> {
    const { store } = controlPlane.api;
    const wanted = (): KubeObject[] => store.list(ensembles).filter(isMeantToServe);
    return new Promise((done) => {
      let availableMs = 0;
      let last = '';
      const look = (): void => {
        const all = wanted();
        if (this.#stoppedMs > 0) finish(null);
        else if (all.every((one) => isAvailable(one, this.#startRevision))) {
          if (availableMs === 0) availableMs = Date.now();
          const isLate = Date.now() - availableMs > completeWaitMs;
          if (isLate || all.every((one) => isComplete(controlPlane, one))) finish(all);
        }
      };
      const progress = setInterval(() => {
        const text = wanted()
          .map((one) => waitingText(controlPlane, one))
          .join('\n  ');
        if (text !== last) say(`  ${text}`);
        last = text;
        look();
      }, progressIntervalMs);
      // Looked at after the write is done, not inside it.
      const unsubscribe = store.subscribe(() => setImmediate(look));
      const finish = (serving: readonly KubeObject[] | null): void => {
        clearInterval(progress);
        unsubscribe();
        done(serving);
      };
      look();
    });
  }

  #interrupt(): void {
    const nowMs = Date.now();
    if (this.#stoppedMs > 0) {
      if (nowMs - this.#stoppedMs < sameSignalMs) return;
      this.#controlPlane?.killPods();
      this.#unlock();
      process.exit(exitInterrupted);
    }
    this.#stoppedMs = nowMs;
    say('\nStopping the operator and the members (Ctrl-C again: at once) ...');
    this.stop().then(
      () => {
        say('Stopped. The data is kept for the next start.');
        process.exit(0);
      },
      (error: unknown) => {
        process.stderr.write(`${String(error)}\n`);
        process.exit(exitFailure);
      },
    );
  }

  /** A fault of this program: nothing it started is left behind. */
  #fail(error: Error): void {
    process.stderr.write(`zke: ${error.stack ?? error.message}\n`);
    this.#controlPlane?.killPods();
    this.#unlock();
    process.exit(exitFailure);
  }

  /** In order: nobody decides any more, then the members end, then the API. */
  async stop(): Promise<void> {
    await this.#operator?.stop();
    await this.#controlPlane?.stop();
    this.#unlock();
  }

  #openLog(): (who: string, message: string, values?: Readonly<Record<string, unknown>>) => void {
    const directory = join(this.#stateDir, 'logs');
    mkdirSync(directory, { recursive: true });
    const path = join(directory, 'control-plane.log');
    rotateLarge(path);
    const stream = createWriteStream(path, { flags: 'a' });
    return (who, message, values = {}) => {
      stream.write(
        `${JSON.stringify({ time: new Date().toISOString(), who, message, ...values })}\n`,
      );
    };
  }
}

function kubeConfigOf(text: string): KubeConfig {
  const config = new KubeConfig();
  config.loadFromString(text);
  return config;
}

function explain(error: unknown): { text: string; code: number } {
  if (error instanceof UsageError) return { text: `${error.message}\n\n${usage}`, code: exitUsage };
  if (error instanceof StateDirInUse || error instanceof ManifestError) {
    return { text: `${error.message}\n`, code: exitFailure };
  }
  if (error instanceof ApiError) return { text: `refused: ${error.message}\n`, code: exitFailure };
  const { code, message, stack } = error as NodeJS.ErrnoException;
  if (code === 'EADDRINUSE') {
    return { text: `${message}: choose another with --port\n`, code: exitFailure };
  }
  return { text: `${stack ?? String(error)}\n`, code: exitFailure };
}

async function main(): Promise<void> {
  let session: Session | null = null;
  try {
    const words = parseArguments(process.argv.slice(2));
    if (words.isHelp) {
      process.stdout.write(usage);
      return;
    }
    session = new Session(words);
    await session.start();
  } catch (error) {
    const { text, code } = explain(error);
    process.stderr.write(`zke: ${text}`);
    await session?.stop();
    process.exit(code);
  }
}

await main();
