import { arrayAt, at, numberAt, stringAt } from '../api/json.ts';
import type { KubeObject } from '../api/kube-object.ts';
import { labelsOf, namespaceOf } from '../api/kube-object.ts';
import { containerPortOf } from '../controllers/endpoints.ts';
import { selectsLabels } from '../resources/selectors.ts';
import type { Store } from '../store/store.ts';
import type { PortBook } from './port-book.ts';
import { podAddress } from './port-book.ts';

/** Domain of the cluster in full names. */
const clusterDomain = 'cluster.local';

/** An ensemble may name another domain for its cluster: here every domain leads to the same pods. */
function domainsOf(store: Store): Set<string> {
  const named = store
    .list('zkensemble.io/zkensembles')
    .flatMap((ensemble) => stringAt(ensemble, 'spec', 'services', 'clusterDomain') ?? []);
  return new Set([clusterDomain, ...named]);
}

/** Every way to say a name of a namespace, shortest last. */
function namesOf(name: string, namespace: string, domains: ReadonlySet<string>): string[] {
  return [
    ...[...domains].map((domain) => `${name}.${namespace}.svc.${domain}`),
    `${name}.${namespace}.svc`,
    `${name}.${namespace}`,
    name,
  ];
}

/** Addresses of all pods and services by name: what a cluster's DNS and network would do. */
export function connectMap(
  store: Store,
  book: PortBook,
  fromNamespace: string,
): Record<string, string> {
  const map: Record<string, string> = {};
  const pods = store.list('/pods');
  const domains = domainsOf(store);
  const add = (name: string, namespace: string, port: number, local: number): void => {
    for (const alias of namesOf(name, namespace, domains)) {
      // A short name means the namespace it is said in.
      if (alias === name && namespace !== fromNamespace) continue;
      map[`${alias}:${port}`] ??= `${podAddress}:${local}`;
    }
  };
  for (const pod of pods) {
    const namespace = namespaceOf(pod);
    const subdomain = stringAt(pod, 'spec', 'subdomain');
    const host = stringAt(pod, 'spec', 'hostname') ?? pod.metadata.name;
    const ports = book.portsOf(`${namespace}/${pod.metadata.name}`);
    for (const [port, local] of Object.entries(ports)) {
      if (subdomain !== undefined) add(`${host}.${subdomain}`, namespace, Number(port), local);
    }
  }
  for (const service of store.list('/services')) {
    const selector = at(service, 'spec', 'selector');
    if (selector === undefined) continue;
    const namespace = namespaceOf(service);
    for (const pod of pods) {
      if (namespaceOf(pod) !== namespace) continue;
      if (!selectsLabels({ matchLabels: selector }, labelsOf(pod))) continue;
      for (const servicePort of arrayAt(service, 'spec', 'ports')) {
        const port = numberAt(servicePort, 'port') ?? 0;
        const target = containerPortOf(pod, servicePort) ?? port;
        const local = book.portOf(`${namespace}/${pod.metadata.name}`, target);
        if (local !== undefined) add(service.metadata.name, namespace, port, local);
      }
    }
  }
  return map;
}

/** Text of the file behind `ZK_ADDRESS_MAP` for one pod. */
export function addressMapText(store: Store, book: PortBook, pod: KubeObject): string {
  const namespace = namespaceOf(pod);
  const own = book.portsOf(`${namespace}/${pod.metadata.name}`);
  const listen: Record<string, string> = {};
  for (const [port, local] of Object.entries(own)) listen[port] = `${podAddress}:${local}`;
  return `${JSON.stringify({ listen, connect: connectMap(store, book, namespace) }, null, 1)}\n`;
}
