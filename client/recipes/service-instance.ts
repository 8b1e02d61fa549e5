/** One that provides a service. */
export interface ServiceInstance {
  /** Its name among those of the service; the name of its node. */
  readonly id: string;
  readonly address: string;
  readonly port: number;
  /** How much it can take compared to the others; 0 or more. */
  readonly weight: number;
  /** Anything that goes into JSON. */
  readonly payload: unknown;
}

/** What stands in its node. */
export function textOf({ address, port, weight, payload }: ServiceInstance): string {
  return JSON.stringify({ address, port, weight, payload });
}

/** The instances of nodes, in their order. What is none is left out: others may have put it there. */
export function instancesOf(members: ReadonlyMap<string, Buffer | null>): ServiceInstance[] {
  const instances: ServiceInstance[] = [];
  for (const [id, data] of members) {
    const instance = instanceOf(id, data);
    if (instance !== null) instances.push(instance);
  }
  return instances;
}

function instanceOf(id: string, data: Buffer | null): ServiceInstance | null {
  let read: unknown;
  try {
    read = JSON.parse(String(data));
  } catch {
    return null;
  }
  if (typeof read !== 'object' || read === null) return null;
  const { address, port, weight = 1, payload = null } = read as Partial<ServiceInstance>;
  if (typeof address !== 'string' || typeof port !== 'number') return null;
  if (typeof weight !== 'number' || weight < 0) return null;
  return { id, address, port, weight, payload };
}
