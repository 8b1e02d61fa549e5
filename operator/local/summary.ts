import { relative, resolve } from 'node:path';
import type { Json } from './api/json.ts';
import { arrayAt, at, numberAt, stringAt } from './api/json.ts';
import type { KubeObject } from './api/kube-object.ts';
import { isTerminating, namespaceOf } from './api/kube-object.ts';
import type { LocalControlPlane } from './control-plane.ts';
import { conditionOf, isPodReady } from './controllers/controller.ts';

export interface MemberLine {
  readonly name: string;
  readonly role: string;
  /** `null` while it has no client port. */
  readonly address: string | null;
}

/** The members of an ensemble with their roles and where clients reach them. */
export function memberLines(controlPlane: LocalControlPlane, ensemble: KubeObject): MemberLine[] {
  const namespace = namespaceOf(ensemble);
  return arrayAt(ensemble, 'status', 'members').map((member) => {
    const name = stringAt(member, 'name') ?? '';
    const address = controlPlane.addressOf(namespace, name, 'client');
    return {
      name,
      role: stringAt(member, 'role') ?? 'Unknown',
      address: address === null ? null : `${address.host}:${address.port}`,
    };
  });
}

/**
 * Whether the ensemble serves now. What an earlier run wrote into the status does not count: it
 * has to be newer than the revision at the start.
 */
export function isAvailable(ensemble: KubeObject, startRevision: number): boolean {
  const isNews = Number(ensemble.metadata.resourceVersion) > startRevision;
  return isNews && stringAt(conditionOf(ensemble, 'Available'), 'status') === 'True';
}

/** Whether every member takes part, by the operator's word and by the pods'. */
export function isComplete(controlPlane: LocalControlPlane, ensemble: KubeObject): boolean {
  const wanted = numberAt(ensemble, 'spec', 'replicas') ?? 0;
  const members = arrayAt(ensemble, 'status', 'members');
  const { store } = controlPlane.api;
  const isTakingPart = (member: Json): boolean => {
    const pod = store.get('/pods', namespaceOf(ensemble), stringAt(member, 'name') ?? '');
    const role = stringAt(member, 'role') ?? '';
    return pod !== undefined && isPodReady(pod) && takingPart.has(role);
  };
  return members.length >= wanted && members.every(isTakingPart);
}

/** Roles of members that serve. */
const takingPart: ReadonlySet<string> = new Set(['Leader', 'Follower', 'Observer']);

function quoted(path: string): string {
  return /^[\w@%+=:,./-]+$/.test(path) ? path : `'${path.replaceAll("'", `'\\''`)}'`;
}

function ensembleLines(controlPlane: LocalControlPlane, ensemble: KubeObject): string[] {
  const members = memberLines(controlPlane, ensemble);
  const width = Math.max(6, ...members.map((member) => member.name.length));
  const rows = members.map(
    (member) =>
      `  ${member.name.padEnd(width)}  ${member.role.padEnd(9)}  ${member.address ?? 'not reachable'}`,
  );
  const addresses = members.flatMap((member) => member.address ?? []);
  return [
    '',
    `  ${'MEMBER'.padEnd(width)}  ${'ROLE'.padEnd(9)}  CLIENTS`,
    ...rows,
    '',
    `Connect ZooKeeper clients to  ${addresses.join(',')}`,
  ];
}

/** `npx` would take the command's own options for its own. */
function cliPath(): string {
  const path = resolve(import.meta.dirname, '../../client/bin/zk-cli.js');
  const near = relative(process.cwd(), path);
  return near.startsWith('..') ? path : near;
}

function suggestions(controlPlane: LocalControlPlane, ensemble: KubeObject): string[] {
  const { name } = ensemble.metadata;
  const members = memberLines(controlPlane, ensemble);
  const first = members.find((member) => member.address !== null)?.address ?? '127.0.0.1:2181';
  const leader = members.find((member) => member.role === 'Leader')?.name ?? `${name}-0`;
  return [
    `  node ${quoted(cliPath())} -server ${first} create /hello world`,
    `  kubectl get zke ${name} -o wide`,
    `  kubectl delete pod ${leader}     # the leader: watch another one take over`,
  ];
}

/** What a person wants to know once it runs; `ensembles` are those that serve. */
export function summaryText(
  controlPlane: LocalControlPlane,
  ensembles: readonly KubeObject[],
  tookMs: number,
): string {
  const seconds = (tookMs / 1000).toFixed(1);
  const [first] = ensembles;
  const tries =
    first === undefined
      ? ['  kubectl apply -f ensemble.yaml', '  kubectl get zke,pods']
      : suggestions(controlPlane, first);
  const told = ensembles.flatMap((ensemble) => [
    `ZkEnsemble ${ensemble.metadata.name} is available after ${seconds} s.`,
    ...ensembleLines(controlPlane, ensemble),
  ]);
  return [
    ...(first === undefined ? ['The control plane is up; no ensemble is running.'] : told),
    `Point kubectl at it with      export KUBECONFIG=${quoted(controlPlane.kubeconfigPath)}`,
    '',
    'Try:',
    ...tries,
    '',
    'Ctrl-C stops everything; the next start finds the data again.',
    '',
  ].join('\n');
}

/** Whether an ensemble is meant to serve: one that hibernates, or is on its way out, is not. */
export function isMeantToServe(ensemble: KubeObject): boolean {
  return at(ensemble, 'spec', 'hibernate') !== true && !isTerminating(ensemble);
}

/** What stands in the way while the ensemble is not available yet, in one line. */
export function waitingText(controlPlane: LocalControlPlane, ensemble: KubeObject): string {
  const pods = controlPlane.api.store.list('/pods', namespaceOf(ensemble)).map((pod) => {
    const [status] = arrayAt(pod, 'status', 'containerStatuses');
    const why = stringAt(status, 'state', 'waiting', 'reason');
    const ready = stringAt(conditionOf(pod, 'Ready'), 'status') === 'True';
    const shown = why ?? (ready ? 'ready' : 'starting');
    return `${pod.metadata.name} ${shown}`;
  });
  const available = conditionOf(ensemble, 'Available');
  const reason = stringAt(available, 'message') ?? stringAt(available, 'reason') ?? '';
  const parts = [reason, pods.join(', ')].filter((part) => part !== '');
  return parts.length === 0 ? 'waiting for the operator' : parts.join('; ');
}
