import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Json, JsonObject } from '../api/json.ts';
import { arrayAt, at, isObject, numberAt, objectAt, sameJson, stringAt } from '../api/json.ts';
import type { KubeObject } from '../api/kube-object.ts';
import { namespaceOf, timestamp } from '../api/kube-object.ts';
import type { ControllerContext } from '../controllers/controller.ts';
import { keyOf, recordEvent } from '../controllers/controller.ts';
import type { AgentPaths } from './agent-paths.ts';
import { Container, commandOf, imageIdOf } from './container.ts';
import type { ContainerSetting } from './container.ts';
import type { Mount } from './environment.ts';
import { environmentOf, expand, ImageMissing, localPath } from './environment.ts';
import { logPathOf } from './log-files.ts';
import { podStatus, writePodStatus } from './pod-status.ts';
import type { PortBook } from './port-book.ts';
import { PodVolumes, VolumeNotReady } from './volumes.ts';

/** How often a pod looks again for what its volumes wait for. */
const volumeRetryMs = 1000;

export interface PodRunnerOptions {
  readonly context: ControllerContext;
  readonly paths: AgentPaths;
  readonly book: PortBook;
  /** Rewrites the address maps of all pods, after ports were given. */
  readonly addressesChanged: () => void;
  /** Variables of every pod's processes, beneath the pod's own. */
  readonly environment: Readonly<Record<string, string>>;
  /** Images that are on this machine; `null`: whichever is named. */
  readonly images: ReadonlySet<string> | null;
}

/** Every port that the containers of a pod listen on. */
export function containerPortsOf(pod: KubeObject): number[] {
  return arrayAt(pod, 'spec', 'containers').flatMap((container) =>
    arrayAt(container, 'ports').flatMap((port) => numberAt(port, 'containerPort') ?? []),
  );
}

/** Runs one pod: volumes, ports, init containers, containers, and its status all along. */
export class PodRunner {
  readonly uid: string;
  readonly directory: string;
  readonly #options: PodRunnerOptions;
  readonly #volumes: PodVolumes;
  readonly #inits: readonly Container[];
  readonly #containers: readonly Container[];
  readonly #startTime: string;
  #pod: KubeObject;
  #directories: ReadonlyMap<string, string> = new Map();
  #isStopping = false;
  #isInitialized = false;
  #statusDue = false;
  #wake: () => void = () => {};

  constructor(pod: KubeObject, options: PodRunnerOptions) {
    const { context, paths } = options;
    this.#pod = pod;
    this.#options = options;
    this.uid = pod.metadata.uid;
    this.directory = paths.podDir(this.uid);
    this.#volumes = new PodVolumes(context.api.store, paths.stateDir, this.directory);
    this.#startTime = timestamp(context.nowMs());
    this.#inits = this.#make('initContainers', 'initContainerStatuses');
    this.#containers = this.#make('containers', 'containerStatuses');
  }

  get pod(): KubeObject {
    return this.#pod;
  }

  /** Runs until the pod has ended or is stopped. */
  async run(): Promise<void> {
    mkdirSync(this.directory, { recursive: true });
    this.#writeStatus();
    if (!(await this.#prepare())) return;
    for (const init of this.#inits) {
      if (this.#isStopping) return;
      await init.run();
      if (init.finalCode !== 0) {
        this.#writeStatus();
        return;
      }
    }
    this.#isInitialized = true;
    if (this.#isStopping) return;
    this.#writeStatus();
    await Promise.all(this.#containers.map((container) => container.run()));
  }

  /** The pod's object or something it shows has changed. */
  update(pod: KubeObject): void {
    this.#pod = pod;
  }

  /** Shows changed ConfigMaps and Secrets in the pod's volumes, and ends a wait for missing ones. */
  refreshVolumes(): void {
    this.#wake();
    if (this.#directories.size === 0) return;
    try {
      this.#directories = this.#volumes.prepare(this.#pod);
    } catch (error) {
      if (!(error instanceof VolumeNotReady)) throw error;
      // What was shown stays shown.
    }
  }

  /** Ends the processes in order: signal, grace, force. */
  async stop(graceMs: number): Promise<void> {
    this.#isStopping = true;
    this.#wake();
    if (graceMs > 0) {
      for (const container of this.#containers) {
        if (container.isRunning) {
          this.#tell('Normal', 'Killing', `Stopping container ${container.name}`);
        }
      }
    }
    await Promise.all([...this.#inits, ...this.#containers].map((one) => one.stop(graceMs)));
  }

  killNow(): void {
    this.#isStopping = true;
    for (const container of [...this.#inits, ...this.#containers]) container.killNow();
  }

  /** Removes what the pod had of its own on disk. */
  removeDirectory(): void {
    rmSync(this.directory, { recursive: true, force: true });
  }

  #make(list: string, statuses: string): Container[] {
    const restartPolicy = stringAt(this.#pod, 'spec', 'restartPolicy') ?? 'Always';
    const seconds = numberAt(this.#pod, 'spec', 'terminationGracePeriodSeconds') ?? 30;
    return arrayAt(this.#pod, 'spec', list)
      .filter(isObject)
      .map((spec) => {
        const before = arrayAt(this.#pod, 'status', statuses).find(
          (one) => stringAt(one, 'name') === spec['name'],
        );
        // What ran before this control plane did is started again: that is a restart.
        const wasRunning =
          at(before, 'state', 'running') !== undefined ||
          at(before, 'state', 'terminated') !== undefined;
        return new Container(
          spec,
          {
            isInit: list === 'initContainers',
            restartPolicy,
            graceMs: seconds * 1000,
            restarts: (numberAt(before, 'restartCount') ?? 0) + (wasRunning ? 1 : 0),
          },
          {
            setting: () => {
              this.#refuseMissingImage(spec, stringAt(before, 'imageID'));
              return this.#setting(spec);
            },
            restarting: () => this.#assignPorts(spec),
            changed: () => this.#statusChanged(),
            tell: (type, reason, message) => this.#tell(type, reason, message),
          },
        );
      });
  }

  /** Volumes and ports; waits for what is missing. False when the pod was stopped meanwhile. */
  async #prepare(): Promise<boolean> {
    let told = '';
    while (!this.#isStopping) {
      try {
        this.#directories = this.#volumes.prepare(this.#pod);
        break;
      } catch (error) {
        if (!(error instanceof VolumeNotReady)) throw error;
        if (told !== error.message) this.#tell('Warning', 'FailedMount', error.message);
        told = error.message;
        for (const container of this.#containers) container.wait('ContainerCreating', told);
        await this.#pause(volumeRetryMs);
      }
    }
    if (this.#isStopping) return false;
    await this.#options.book.assign(keyOf(this.#pod), containerPortsOf(this.#pod));
    this.#options.addressesChanged();
    return !this.#isStopping;
  }

  /** A port of a container that ended may be somebody else's by now. */
  async #assignPorts(spec: JsonObject): Promise<void> {
    const ports = arrayAt(spec, 'ports').flatMap((port) => numberAt(port, 'containerPort') ?? []);
    await this.#options.book.assign(keyOf(this.#pod), ports);
    this.#options.addressesChanged();
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  #mounts(spec: JsonObject): Mount[] {
    const mounts = arrayAt(spec, 'volumeMounts').map((mount): Mount => {
      const directory = this.#directories.get(stringAt(mount, 'name') ?? '') ?? '';
      const below = stringAt(mount, 'subPath');
      return {
        mountPath: (stringAt(mount, 'mountPath') ?? '').replace(/\/+$/, ''),
        directory: below === undefined ? directory : join(directory, below),
      };
    });
    // The deepest mount a path lies in is the one that counts.
    return mounts.sort((a, b) => b.mountPath.length - a.mountPath.length);
  }

  /** What a container ran with before, it may run with again. */
  #refuseMissingImage(spec: JsonObject, imageId: string | undefined): void {
    const { images } = this.#options;
    const image = stringAt(spec, 'image') ?? '';
    if (images === null || images.has(image) || imageId === imageIdOf(image)) return;
    const present = [...images].join(', ');
    throw new ImageMissing(
      `image "${image}" is not here: the local control plane runs ${present} and pulls nothing`,
    );
  }

  #setting(spec: JsonObject): ContainerSetting {
    const { context, paths, book, environment } = this.#options;
    const mounts = this.#mounts(spec);
    const variables: Record<string, string> = {
      ...environment,
      ...environmentOf(context.api.store, this.#pod, spec, mounts),
      ZK_ADDRESS_MAP: join(this.directory, 'addresses.json'),
    };
    const local = (text: string): string => localPath(expand(text, variables), mounts);
    const key = keyOf(this.#pod);
    const asked = stringAt(spec, 'workingDir');
    const moved = asked === undefined ? paths.workDir : localPath(asked, mounts);
    return {
      command: commandOf(spec, local),
      environment: variables,
      // A directory of an image is not here; a mounted one is.
      workingDirectory: moved === asked ? paths.workDir : moved,
      logPath: logPathOf(
        paths.stateDir,
        namespaceOf(this.#pod),
        this.#pod.metadata.name,
        stringAt(spec, 'name') ?? '',
      ),
      pidPath: join(this.directory, `${stringAt(spec, 'name') ?? ''}.pid`),
      portOf: (port) => this.#localPort(spec, key, book, port),
      localCommand: (command) => command.map(local),
    };
  }

  #localPort(spec: JsonObject, key: string, book: PortBook, port: Json | undefined): number | null {
    const named = arrayAt(spec, 'ports').find((one) => stringAt(one, 'name') === port);
    const number = typeof port === 'number' ? port : numberAt(named, 'containerPort');
    return number === undefined ? null : (book.portOf(key, number) ?? number);
  }

  #tell(type: 'Normal' | 'Warning', reason: string, message: string): void {
    const { context } = this.#options;
    recordEvent(context, this.#pod, { type, reason, message, component: 'agent' });
  }

  /** Changes of one turn make one write. */
  #statusChanged(): void {
    if (this.#statusDue) return;
    this.#statusDue = true;
    setImmediate(() => {
      this.#statusDue = false;
      this.#writeStatus();
    });
  }

  #writeStatus(): void {
    const { context } = this.#options;
    const present = context.api.store.get('/pods', namespaceOf(this.#pod), this.#pod.metadata.name);
    if (present?.metadata.uid !== this.uid) return;
    this.#pod = present;
    const status = podStatus({
      before: objectAt(present, 'status'),
      inits: this.#inits,
      containers: this.#containers,
      isInitialized: this.#isInitialized || this.#inits.length === 0,
      restartPolicy: stringAt(present, 'spec', 'restartPolicy') ?? 'Always',
      startTime: this.#startTime,
      nowMs: context.nowMs(),
    });
    if (!sameJson(status, objectAt(present, 'status'))) {
      writePodStatus(context.api, present, status);
    }
  }
}
