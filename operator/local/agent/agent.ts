import { existsSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { arrayAt, numberAt, stringAt } from '../api/json.ts';
import type { KubeObject } from '../api/kube-object.ts';
import { isTerminating, namespaceOf } from '../api/kube-object.ts';
import type { Controller, ControllerContext } from '../controllers/controller.ts';
import { keyOf } from '../controllers/controller.ts';
import { writePrivateFile } from '../kubeconfig.ts';
import { targetOf } from '../resources/target.ts';
import { builtin } from '../resources/builtin.ts';
import { nodeName } from '../resources/strategies/workloads.ts';
import type { Change } from '../store/store.ts';
import { addressMapText } from './address-map.ts';
import type { AgentPaths } from './agent-paths.ts';
import { logPathOf, rotateLarge } from './log-files.ts';
import { PodRunner } from './pod-runner.ts';
import type { PortBook } from './port-book.ts';
import { endOrphans } from './process.ts';
import { claimDirectory } from './volumes.ts';

/** Grace of processes that an earlier control plane left behind. */
const orphanGraceMs = 5000;
const logCheckMs = 30_000;

export interface AgentOptions {
  readonly context: ControllerContext;
  readonly paths: AgentPaths;
  readonly book: PortBook;
  readonly environment: Readonly<Record<string, string>>;
  /** Images that are on this machine; `null`: whichever is named. */
  readonly images: ReadonlySet<string> | null;
}

/** Runs the pods of this node as processes: what kubelet and container runtime do elsewhere. */
export class Agent implements Controller {
  readonly #options: AgentOptions;
  readonly #runners = new Map<string, PodRunner>();
  readonly #ending = new Map<string, Promise<void>>();
  #addressesDue = false;
  #logTimer: NodeJS.Timeout | null = null;
  #isStopping = false;

  constructor(options: AgentOptions) {
    this.#options = options;
  }

  /** Ends what an earlier control plane left running; before any pod starts. */
  async prepare(): Promise<void> {
    const { context, paths, book } = this.#options;
    const count = await endOrphans(paths.podsDir, orphanGraceMs);
    if (count > 0) context.log(`ended ${count} processes that an earlier run left behind`);
    const pods = context.api.store.list('/pods');
    book.keepOnly(new Set(pods.map(keyOf)));
    const uids = new Set(pods.map((pod) => pod.metadata.uid));
    if (!existsSync(paths.podsDir)) return;
    for (const uid of readdirSync(paths.podsDir)) {
      if (!uids.has(uid)) rmSync(paths.podDir(uid), { recursive: true, force: true });
    }
  }

  start(): void {
    for (const pod of this.#options.context.api.store.list('/pods')) this.#take(pod);
    this.#logTimer = setInterval(() => this.#checkLogs(), logCheckMs);
    this.#logTimer.unref();
  }

  /** Starts no more pods. The processes end by {@link stopPods}. */
  stop(): void {
    this.#isStopping = true;
    if (this.#logTimer !== null) clearInterval(this.#logTimer);
  }

  /** Ends every process, each with its grace but no more than `graceMsMax`. */
  async stopPods(graceMsMax: number): Promise<void> {
    this.stop();
    const ended = [...this.#runners.values()].map((runner) => {
      const seconds = numberAt(runner.pod, 'spec', 'terminationGracePeriodSeconds') ?? 30;
      return runner.stop(Math.min(seconds * 1000, graceMsMax));
    });
    await Promise.all([...ended, ...this.#ending.values()]);
  }

  /** Ends every process at once. */
  killNow(): void {
    for (const runner of this.#runners.values()) runner.killNow();
  }

  changed(change: Change): void {
    const { resource, object, type } = change;
    if (resource === '/pods') {
      if (type === 'DELETED') setImmediate(() => this.#drop(object));
      else setImmediate(() => this.#take(object));
      this.#addressesChanged();
    } else if (resource === '/services') {
      this.#addressesChanged();
    } else if (['/configmaps', '/secrets', '/persistentvolumeclaims'].includes(resource)) {
      setImmediate(() => this.#refreshVolumes(namespaceOf(object)));
      if (resource === '/persistentvolumeclaims' && type === 'DELETED') {
        rmSync(claimDirectory(this.#options.paths.stateDir, object), {
          recursive: true,
          force: true,
        });
      }
    }
  }

  #take(pod: KubeObject): void {
    if (this.#isStopping || stringAt(pod, 'spec', 'nodeName') !== nodeName) return;
    const { uid } = pod.metadata;
    const present = this.#options.context.api.store.get(
      '/pods',
      namespaceOf(pod),
      pod.metadata.name,
    );
    if (present?.metadata.uid !== uid) return;
    const runner = this.#runners.get(uid);
    if (isTerminating(present)) {
      this.#terminate(present, runner);
    } else if (runner !== undefined) {
      runner.update(present);
    } else if (!['Succeeded', 'Failed'].includes(stringAt(present, 'status', 'phase') ?? '')) {
      this.#begin(present);
    }
  }

  #begin(pod: KubeObject): void {
    const { context } = this.#options;
    const runner = new PodRunner(pod, {
      ...this.#options,
      addressesChanged: () => this.#writeAddresses(),
    });
    this.#runners.set(pod.metadata.uid, runner);
    runner.run().catch((error: unknown) => {
      const why = error instanceof Error ? (error.stack ?? error.message) : String(error);
      context.log(`pod ${keyOf(pod)}: ${why}`);
    });
  }

  #terminate(pod: KubeObject, runner: PodRunner | undefined): void {
    const { uid } = pod.metadata;
    if (this.#ending.has(uid)) return;
    const graceMs = (numberAt(pod.metadata, 'deletionGracePeriodSeconds') ?? 30) * 1000;
    const ended = (runner?.stop(graceMs) ?? Promise.resolve()).then(() => {
      this.#finish(pod);
    });
    this.#ending.set(uid, ended);
  }

  /** The processes have ended: lets go of the pod. */
  #finish(pod: KubeObject): void {
    const { api, log } = this.#options.context;
    try {
      api.delete(targetOf(builtin('pods'), pod), { uid: pod.metadata.uid, graceSeconds: 0 });
    } catch (error) {
      log(`pod ${keyOf(pod)} is gone already: ${String(error)}`);
    }
  }

  #drop(pod: KubeObject): void {
    const { uid } = pod.metadata;
    const runner = this.#runners.get(uid);
    this.#runners.delete(uid);
    this.#ending.delete(uid);
    if (runner === undefined) return;
    // Deleted by force: nobody waits for its processes.
    void runner.stop(0).then(() => runner.removeDirectory());
  }

  #refreshVolumes(namespace: string): void {
    for (const runner of this.#runners.values()) {
      if (namespaceOf(runner.pod) === namespace) runner.refreshVolumes();
    }
  }

  #addressesChanged(): void {
    if (this.#addressesDue) return;
    this.#addressesDue = true;
    setImmediate(() => {
      this.#addressesDue = false;
      this.#writeAddresses();
    });
  }

  #writeAddresses(): void {
    const { context, book } = this.#options;
    for (const runner of this.#runners.values()) {
      if (!existsSync(runner.directory)) continue;
      const text = addressMapText(context.api.store, book, runner.pod);
      writePrivateFile(join(runner.directory, 'addresses.json'), text);
    }
  }

  #checkLogs(): void {
    for (const { pod } of this.#runners.values()) {
      for (const container of arrayAt(pod, 'spec', 'containers')) {
        const name = stringAt(container, 'name') ?? '';
        const { stateDir } = this.#options.paths;
        rotateLarge(logPathOf(stateDir, namespaceOf(pod), pod.metadata.name, name));
      }
    }
  }
}
