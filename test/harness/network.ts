import { execFileSync, spawn } from 'node:child_process';
import type { ChildProcess, StdioOptions } from 'node:child_process';
import { readdirSync } from 'node:fs';

/** Machines of one harness: namespaces with a bridge between them, that nothing else reaches. */
export const memberCountMax = 5;
export const clientHostCount = 3;
/** Where the harness itself runs; nothing is ever done to its links. */
export const controlHost = 'ctl';
const switchHost = 'sw';
const prefix = 'zkh-';

/** One direction between two machines, by their names. */
export type Cut = readonly [from: string, to: string];

/** What is wrong with the network at a moment. */
export interface Weather {
  readonly cuts: readonly Cut[];
  /** Packets lost on every link between members and to clients, percent. */
  readonly lossPercent: number;
  /** Members whose link is slow. */
  readonly slow: readonly string[];
}

export const fairWeather: Weather = { cuts: [], lossPercent: 0, slow: [] };

export function memberHost(sid: number): string {
  return `m${sid}`;
}

/** `index` counts from zero. */
export function clientHost(index: number): string {
  return `c${index + 1}`;
}

/** Its one address, the same in every harness: nothing outside of the namespaces sees it. */
export function addressOf(host: string): string {
  if (host === controlHost) return '10.77.0.100';
  const number = Number(host.slice(1));
  return `10.77.0.${host.startsWith('m') ? number : 50 + number}`;
}

export const clientHosts: readonly string[] = Array.from({ length: clientHostCount }, (_, index) =>
  clientHost(index),
);

const hosts: readonly string[] = [
  ...Array.from({ length: memberCountMax }, (_, index) => memberHost(index + 1)),
  ...clientHosts,
  controlHost,
];

/** Why namespaces cannot be made here; `null` when they can. */
export function networkMissing(): string | null {
  if (process.getuid?.() !== 0) return 'network namespaces need root';
  for (const [command, args, name] of [
    ['ip', ['-V'], 'iproute2'],
    ['nft', ['-v'], 'nftables'],
  ] as const) {
    try {
      execFileSync(command, args, { stdio: 'ignore' });
    } catch {
      return `no ${command} on this machine: install the package ${name}`;
    }
  }
  return null;
}

/** The namespaces of the harness with that process id. */
export class Network {
  readonly #id: string;
  readonly #hasNetem: boolean;
  #slow: readonly string[] = [];

  private constructor(id: string) {
    this.#id = id;
    this.#hasNetem = this.#probeNetem();
  }

  /** Makes everything. What harnesses that were killed have left behind goes first. */
  static make(): Network {
    for (const name of readdirSafely('/run/netns')) {
      const pid = new RegExp(`^${prefix}(\\d+)-`).exec(name)?.[1];
      if (pid !== undefined && !isAlive(Number(pid))) run('ip', ['netns', 'del', name]);
    }
    const id = String(process.pid);
    const sw = nameOf(id, switchHost);
    run('ip', ['netns', 'add', sw]);
    run('ip', ['-n', sw, 'link', 'add', 'br0', 'type', 'bridge']);
    run('ip', ['-n', sw, 'link', 'set', 'br0', 'up']);
    for (const host of hosts) {
      const name = nameOf(id, host);
      run('ip', ['netns', 'add', name]);
      const veth = ['type', 'veth', 'peer', 'name', 'eth0', 'netns', name];
      run('ip', ['-n', sw, 'link', 'add', 'name', host, ...veth]);
      run('ip', ['-n', sw, 'link', 'set', host, 'master', 'br0', 'up']);
      run('ip', ['-n', name, 'link', 'set', 'lo', 'up']);
      run('ip', ['-n', name, 'link', 'set', 'eth0', 'up']);
      run('ip', ['-n', name, 'addr', 'add', `${addressOf(host)}/24`, 'dev', 'eth0']);
    }
    execFileSync('ip', ['netns', 'exec', sw, 'nft', '-f', '-'], { input: rules(fairWeather) });
    return new Network(id);
  }

  /** The one that another process made. */
  static of(id: string): Network {
    return new Network(id);
  }

  get id(): string {
    return this.#id;
  }

  /** Starts a process on a machine; its pid is the process itself. */
  spawn(
    host: string,
    command: readonly string[],
    stdio: StdioOptions,
    environment: NodeJS.ProcessEnv = {},
  ): ChildProcess {
    return spawn('ip', ['netns', 'exec', nameOf(this.#id, host), ...command], {
      stdio,
      env: { ...process.env, ...environment },
    });
  }

  /** Takes the place of what was before, in one step. */
  async set(weather: Weather): Promise<void> {
    await this.#inSwitch(['nft', '-f', '-'], rules(weather));
    for (const host of this.#slow) {
      if (!weather.slow.includes(host)) {
        await this.#inSwitch(['tc', 'qdisc', 'del', 'dev', host, 'root']);
      }
    }
    for (const host of weather.slow) {
      if (!this.#slow.includes(host)) {
        await this.#inSwitch(['tc', 'qdisc', 'add', 'dev', host, 'root', ...this.#slowness()]);
      }
    }
    this.#slow = weather.slow;
  }

  /** Ends what still runs on these machines, and the machines. */
  destroy(): void {
    for (const host of [...hosts, switchHost]) {
      const name = nameOf(this.#id, host);
      for (const pid of run('ip', ['netns', 'pids', name]).split('\n')) {
        if (pid !== '' && Number(pid) !== process.pid) killSafely(Number(pid));
      }
      run('ip', ['netns', 'del', name]);
    }
  }

  /** Delays by a queue where the kernel cannot delay by itself. */
  #slowness(): string[] {
    return this.#hasNetem
      ? ['netem', 'delay', '50ms', '30ms']
      : ['tbf', 'rate', '400kbit', 'burst', '3kb', 'latency', '200ms'];
  }

  #probeNetem(): boolean {
    const name = nameOf(this.#id, switchHost);
    const act = (verb: string): void => {
      const rest = ['dev', 'lo', 'root', 'netem', 'delay', '1ms'];
      execFileSync('ip', ['netns', 'exec', name, 'tc', 'qdisc', verb, ...rest], {
        stdio: 'ignore',
      });
    };
    try {
      act('add');
      act('del');
      return true;
    } catch {
      return false;
    }
  }

  #inSwitch(command: readonly string[], input: string | null = null): Promise<void> {
    const stdin = input === null ? 'ignore' : 'pipe';
    const child = this.spawn(switchHost, command, [stdin, 'ignore', 'pipe']);
    let errors = '';
    child.stderr?.on('data', (chunk: Buffer) => (errors += chunk.toString('utf8')));
    // What it says when it does not take its input is told below.
    child.stdin?.on('error', () => undefined);
    child.stdin?.end(input);
    return new Promise((done, fail) => {
      child.once('error', fail);
      child.once('close', (code) => {
        if (code === 0) done();
        else fail(new Error(`${command.join(' ')} ended with ${code}: ${errors}`));
      });
    });
  }
}

/** A table of the bridge, whole: a packet that a rule drops is lost without a word. */
function rules(weather: Weather): string {
  const drops = weather.cuts.map(
    ([from, to]) => `ip saddr ${addressOf(from)} ip daddr ${addressOf(to)} drop`,
  );
  const control = addressOf(controlHost);
  if (weather.lossPercent > 0) {
    drops.push(
      `ip saddr != ${control} ip daddr != ${control} numgen random mod 100 < ${weather.lossPercent} drop`,
    );
  }
  return `add table bridge faults
delete table bridge faults
table bridge faults {
  chain forward {
    type filter hook forward priority 0; policy accept;
    ${drops.join('\n    ')}
  }
}
`;
}

function nameOf(id: string, host: string): string {
  return `${prefix}${id}-${host}`;
}

function run(command: string, args: readonly string[]): string {
  return execFileSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });
}

function readdirSafely(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

function killSafely(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has ended by itself.
  }
}
