import { setTimeout as sleep } from 'node:timers/promises';
import type { Json, JsonObject } from '../api/json.ts';
import { arrayAt, at, isObject, numberAt, stringAt } from '../api/json.ts';
import { timestamp } from '../api/kube-object.ts';
import { ContainerConfigError, ImageMissing } from './environment.ts';
import { rotateAtStart } from './log-files.ts';
import type { ProbeTarget } from './probe.ts';
import { Prober, runCommand } from './probe.ts';
import type { Exit } from './process.ts';
import { PodProcess } from './process.ts';

/** Wait before a container that ended is started again, doubled each time. */
const backoffMsMin = 1000;
const backoffMsMax = 60_000;
/** A container that ran this long starts over with the shortest wait. */
const backoffResetMs = 60_000;

/** What a container needs to know to run; made anew for each start. */
export interface ContainerSetting extends ProbeTarget {
  readonly command: readonly string[];
  readonly logPath: string;
  readonly pidPath: string;
}

export interface ContainerHooks {
  /** Before every start but the first: gets what another program may have taken meanwhile. */
  readonly restarting: () => Promise<void>;
  /** @throws ContainerConfigError when it cannot be started as written. */
  readonly setting: () => ContainerSetting;
  readonly changed: () => void;
  readonly tell: (type: 'Normal' | 'Warning', reason: string, message: string) => void;
}

/** One container of a pod: its process, its probes, its restarts. */
export class Container {
  readonly spec: JsonObject;
  readonly name: string;
  readonly #isInit: boolean;
  readonly #restartPolicy: string;
  readonly #graceMs: number;
  readonly #hooks: ContainerHooks;
  #state: JsonObject = { waiting: { reason: 'ContainerCreating' } };
  #lastState: JsonObject = {};
  #restarts: number;
  /** `''` until the container has started once. */
  #imageId = '';
  #isReady = false;
  #isStarted = false;
  #isStopping = false;
  #backoffMs = backoffMsMin;
  #process: PodProcess | null = null;
  #probers: Prober[] = [];
  readonly #stopped = new AbortController();

  constructor(
    spec: JsonObject,
    options: {
      readonly isInit: boolean;
      readonly restartPolicy: string;
      readonly graceMs: number;
      readonly restarts: number;
    },
    hooks: ContainerHooks,
  ) {
    this.spec = spec;
    this.name = stringAt(spec, 'name') ?? '';
    this.#isInit = options.isInit;
    this.#restartPolicy = options.restartPolicy;
    this.#graceMs = options.graceMs;
    this.#restarts = options.restarts;
    this.#hooks = hooks;
  }

  get isReady(): boolean {
    return this.#isReady;
  }

  get isRunning(): boolean {
    return at(this.#state, 'running') !== undefined;
  }

  /** Exit code of a container that has ended for good; `null` for any other. */
  get finalCode(): number | null {
    const code = numberAt(this.#state, 'terminated', 'exitCode');
    return code === undefined ? null : code;
  }

  status(): JsonObject {
    const image = stringAt(this.spec, 'image') ?? '';
    const { pid } = this.#process ?? {};
    return {
      name: this.name,
      image,
      imageID: this.#imageId,
      containerID: this.isRunning && pid !== undefined ? `process://${pid}` : '',
      ready: this.#isReady,
      started: this.#isStarted,
      restartCount: this.#restarts,
      state: this.#state,
      lastState: this.#lastState,
    };
  }

  /** Shows why the container is not started yet. */
  wait(reason: string, message = ''): void {
    this.#set({ waiting: message === '' ? { reason } : { reason, message } });
  }

  /** Runs it until it has ended for good or is stopped. */
  async run(): Promise<void> {
    while (!this.#isStopping) {
      const startedMs = Date.now();
      const exit = await this.#runOnce(startedMs);
      if (this.#isStopping) return;
      const isFailure = exit === null || exit.code !== 0;
      const restarts = this.#restartPolicy === 'Always' && !this.#isInit;
      if (!restarts && (!isFailure || this.#restartPolicy === 'Never')) return;
      if (Date.now() - startedMs > backoffResetMs) this.#backoffMs = backoffMsMin;
      await this.#backOff(exit);
      if (exit !== null) this.#restarts += 1;
      await this.#hooks.restarting();
    }
  }

  /** Ends the process: what `preStop` asks for, then a signal, then force. */
  async stop(graceMs: number): Promise<void> {
    this.#isStopping = true;
    this.#stopped.abort();
    this.#stopProbing();
    const running = this.#process;
    if (running === null) return;
    const before = Date.now();
    if (graceMs > 0) await this.#preStop(graceMs);
    await running.stop(Math.max(0, graceMs - (Date.now() - before)));
  }

  killNow(): void {
    this.#isStopping = true;
    this.#process?.signal('SIGKILL');
  }

  async #runOnce(startedMs: number): Promise<Exit | null> {
    let setting: ContainerSetting;
    try {
      setting = this.#hooks.setting();
      rotateAtStart(setting.logPath);
      this.#process = new PodProcess(setting);
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      this.#hooks.tell('Warning', 'Failed', `Error: ${message}`);
      this.wait(startFailure(error), message);
      return null;
    }
    this.#imageId = imageIdOf(stringAt(this.spec, 'image') ?? '');
    const startedAt = timestamp(startedMs);
    this.#hooks.tell('Normal', 'Started', `Started container ${this.name}`);
    this.#isStarted = at(this.spec, 'startupProbe') === undefined;
    this.#isReady = this.#isStarted && at(this.spec, 'readinessProbe') === undefined;
    this.#set({ running: { startedAt } });
    if (!this.#isInit) this.#startProbing(setting);
    const exit = await this.#process.exited;
    this.#stopProbing();
    this.#process = null;
    this.#isReady = false;
    this.#isStarted = false;
    const terminated: JsonObject = {
      exitCode: exit.code,
      reason: exit.code === 0 ? 'Completed' : 'Error',
      startedAt,
      finishedAt: timestamp(Date.now()),
    };
    if (exit.signal !== null) terminated['message'] = `ended by ${exit.signal}`;
    this.#set({ terminated });
    return exit;
  }

  async #backOff(exit: Exit | null): Promise<void> {
    const waitMs = this.#backoffMs;
    this.#backoffMs = Math.min(this.#backoffMs * 2, backoffMsMax);
    if (exit !== null) {
      this.#lastState = this.#state;
      const message = `back-off ${waitMs / 1000}s restarting failed container=${this.name}`;
      this.#hooks.tell('Warning', 'BackOff', `Back-off restarting failed container ${this.name}`);
      this.wait('CrashLoopBackOff', message);
    }
    await sleep(waitMs, null, { signal: this.#stopped.signal }).catch(() => {});
  }

  #startProbing(setting: ContainerSetting): void {
    const startup = at(this.spec, 'startupProbe');
    if (startup === undefined) {
      this.#probeRunning(setting);
      return;
    }
    const prober = new Prober(startup, setting, true, (isPassing, why) => {
      if (!isPassing) {
        this.#restartUnhealthy('Startup', why);
        return;
      }
      prober.stop();
      this.#isStarted = true;
      this.#isReady = at(this.spec, 'readinessProbe') === undefined;
      this.#hooks.changed();
      this.#probeRunning(setting);
    });
    this.#probers.push(prober);
    prober.start();
  }

  #probeRunning(setting: ContainerSetting): void {
    const readiness = at(this.spec, 'readinessProbe');
    const liveness = at(this.spec, 'livenessProbe');
    if (readiness !== undefined) {
      this.#probers.push(
        new Prober(readiness, setting, true, (isPassing, why) => {
          if (!isPassing && this.#isReady) {
            this.#hooks.tell('Warning', 'Unhealthy', `Readiness probe failed: ${why}`);
          }
          this.#isReady = isPassing;
          this.#hooks.changed();
        }),
      );
    }
    if (liveness !== undefined) {
      this.#probers.push(
        new Prober(liveness, setting, false, (isPassing, why) => {
          if (!isPassing) this.#restartUnhealthy('Liveness', why);
        }),
      );
    }
    for (const prober of this.#probers.slice(-2)) prober.start();
  }

  #restartUnhealthy(what: string, why: string): void {
    this.#stopProbing();
    this.#hooks.tell('Warning', 'Unhealthy', `${what} probe failed: ${why}`);
    const message = `Container ${this.name} failed ${what.toLowerCase()} probe, will be restarted`;
    this.#hooks.tell('Normal', 'Killing', message);
    void this.#process?.stop(this.#graceMs);
  }

  #stopProbing(): void {
    for (const prober of this.#probers) prober.stop();
    this.#probers = [];
  }

  async #preStop(graceMs: number): Promise<void> {
    const hook = at(this.spec, 'lifecycle', 'preStop');
    if (!isObject(hook)) return;
    const seconds = numberAt(hook, 'sleep', 'seconds');
    if (seconds !== undefined) {
      await sleep(Math.min(seconds * 1000, graceMs));
      return;
    }
    const command = arrayAt(hook, 'exec', 'command').map(String);
    if (command.length > 0) await runCommand(command, this.#hooks.setting(), graceMs);
  }

  #set(state: JsonObject): void {
    this.#state = state;
    this.#hooks.changed();
  }
}

/** How the status names an image that is on this machine. */
export function imageIdOf(image: string): string {
  return `local://${image}`;
}

function startFailure(error: unknown): string {
  if (error instanceof ImageMissing) return 'ImagePullBackOff';
  if (error instanceof ContainerConfigError) return 'CreateContainerConfigError';
  return 'CreateContainerError';
}

/** Command line of a container: its command and arguments, variables expanded. */
export function commandOf(spec: Json, expandText: (text: string) => string): readonly string[] {
  const command = [...arrayAt(spec, 'command'), ...arrayAt(spec, 'args')].map((word) =>
    expandText(typeof word === 'string' ? word : ''),
  );
  if (arrayAt(spec, 'command').length > 0) return command;
  throw new ContainerConfigError(
    'the container names no command, and the local control plane has no images to take one from',
  );
}
