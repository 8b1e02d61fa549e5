/** Bytes of one message of DIGEST-MD5. */
export const messageBytesMax = 4096;

const pattern = /\s*([A-Za-z0-9-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))\s*(?:,+|$)/y;

/** `a="b",c=d`; `null`: it is no such list, or says a thing twice. Source: RFC 2831, section 7.1. */
export function parseDirectives(message: Uint8Array): ReadonlyMap<string, string> | null {
  if (message.length > messageBytesMax) return null;
  const text = Buffer.from(message).toString('utf8');
  const directives = new Map<string, string>();
  pattern.lastIndex = 0;
  while (pattern.lastIndex < text.length) {
    const match = pattern.exec(text);
    if (match === null) return null;
    const [, key = '', quoted, token = ''] = match;
    if (directives.has(key)) return null;
    directives.set(key, quoted === undefined ? token : quoted.replace(/\\(.)/gs, '$1'));
  }
  return directives.size === 0 ? null : directives;
}

export function quoted(value: string): string {
  return `"${value.replace(/["\\]/g, '\\$&')}"`;
}
