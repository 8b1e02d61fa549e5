/** Stands for every address of the machine. */
export const anyHost = '0.0.0.0';

/** Whether it means all addresses. */
export function isAnyHost(host: string): boolean {
  return host === anyHost || host === '::';
}

/** Splits at colons, but not inside brackets, which go. `null`: brackets that do not close. */
export function splitAddress(text: string): string[] | null {
  const match = /^\[([^\]]*)\](?::(.*))?$/.exec(text);
  if (match === null) return text.includes('[') || text.includes(']') ? null : text.split(':');
  const [, host = '', rest] = match;
  return rest === undefined ? [host] : [host, ...rest.split(':')];
}

/** A name, an IPv4 address or an IPv6 address without brackets. */
export function isHost(text: string): boolean {
  return (
    /^[0-9A-Za-z_.-]+$/.test(text) ||
    /^[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*(%[0-9A-Za-z_.-]+)?$/.test(text)
  );
}

/** Without brackets around an IPv6 address; `null`: no host. */
export function hostOf(text: string): string | null {
  const host = /^\[(.*)\]$/.exec(text)?.[1] ?? text;
  return isHost(host) ? host : null;
}
