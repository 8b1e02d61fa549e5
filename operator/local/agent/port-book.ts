import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { writePrivateFile } from '../kubeconfig.ts';

/** Address every pod listens on. */
export const podAddress = '127.0.0.1';

/** Below the ports that the kernel hands out to outgoing connections. */
const firstPort = 21_000;
const lastPort = 31_999;

/** By pod (`namespace/name`), by container port: port of this machine. */
type Entries = Record<string, Record<string, number>>;

/** Whether a port of the loopback address can be bound now. */
export function isPortFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, podAddress, () => {
      server.close(() => resolve(true));
    });
  });
}

/**
 * Which port of this machine stands for which port of which pod. A pod keeps its ports as long
 * as its name lives, over restarts of the pod and of the control plane, unless somebody else
 * has taken one meanwhile.
 */
export class PortBook {
  readonly #path: string | null;
  readonly #preferred: ReadonlyMap<number, number>;
  #entries: Entries = {};
  #next: number;

  /**
   * `preferred` names, for a container port, the first port of this machine to try: the next
   * pod takes the one after it.
   */
  constructor(path: string | null, preferred: ReadonlyMap<number, number>) {
    this.#path = path;
    this.#preferred = preferred;
    this.#next = firstPort + Math.floor(Math.random() * (lastPort - firstPort));
    if (path === null) return;
    try {
      this.#entries = JSON.parse(readFileSync(path, 'utf8')) as Entries;
    } catch {
      // No file yet: every port is given anew.
    }
  }

  portOf(pod: string, containerPort: number): number | undefined {
    return this.#entries[pod]?.[String(containerPort)];
  }

  portsOf(pod: string): Readonly<Record<string, number>> {
    return this.#entries[pod] ?? {};
  }

  pods(): string[] {
    return Object.keys(this.#entries);
  }

  /** Forgets the pods that are not among these. */
  keepOnly(pods: ReadonlySet<string>): void {
    for (const pod of this.pods()) if (!pods.has(pod)) delete this.#entries[pod];
    this.#save();
  }

  /** Gives each of these container ports of a pod a port that can be bound now; others stay. */
  async assign(pod: string, containerPorts: readonly number[]): Promise<void> {
    for (const containerPort of containerPorts) {
      const old = this.portOf(pod, containerPort);
      const isUsable = old !== undefined && !this.#isTaken(old, pod) && (await isPortFree(old));
      if (isUsable) continue;
      const port = await this.#choose(containerPort);
      // Entered at once: two pods that look at the same time must not choose the same.
      this.#entries[pod] = { ...this.#entries[pod], [String(containerPort)]: port };
    }
    this.#save();
  }

  async #choose(containerPort: number): Promise<number> {
    const isOpen = async (port: number): Promise<boolean> => {
      if (this.#isTaken(port) || !(await isPortFree(port))) return false;
      // Somebody may have come first while this one looked.
      return !this.#isTaken(port);
    };
    const preferred = this.#preferred.get(containerPort);
    if (preferred !== undefined) {
      for (let port = preferred; port < preferred + 16; port += 1) {
        if (await isOpen(port)) return port;
      }
    }
    for (let tries = firstPort; tries <= lastPort; tries += 1) {
      const port = this.#next;
      this.#next = port >= lastPort ? firstPort : port + 1;
      if (await isOpen(port)) return port;
    }
    throw new Error(`no port between ${firstPort} and ${lastPort} of ${podAddress} is free`);
  }

  #isTaken(port: number, except = ''): boolean {
    return Object.entries(this.#entries).some(
      ([pod, ports]) => pod !== except && Object.values(ports).includes(port),
    );
  }

  #save(): void {
    if (this.#path !== null) writePrivateFile(this.#path, JSON.stringify(this.#entries, null, 1));
  }
}
