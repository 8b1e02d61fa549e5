import type { Clock } from '../kube/clock.ts';
import type { KubeClient } from '../kube/kube-client.ts';
import { events } from '../kube/resources.ts';
import { operatorName } from '../plan/names.ts';
import type { ZkEnsemble } from '../api/zk-ensemble.ts';

/** The same event is told once in that time, however often it happens. */
const quietMs = 600_000;
const rememberedMax = 1000;

/** Writes Kubernetes events about ensembles. A failure to write one is logged and harms nothing. */
export class EventRecorder {
  readonly #client: KubeClient;
  readonly #clock: Clock;
  readonly #onError: (error: unknown) => void;
  readonly #told = new Map<string, number>();

  constructor(client: KubeClient, clock: Clock, onError: (error: unknown) => void) {
    this.#client = client;
    this.#clock = clock;
    this.#onError = onError;
  }

  async record(
    about: ZkEnsemble,
    type: 'Normal' | 'Warning',
    reason: string,
    message: string,
  ): Promise<void> {
    const { namespace = 'default', name = '', uid = '', resourceVersion } = about.metadata;
    const key = `${uid}/${reason}/${message}`;
    const nowMs = this.#clock.nowMs();
    const toldAtMs = this.#told.get(key);
    if (type === 'Warning' && toldAtMs !== undefined && nowMs - toldAtMs < quietMs) return;
    if (this.#told.size >= rememberedMax) this.#told.clear();
    this.#told.set(key, nowMs);
    const now = new Date(this.#clock.wallMs()).toISOString().replace(/\.\d+Z$/, 'Z');
    try {
      await this.#client.create(events, namespace, {
        apiVersion: 'v1',
        kind: 'Event',
        metadata: { namespace, generateName: `${name}.` },
        involvedObject: {
          apiVersion: about.apiVersion,
          kind: about.kind,
          namespace,
          name,
          uid,
          ...(resourceVersion === undefined ? {} : { resourceVersion }),
        },
        type,
        reason,
        message: message.slice(0, 1024),
        source: { component: operatorName },
        firstTimestamp: now,
        lastTimestamp: now,
        count: 1,
      });
    } catch (error) {
      this.#onError(error);
    }
  }
}
