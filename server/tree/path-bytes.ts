/**
 * One path as UTF-8, in place: the string of a transaction becomes bytes once and every step of
 * applying it reads these.
 */
export class PathBytes {
  buffer: Buffer = Buffer.allocUnsafeSlow(512);
  length = 0;

  /** Returns the length in bytes. */
  load(path: string): number {
    const units = path.length;
    // A UTF-16 unit takes at most three bytes.
    if (units * 3 > this.buffer.length) this.buffer = Buffer.allocUnsafeSlow(units * 4);
    const { buffer } = this;
    if (units > 256) return (this.length = buffer.write(path, 0, 'utf8'));
    for (let at = 0; at < units; at += 1) {
      const unit = path.charCodeAt(at);
      if (unit > 127) return (this.length = buffer.write(path, 0, 'utf8'));
      buffer[at] = unit;
    }
    return (this.length = units);
  }

  /** From UTF-8 as it is. */
  copy(bytes: Buffer, start: number, length: number): void {
    if (length > this.buffer.length) this.buffer = Buffer.allocUnsafeSlow(length * 2);
    const { buffer } = this;
    this.length = length;
    if (length > 64) {
      bytes.copy(buffer, 0, start, start + length);
      return;
    }
    for (let at = 0; at < length; at += 1) buffer[at] = bytes[start + at]!;
  }

  text(): string {
    return this.buffer.toString('utf8', 0, this.length);
  }

  /** Place of the last slash; -1 without one. */
  lastSlash(): number {
    let at = this.length - 1;
    while (at >= 0 && this.buffer[at] !== slashByte) at -= 1;
    return at;
  }
}

export const slashByte = 0x2f;

const prefix: Uint8Array = Buffer.from('/zookeeper/');

/** Everything below `/zookeeper` counts nothing in the digest. Source: storage, section 7. */
export function isOutsideDigest(path: Uint8Array, length: number): boolean {
  if (length < prefix.length) return false;
  for (let at = 0; at < prefix.length; at += 1) if (path[at] !== prefix[at]) return false;
  return true;
}
