import { createHash } from 'node:crypto';
import type { Json, JsonObject } from '../api/json.ts';
import { arrayAt, at, isObject, numberAt, sameJson, stringAt } from '../api/json.ts';
import type { KubeObject } from '../api/kube-object.ts';
import { isTerminating, labelsOf, namespaceOf } from '../api/kube-object.ts';
import { targetOf } from '../resources/target.ts';
import { builtin } from '../resources/builtin.ts';
import type { ResourceDefinition } from '../resources/definition.ts';
import { resourceKey } from '../resources/definition.ts';
import { selectsLabels } from '../resources/selectors.ts';
import { nodeName } from '../resources/strategies/workloads.ts';
import { ownManager } from '../seed.ts';
import type { Change } from '../store/store.ts';
import type { Controller, ControllerContext, PortLookup } from './controller.ts';
import { isPodReady, keyOf, splitKey } from './controller.ts';
import { ownerOf } from './stateful-pods.ts';
import { WorkLoop } from './work-loop.ts';

const servicesKey = '/services';
const podsKey = '/pods';
const serviceLabel = 'kubernetes.io/service-name';

/** A pod behind a service, with the ports of this machine it is reached at. */
interface Backend {
  readonly pod: KubeObject;
  readonly ip: string;
  readonly isReady: boolean;
  readonly ports: Json[];
}

/** Container port that a service's port leads to. */
export function containerPortOf(pod: KubeObject, servicePort: Json): number | undefined {
  const target = at(servicePort, 'targetPort') ?? at(servicePort, 'port');
  if (typeof target === 'number') return target;
  const named = arrayAt(pod, 'spec', 'containers')
    .flatMap((container) => arrayAt(container, 'ports'))
    .find((port) => stringAt(port, 'name') === target);
  return numberAt(named, 'containerPort');
}

/**
 * Keeps the endpoints of services: the addresses and ports of this machine that their pods
 * listen on. Pods share one address and differ in ports, so each has a subset and a slice.
 */
export class EndpointsController implements Controller {
  readonly #context: ControllerContext;
  readonly #portOf: PortLookup;
  readonly #loop: WorkLoop;

  constructor(context: ControllerContext, portOf: PortLookup) {
    this.#context = context;
    this.#portOf = portOf;
    this.#loop = new WorkLoop('endpoints', (key) => this.#reconcile(key), context.log);
  }

  start(): void {
    for (const service of this.#context.api.store.list(servicesKey)) {
      this.#loop.enqueue(keyOf(service));
    }
  }

  stop(): void {
    this.#loop.stop();
  }

  changed(change: Change): void {
    const { resource, object } = change;
    if (resource === servicesKey) this.#loop.enqueue(keyOf(object));
    if (resource !== podsKey) return;
    for (const service of this.#context.api.store.list(servicesKey, namespaceOf(object))) {
      this.#loop.enqueue(keyOf(service));
    }
  }

  #reconcile(key: string): null {
    const service = this.#context.api.store.get(servicesKey, ...splitKey(key));
    const selector = at(service, 'spec', 'selector');
    if (service === undefined || isTerminating(service) || !isObject(selector)) return null;
    const backends = this.#backendsOf(service, selector);
    this.#writeEndpoints(service, backends);
    this.#writeSlices(service, backends);
    return null;
  }

  #backendsOf(service: KubeObject, selector: JsonObject): Backend[] {
    const isAll = at(service, 'spec', 'publishNotReadyAddresses') === true;
    const backends: Backend[] = [];
    for (const pod of this.#context.api.store.list(podsKey, namespaceOf(service))) {
      if (!selectsLabels({ matchLabels: selector }, labelsOf(pod))) continue;
      const ip = stringAt(pod, 'status', 'podIP');
      if (ip === undefined || isTerminating(pod)) continue;
      const ports = arrayAt(service, 'spec', 'ports').flatMap((servicePort): Json[] => {
        const containerPort = containerPortOf(pod, servicePort);
        if (containerPort === undefined) return [];
        const port = this.#portOf(pod, containerPort) ?? containerPort;
        const name = stringAt(servicePort, 'name');
        const protocol = stringAt(servicePort, 'protocol') ?? 'TCP';
        return [name === undefined ? { port, protocol } : { name, port, protocol }];
      });
      backends.push({ pod, ip, isReady: isAll || isPodReady(pod), ports });
    }
    return backends;
  }

  #targetRef(pod: KubeObject): JsonObject {
    const { name, uid } = pod.metadata;
    return { kind: 'Pod', namespace: namespaceOf(pod), name, uid };
  }

  #writeEndpoints(service: KubeObject, backends: readonly Backend[]): void {
    const subsets = backends.map((backend): Json => {
      const address: JsonObject = {
        ip: backend.ip,
        nodeName,
        targetRef: this.#targetRef(backend.pod),
      };
      const hostname = stringAt(backend.pod, 'spec', 'hostname');
      if (hostname !== undefined) address['hostname'] = hostname;
      const key = backend.isReady ? 'addresses' : 'notReadyAddresses';
      return { [key]: [address], ports: backend.ports };
    });
    const body: JsonObject = {
      metadata: {
        name: service.metadata.name,
        labels: { ...labelsOf(service) },
        ownerReferences: [ownerOf(service)],
      },
      subsets,
    };
    this.#put(builtin('endpoints'), service, body);
  }

  #writeSlices(service: KubeObject, backends: readonly Backend[]): void {
    const { api } = this.#context;
    const definition = builtin('endpointslices');
    const wanted = new Set<string>();
    for (const backend of backends) {
      const { name } = backend.pod.metadata;
      const hash = createHash('sha256').update(name).digest('hex').slice(0, 5);
      const sliceName = `${service.metadata.name}-${hash}`;
      wanted.add(sliceName);
      this.#put(definition, service, {
        metadata: {
          name: sliceName,
          labels: {
            [serviceLabel]: service.metadata.name,
            'endpointslice.kubernetes.io/managed-by': 'endpointslice-controller.k8s.io',
          },
          ownerReferences: [ownerOf(service)],
        },
        addressType: 'IPv4',
        endpoints: [
          {
            addresses: [backend.ip],
            conditions: {
              ready: backend.isReady,
              serving: isPodReady(backend.pod),
              terminating: false,
            },
            hostname: stringAt(backend.pod, 'spec', 'hostname') ?? name,
            nodeName,
            targetRef: this.#targetRef(backend.pod),
          },
        ],
        ports: backend.ports,
      });
    }
    const own = api.list(
      definition,
      namespaceOf(service),
      (slice) => labelsOf(slice)[serviceLabel] === service.metadata.name,
    );
    for (const slice of own) {
      if (!wanted.has(slice.metadata.name)) api.delete(targetOf(definition, slice), {});
    }
  }

  #put(definition: ResourceDefinition, service: KubeObject, body: JsonObject): void {
    const { api } = this.#context;
    const namespace = namespaceOf(service);
    const name = stringAt(body, 'metadata', 'name') ?? '';
    const old = api.store.get(resourceKey(definition), namespace, name);
    if (old === undefined) {
      api.create(definition, namespace, body, { manager: ownManager });
      return;
    }
    const target = targetOf(definition, old);
    const change = (now: KubeObject): Json => ({
      ...now,
      ...body,
      metadata: { ...now.metadata, ...(body['metadata'] as JsonObject) },
    });
    if (!sameJson(change(old), old)) api.modify(target, change, { manager: ownManager });
  }
}
