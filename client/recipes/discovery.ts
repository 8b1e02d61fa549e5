import type { ZooKeeper } from '../index.ts';
import { Group } from './group.ts';
import type { Membership } from './group.ts';
import { childOf } from './places.ts';
import { ServiceConsumer } from './service-consumer.ts';
import type { ConsumerOptions } from './service-consumer.ts';
import { instancesOf, textOf } from './service-instance.ts';
import type { ServiceInstance } from './service-instance.ts';
import { hasCode, retried } from './waiting.ts';
import type { WaitOptions } from './waiting.ts';

export interface InstanceOptions {
  readonly address: string;
  readonly port: number;
  /** Default: one that nobody else has. */
  readonly id?: string;
  /** Default: 1. */
  readonly weight?: number;
  readonly payload?: unknown;
}

/**
 * Producers that can be found, and consumers that find them: below a path, a node for each
 * service, and below it an ephemeral node for each instance, with its address as JSON.
 *
 * Suspended: a producer stays registered as long as its session lives; a consumer goes on with
 * what it knew, and {@link ServiceConsumer.isLive} is false. Lost or expired: a producer is gone
 * for consumers, {@link Membership.lost} says so, and it registers again in a new session; a
 * consumer keeps what it knew last. An instance that crashes is found until its session times out:
 * consumers say {@link ServiceConsumer.failed} meanwhile. A lost reply: a registration is known by
 * its owner.
 */
export class ServiceRegistry {
  readonly path: string;
  readonly #zk: ZooKeeper;

  constructor(zk: ZooKeeper, path: string) {
    this.#zk = zk;
    this.path = path;
  }

  /** Lets an instance be found until the session ends. @throws ZkError as {@link Group.join}. */
  async register(
    service: string,
    instance: InstanceOptions,
    options: WaitOptions = {},
  ): Promise<Registration> {
    const { id = crypto.randomUUID(), address, port, weight = 1, payload = null } = instance;
    const whole = { id, address, port, weight, payload };
    const group = new Group(this.#zk, childOf(this.path, service));
    return new Registration(whole, await group.join(id, textOf(whole), options));
  }

  /** Names of services that have, or had lately, an instance; sorted. */
  async services(): Promise<string[]> {
    try {
      return (await retried(this.#zk, null, () => this.#zk.children(this.path))).sort();
    } catch (error) {
      if (hasCode(error, 'NO_NODE')) return [];
      throw error;
    }
  }

  /** Asked once. */
  async instances(service: string): Promise<ServiceInstance[]> {
    return instancesOf(await new Group(this.#zk, childOf(this.path, service)).members());
  }

  /** Resolves when the instances are known; from then on they are kept up to date. */
  async consume(service: string, options: ConsumerOptions = {}): Promise<ServiceConsumer> {
    const group = new Group(this.#zk, childOf(this.path, service));
    return new ServiceConsumer(service, await group.view(), options);
  }
}

/** A producer's own part. */
export class Registration implements AsyncDisposable {
  readonly membership: Membership;
  #instance: ServiceInstance;

  constructor(instance: ServiceInstance, membership: Membership) {
    this.#instance = instance;
    this.membership = membership;
  }

  get instance(): ServiceInstance {
    return this.#instance;
  }

  get lost(): AbortSignal {
    return this.membership.lost;
  }

  /** Tells consumers another weight, address or payload. @throws as {@link Membership.update} */
  async update(change: Partial<Omit<ServiceInstance, 'id'>>): Promise<void> {
    const instance = { ...this.#instance, ...change };
    await this.membership.update(textOf(instance));
    this.#instance = instance;
  }

  /** Is found no longer. */
  release(): Promise<void> {
    return this.membership.release();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.release();
  }
}
