import { createServer } from 'node:http';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { KubeObject } from '../../operator/api/zk-ensemble.ts';
import type { MemberAddress } from '../../operator/zk/probe.ts';
import type { FakeApi } from './fake-api.ts';

interface Member {
  readonly sid: number;
  readonly voter: boolean;
  readonly server: Server;
  readonly port: number;
  uid: string | null;
  running: boolean;
}

/**
 * Pods and what runs in them: makes the pods of every StatefulSet, lets them come up (or not),
 * elects a leader among those that run and answers `GET /state` for each as a server would.
 */
export class FakeMembers {
  readonly #api: FakeApi;
  readonly #members = new Map<string, Member>();
  #leader: string | null = null;
  #epoch = 0;
  /** Whether a new pod comes up well. */
  startsWell: (pod: KubeObject) => boolean = () => true;
  /** Order of evictions and deletions of running members. */
  readonly stopped: string[] = [];
  /** The most voters that were away at once after the first start of all. */
  awayMax = 0;
  /** Evictions of a running voter while another one was away. */
  readonly takenTogether: string[] = [];
  #wasComplete = false;

  constructor(api: FakeApi) {
    this.#api = api;
    api.onChange = (change) => this.#changed(change);
  }

  get leader(): string | null {
    return this.#leader;
  }

  get epoch(): number {
    return this.#epoch;
  }

  async prepare(names: readonly string[]): Promise<void> {
    for (const name of names) {
      const ordinal = Number(/[0-9]+$/.exec(name)?.[0]);
      const voter = !name.includes('-observer-');
      const server = createServer((_request, response) => {
        const member = this.#members.get(name);
        if (member?.running !== true) return response.writeHead(503).end();
        return response.end(JSON.stringify(this.#stateOf(name, member)));
      });
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      const { port } = server.address() as AddressInfo;
      const sid = ordinal + (voter ? 1 : 101);
      this.#members.set(name, { sid, voter, server, port, uid: null, running: false });
    }
  }

  /** The disruption budget: a running voter may go while all others run; any other always may. */
  mayGo(name: string): boolean {
    const member = this.#members.get(name);
    const others = this.#voters().filter(([other]) => other !== name);
    const away = others.filter(([, { running }]) => !running);
    if (member?.running === true && away.length > 0) return false;
    return true;
  }

  /** The process ends; its pod stays and comes up again after a moment. */
  crash(name: string): void {
    const member = this.#members.get(name);
    const pod = this.#api.get('pods', name);
    if (member?.running !== true || pod === undefined) return;
    member.running = false;
    if (this.#leader === name) this.#elect();
    const uid = pod.metadata.uid ?? '';
    this.#setReady(name, false);
    setImmediate(() => setImmediate(() => this.#start(name, uid)));
  }

  address(pod: KubeObject): MemberAddress | null {
    const member = this.#members.get(pod.metadata.name ?? '');
    return member === undefined ? null : { host: '127.0.0.1', port: member.port };
  }

  async stop(): Promise<void> {
    this.#api.onChange = () => {};
    for (const { server } of this.#members.values()) {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    }
  }

  #changed({ type, plural, object }: { type: string; plural: string; object: KubeObject }): void {
    if (plural === 'statefulsets' && type !== 'DELETED') this.#fill(object);
    if (plural !== 'pods') return;
    const name = object.metadata.name ?? '';
    const member = this.#members.get(name);
    if (member === undefined) return;
    if (type === 'DELETED') {
      if (member.running) {
        this.stopped.push(name);
        const away = this.#voters().filter(([, { running }]) => !running);
        if (away.length > 0)
          this.takenTogether.push(`${name} beside ${away.map(([n]) => n).join()}`);
      }
      member.running = false;
      if (this.#leader === name) this.#elect();
      this.#measure();
      const set = this.#api.get('statefulsets', name.replace(/-[0-9]+$/, ''));
      if (set !== undefined)
        setImmediate(() =>
          this.#fill(this.#api.get('statefulsets', set.metadata.name ?? '') ?? set),
        );
    } else if (type === 'ADDED') {
      setImmediate(() => this.#start(name, object.metadata.uid ?? ''));
    }
  }

  /** The StatefulSet controller: makes the pods that are missing. */
  #fill(set: KubeObject): void {
    const spec = set['spec'] as { replicas: number; template: KubeObject };
    const name = set.metadata.name ?? '';
    for (let ordinal = 0; ordinal < spec.replicas; ordinal += 1) {
      const podName = `${name}-${ordinal}`;
      if (this.#api.get('pods', podName) !== undefined) continue;
      this.#api.put('pods', {
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: {
          ...structuredClone(spec.template.metadata),
          name: podName,
          ownerReferences: [
            { apiVersion: 'apps/v1', kind: 'StatefulSet', name, uid: set.metadata.uid ?? '' },
          ],
        },
        spec: spec.template['spec'],
        status: { phase: 'Pending' },
      });
    }
  }

  #start(name: string, uid: string): void {
    const pod = this.#api.get('pods', name);
    const member = this.#members.get(name);
    if (member === undefined || pod?.metadata.uid !== uid) return;
    const well = this.startsWell(pod);
    member.running = well;
    if (well && this.#leader === null) this.#elect();
    this.#setReady(name, well);
    this.#measure();
  }

  #setReady(name: string, well: boolean): void {
    const now = new Date().toISOString();
    const waiting = { state: { waiting: { reason: 'CrashLoopBackOff', message: 'back-off' } } };
    this.#api.edit('pods', name, (object) => {
      object['status'] = {
        phase: 'Running',
        podIP: '127.0.0.1',
        conditions: [{ type: 'Ready', status: well ? 'True' : 'False', lastTransitionTime: now }],
        containerStatuses: [well ? { state: { running: {} } } : waiting],
      };
    });
  }

  #voters(): [string, Member][] {
    return [...this.#members].filter(([, { voter }]) => voter);
  }

  #elect(): void {
    const voters = this.#voters();
    const running = voters.filter(([, { running }]) => running);
    const enough = running.length > voters.length / 2;
    this.#leader = enough ? (running.at(-1)?.[0] ?? null) : null;
    if (enough) this.#epoch += 1;
  }

  #measure(): void {
    const away = this.#voters().filter(([, { running }]) => !running).length;
    if (away === 0) this.#wasComplete = true;
    if (this.#wasComplete) this.awayMax = Math.max(this.awayMax, away);
  }

  #stateOf(name: string, member: Member) {
    const leads = this.#leader === name;
    const leader = this.#leader === null ? null : (this.#members.get(this.#leader)?.sid ?? null);
    const lost = leader === null;
    const learners = [...this.#members].filter(([other]) => other !== name);
    return {
      sid: member.sid,
      role: lost ? 'looking' : leads ? 'leading' : member.voter ? 'following' : 'observing',
      phase: lost ? 'election' : 'broadcast',
      serving: !lost,
      draining: false,
      leader,
      epoch: this.#epoch,
      acceptedEpoch: this.#epoch,
      zxid: `0x${this.#epoch}00000001`,
      lastLoggedZxid: `0x${this.#epoch}00000001`,
      uptimeMs: 1,
      configVersion: '0x0',
      servers: [...this.#members.values()].map(({ sid, voter }) => ({
        sid,
        role: voter ? 'participant' : 'observer',
        address: '',
      })),
      learners: leads
        ? learners.map(([, each]) => ({
            sid: each.sid,
            role: each.voter ? 'follower' : 'observer',
            synced: each.running,
            lastAckedZxid: '0x0',
            lag: 0,
          }))
        : [],
    };
  }
}
