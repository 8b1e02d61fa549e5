import { mkdtempSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { Agent } from './agent/agent.ts';
import { AgentPaths } from './agent/agent-paths.ts';
import { isPortFree, PortBook, podAddress } from './agent/port-book.ts';
import { PretendAgent } from './agent/pretend.ts';
import { arrayAt, numberAt, stringAt } from './api/json.ts';
import type { KubeObject } from './api/kube-object.ts';
import { BudgetController } from './controllers/budgets.ts';
import { ClaimController } from './controllers/claims.ts';
import type { Controller, ControllerContext } from './controllers/controller.ts';
import { keyOf } from './controllers/controller.ts';
import { EndpointsController } from './controllers/endpoints.ts';
import { GarbageController } from './controllers/garbage.ts';
import { Scheduler } from './controllers/scheduler.ts';
import { StatefulSetController } from './controllers/stateful-set.ts';
import { serveEviction } from './http/eviction.ts';
import { podLogHandler } from './http/pod-log.ts';
import type { ApiServer } from './http/server.ts';
import { startApiServer } from './http/server.ts';
import { keptCredentials, kubeconfigText, writePrivateFile } from './kubeconfig.ts';
import { Api } from './resources/api.ts';
import { Catalog } from './resources/catalog.ts';
import { seed } from './seed.ts';
import { Journal } from './store/journal.ts';
import { Store } from './store/store.ts';

/** What becomes of pods: local processes, pretended processes, or nothing at all. */
export type PodMode = 'processes' | 'pretend' | 'none';

export interface LocalControlPlaneOptions {
  /**
   * Where objects, volumes, logs and credentials live. `null`: a temporary directory that goes
   * with the control plane, and objects in memory only.
   */
  readonly stateDir: string | null;
  /**
   * Port of the API server on the loopback address; 0: any free one. Default: the one of the
   * last run where it is free, so that a kubeconfig stays good.
   */
  readonly port?: number;
  /** Default: `processes`. */
  readonly pods?: PodMode;
  /** Where pods' processes start. Default: the root of this package. */
  readonly workDir?: string;
  /** First port of this machine to try for each container port, as 2181 → 2181. */
  readonly preferredPorts?: ReadonlyMap<number, number>;
  /** Variables of every pod's processes, beneath the pod's own. */
  readonly podEnvironment?: Readonly<Record<string, string>>;
  /** Images that count as present; others are not pulled. Default: every image is present. */
  readonly images?: readonly string[];
  readonly log?: (message: string) => void;
}

export interface LocalControlPlane {
  /** `https://127.0.0.1:…` */
  readonly url: string;
  /** Text of a kubeconfig. */
  readonly kubeconfig: string;
  readonly kubeconfigPath: string;
  /** Reads and writes objects without HTTP, by the same rules. */
  readonly api: Api;
  /**
   * Where a pod's port is reached on this machine, by name or number; `null` while it is not.
   */
  addressOf(
    namespace: string,
    podName: string,
    port: string | number,
  ): { readonly host: string; readonly port: number } | null;
  /** Ends the pods, each with its grace but no more than `graceMsMax`, then the API. */
  stop(graceMsMax?: number): Promise<void>;
  /** Ends every process of a pod at once; nothing else. */
  killPods(): void;
}

/** Grace of pods when the control plane stops. */
const stopGraceMsMax = 20_000;

function containerPort(pod: KubeObject, port: string | number): number | undefined {
  if (typeof port === 'number') return port;
  const named = arrayAt(pod, 'spec', 'containers')
    .flatMap((container) => arrayAt(container, 'ports'))
    .find((one) => stringAt(one, 'name') === port);
  return numberAt(named, 'containerPort');
}

class ControlPlane implements LocalControlPlane {
  readonly api: Api;
  readonly kubeconfigPath: string;
  kubeconfig = '';
  url = '';
  readonly #options: LocalControlPlaneOptions;
  readonly #store: Store;
  readonly #stateDir: string;
  readonly #book: PortBook;
  readonly #agent: Agent | null;
  readonly #controllers: readonly Controller[];
  #server: ApiServer | null = null;

  constructor(options: LocalControlPlaneOptions) {
    this.#options = options;
    const { stateDir } = options;
    this.#stateDir = stateDir ?? mkdtempSync(join(tmpdir(), 'zkensemble-'));
    mkdirSync(this.#stateDir, { recursive: true, mode: 0o700 });
    const journal = stateDir === null ? null : new Journal(join(stateDir, 'objects.jsonl'));
    this.#store = new Store(journal);
    this.api = new Api(this.#store, new Catalog(this.#store), () => Date.now());
    this.kubeconfigPath = join(this.#stateDir, 'kubeconfig');
    const portsPath = join(this.#stateDir, 'ports.json');
    this.#book = new PortBook(portsPath, options.preferredPorts ?? new Map());
    const context: ControllerContext = {
      api: this.api,
      nowMs: () => Date.now(),
      log: options.log ?? (() => {}),
    };
    this.#agent =
      options.pods === undefined || options.pods === 'processes' ? this.#makeAgent(context) : null;
    const pretend = options.pods === 'pretend' ? [new PretendAgent(context)] : [];
    this.#controllers = [
      new StatefulSetController(context),
      new Scheduler(context),
      new ClaimController(context),
      new EndpointsController(context, (pod, port) => this.#book.portOf(keyOf(pod), port)),
      new BudgetController(context),
      new GarbageController(context),
      ...(this.#agent === null ? pretend : [this.#agent]),
    ];
  }

  async start(): Promise<void> {
    const nowMs = (): number => Date.now();
    seed(this.api, nowMs());
    await this.#agent?.prepare();
    const credentials = keptCredentials(join(this.#stateDir, 'credentials.json'), nowMs());
    this.#server = await startApiServer({
      ...credentials,
      api: this.api,
      host: podAddress,
      port: this.#options.port ?? (await this.#keptPort()),
      subresources: {
        'pods/eviction': serveEviction,
        'pods/log': podLogHandler(this.#stateDir),
      },
      nowMs,
      log: this.#options.log ?? (() => {}),
    });
    this.url = this.#server.url;
    this.kubeconfig = kubeconfigText(this.url, credentials);
    writePrivateFile(this.kubeconfigPath, this.kubeconfig);
    for (const controller of this.#controllers) {
      this.#store.subscribe((change) => controller.changed(change));
      controller.start();
    }
  }

  addressOf(namespace: string, podName: string, port: string | number) {
    const pod = this.#store.get('/pods', namespace, podName);
    const number = pod === undefined ? undefined : containerPort(pod, port);
    const local =
      number === undefined ? undefined : this.#book.portOf(`${namespace}/${podName}`, number);
    return local === undefined ? null : { host: podAddress, port: local };
  }

  async stop(graceMsMax: number = stopGraceMsMax): Promise<void> {
    for (const controller of this.#controllers) controller.stop();
    await this.#agent?.stopPods(graceMsMax);
    await this.#server?.close();
    this.#store.close();
    if (this.#options.stateDir === null) rmSync(this.#stateDir, { recursive: true, force: true });
  }

  killPods(): void {
    this.#agent?.killNow();
  }

  async #keptPort(): Promise<number> {
    try {
      const text = readFileSync(this.kubeconfigPath, 'utf8');
      const port = Number(/server: https:\/\/[\d.]+:(\d+)/.exec(text)?.[1] ?? 0);
      return (await isPortFree(port)) ? port : 0;
    } catch {
      return 0;
    }
  }

  #makeAgent(context: ControllerContext): Agent {
    const workDir = this.#options.workDir ?? resolve(import.meta.dirname, '../..');
    return new Agent({
      context,
      paths: new AgentPaths(resolve(this.#stateDir), workDir),
      book: this.#book,
      environment: this.#options.podEnvironment ?? {},
      images: this.#options.images === undefined ? null : new Set(this.#options.images),
    });
  }
}

/**
 * Starts a small Kubernetes on this machine: its API for kubectl and client libraries, the
 * controllers that stateful sets rely on, and an agent that runs pods as processes. It is for
 * development, demonstration and tests; what it does not do it refuses.
 * @throws Error of node:net when the port is taken.
 */
export async function startLocalControlPlane(
  options: LocalControlPlaneOptions,
): Promise<LocalControlPlane> {
  const controlPlane = new ControlPlane(options);
  await controlPlane.start();
  return controlPlane;
}
