import { spawn } from 'node:child_process';
import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { connect } from 'node:net';
import type { Json } from '../api/json.ts';
import { arrayAt, at, numberAt, stringAt } from '../api/json.ts';
import { podAddress } from './port-book.ts';

/** Time between two looks at a container that has not passed yet. */
const eagerPeriodMs = 250;

/** What a check needs of the container it checks. */
export interface ProbeTarget {
  /** Port of this machine for a container's port, by number or name. */
  readonly portOf: (port: Json | undefined) => number | null;
  readonly environment: Readonly<Record<string, string>>;
  readonly workingDirectory: string;
  readonly localCommand: (command: readonly string[]) => readonly string[];
}

/** `null` for success, else what went wrong. */
export type Verdict = string | null;

function checkHttp(get: Json, port: number, timeoutMs: number): Promise<Verdict> {
  const isTls = stringAt(get, 'scheme') === 'HTTPS';
  const headers: Record<string, string> = { 'user-agent': 'kube-probe/1.35', accept: '*/*' };
  for (const header of arrayAt(get, 'httpHeaders')) {
    headers[stringAt(header, 'name') ?? ''] = stringAt(header, 'value') ?? '';
  }
  return new Promise((resolve) => {
    const send = isTls ? httpsRequest : httpRequest;
    const request = send(
      {
        host: podAddress,
        port,
        path: stringAt(get, 'path') ?? '/',
        headers,
        timeout: timeoutMs,
        agent: false,
        ...(isTls ? { rejectUnauthorized: false } : {}),
      },
      (response) => {
        const code = response.statusCode ?? 0;
        response.resume();
        const failure = `HTTP probe failed with statuscode: ${code}`;
        resolve(code >= 200 && code < 400 ? null : failure);
      },
    );
    request.once('timeout', () => request.destroy(new Error('no answer in time')));
    request.once('error', (error) => resolve(error.message));
    request.end();
  });
}

function checkTcp(port: number, timeoutMs: number): Promise<Verdict> {
  return new Promise((resolve) => {
    const socket = connect({ host: podAddress, port, timeout: timeoutMs });
    const end = (verdict: Verdict): void => {
      socket.destroy();
      resolve(verdict);
    };
    socket.once('connect', () => end(null));
    socket.once('timeout', () => end('no connection in time'));
    socket.once('error', (error) => end(error.message));
  });
}

/** Runs a command for its exit code. */
export function runCommand(
  command: readonly string[],
  target: ProbeTarget,
  timeoutMs: number,
): Promise<Verdict> {
  const [file = '', ...args] = target.localCommand(command);
  return new Promise((resolve) => {
    const child = spawn(file === 'node' ? process.execPath : file, args, {
      cwd: target.workingDirectory,
      env: target.environment,
      stdio: 'ignore',
      timeout: timeoutMs,
      killSignal: 'SIGKILL',
    });
    child.once('error', (error) => resolve(error.message));
    child.once('exit', (code) => resolve(code === 0 ? null : `command ended with ${code}`));
  });
}

function check(probe: Json, target: ProbeTarget): Promise<Verdict> {
  const timeoutMs = (numberAt(probe, 'timeoutSeconds') ?? 1) * 1000;
  const command = at(probe, 'exec', 'command');
  if (Array.isArray(command)) return runCommand(command.map(String), target, timeoutMs);
  const get = at(probe, 'httpGet');
  const port = target.portOf(at(get ?? at(probe, 'tcpSocket'), 'port'));
  if (port === null) return Promise.resolve('the container has no such port');
  return get === undefined ? checkTcp(port, timeoutMs) : checkHttp(get, port, timeoutMs);
}

/** Checks a container again and again, and tells when its state by the thresholds changes. */
export class Prober {
  readonly #probe: Json;
  readonly #target: ProbeTarget;
  readonly #isEager: boolean;
  readonly #changed: (isPassing: boolean, why: string) => void;
  #state: boolean | null = null;
  #streak = 0;
  #lastVerdict: boolean | null = null;
  #timer: NodeJS.Timeout | null = null;
  #isStopped = false;

  /**
   * `changed` hears the first state and every change after it. An eager prober looks more often
   * until the container first passes, so that starts are short; its patience stays the same.
   */
  constructor(
    probe: Json,
    target: ProbeTarget,
    isEager: boolean,
    changed: (isPassing: boolean, why: string) => void,
  ) {
    this.#probe = probe;
    this.#target = target;
    this.#isEager = isEager;
    this.#changed = changed;
  }

  start(): void {
    const delayMs = (numberAt(this.#probe, 'initialDelaySeconds') ?? 0) * 1000;
    this.#schedule(Math.max(delayMs, 100));
  }

  stop(): void {
    this.#isStopped = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
  }

  #schedule(delayMs: number): void {
    this.#timer = setTimeout(() => {
      void this.#run();
    }, delayMs);
  }

  async #run(): Promise<void> {
    const verdict = await check(this.#probe, this.#target);
    if (this.#isStopped) return;
    this.#take(verdict === null, verdict ?? '');
    if (this.#isStopped) return;
    this.#schedule(this.#periodMs());
  }

  #periodMs(): number {
    const periodMs = (numberAt(this.#probe, 'periodSeconds') ?? 10) * 1000;
    return this.#isEager && this.#state !== true ? Math.min(periodMs, eagerPeriodMs) : periodMs;
  }

  #take(isPassing: boolean, why: string): void {
    this.#streak = this.#lastVerdict === isPassing ? this.#streak + 1 : 1;
    this.#lastVerdict = isPassing;
    const periodMs = (numberAt(this.#probe, 'periodSeconds') ?? 10) * 1000;
    const failures = (numberAt(this.#probe, 'failureThreshold') ?? 3) * periodMs;
    const needed = isPassing
      ? (numberAt(this.#probe, 'successThreshold') ?? 1)
      : Math.ceil(failures / this.#periodMs());
    if (this.#streak < needed || this.#state === isPassing) return;
    this.#state = isPassing;
    this.#changed(isPassing, why);
  }
}
