// Requests as frames, encoded by hand: what drives a server must not share its code.

/** Data of every node. */
export const dataBytes = 100;

/** xid at byte 4. */
export function setFrame(node: number): Buffer {
  return frame(5, [string(pathOf(node)), buffer(Buffer.alloc(dataBytes, 120)), int32(-1)]);
}

export function getFrame(node: number): Buffer {
  return frame(4, [string(pathOf(node)), Buffer.from([0])]);
}

export function createFrame(path: string): Buffer {
  const acl = [int32(1), int32(31), string('world'), string('anyone')];
  return frame(1, [string(path), buffer(Buffer.alloc(dataBytes, 120)), ...acl, int32(0)]);
}

export function pathOf(node: number): string {
  return `/bench/n${String(node).padStart(10, '0')}`;
}

export function frame(opCode: number, parts: readonly Buffer[]): Buffer {
  const body = Buffer.concat([int32(1), int32(opCode), ...parts]);
  return Buffer.concat([int32(body.length), body]);
}

export function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
}

export function string(text: string): Buffer {
  return buffer(Buffer.from(text));
}

export function buffer(bytes: Buffer): Buffer {
  return Buffer.concat([int32(bytes.length), bytes]);
}

/** Sets data watches again, as after a reconnect; `sinceZxid`: what the client has seen. */
export function setWatchesFrame(sinceZxid: bigint, paths: readonly string[]): Buffer {
  const since = Buffer.alloc(8);
  since.writeBigInt64BE(sinceZxid);
  return frame(101, [since, int32(paths.length), ...paths.map(string), int32(0), int32(0)]);
}
