/** Start of a stream as snappy-java writes it: its magic, then two version numbers. */
export const snappyMagic: Buffer = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0x00]);

const streamHeaderBytes = 16;

/** Uncompressed bytes of one block at most; the reference writes 32 KiB. */
const blockBytesMax: number = 64 * 1024 * 1024;

/** Three bytes of a block say at most 64: a block that promises more lies. */
const unpackedRatioMax = 22;

/**
 * Decompresses a snappy-java stream.
 *
 * ```
 * magic    8 bytes
 * version  int32, int32
 * blocks   int32 length, raw snappy block
 * ```
 * Source: storage, section 5.4; Snappy's format description.
 *
 * @throws Error when the bytes are no such stream.
 */
export function decodeSnappyStream(bytes: Buffer): Buffer {
  if (bytes.length < streamHeaderBytes || !bytes.subarray(0, 8).equals(snappyMagic)) {
    throw new Error('it is not a snappy stream');
  }
  let total = 0;
  for (const block of blocksOf(bytes)) total += blockLength(block);
  const plain = Buffer.allocUnsafeSlow(total);
  let end = 0;
  for (const block of blocksOf(bytes)) end += decodeSnappyBlock(block).copy(plain, end);
  return plain;
}

function* blocksOf(bytes: Buffer): Generator<Buffer> {
  for (let at = streamHeaderBytes; at < bytes.length;) {
    const length = at + 4 <= bytes.length ? bytes.readInt32BE(at) : -1;
    if (length < 0 || at + 4 + length > bytes.length)
      throw new Error(`snappy block at ${at} is cut`);
    yield bytes.subarray(at + 4, at + 4 + length);
    at += 4 + length;
  }
}

/** Uncompressed bytes, as the block says. A wrong one is found when it is unpacked. */
function blockLength(block: Buffer): number {
  let length = 0;
  for (let shift = 0, at = 0; at < block.length && shift <= 28; shift += 7, at += 1) {
    const byte = block[at] as number;
    length += (byte & 0x7f) * 2 ** shift;
    if (byte < 0x80) break;
  }
  checkLength(length, block.length);
  return length;
}

/** Before anything is reserved for it. */
function checkLength(length: number, packedBytes: number): void {
  if (length > Math.min(blockBytesMax, packedBytes * unpackedRatioMax)) {
    throw new Error(`snappy block of ${length} bytes in ${packedBytes}`);
  }
}

/** One raw block: uncompressed length as a varint, then literals and copies. */
export function decodeSnappyBlock(source: Buffer): Buffer {
  let at = 0;
  const next = (): number => {
    const byte = source[at];
    if (byte === undefined) throw new Error('snappy block ends early');
    at += 1;
    return byte;
  };
  const little = (bytes: number): number => {
    let value = 0;
    for (let index = 0; index < bytes; index += 1) value += next() * 2 ** (8 * index);
    return value;
  };
  let length = 0;
  for (let shift = 0, byte = 0x80; byte >= 0x80; shift += 7) {
    if (shift > 28) throw new Error('snappy length is no 32-bit number');
    byte = next();
    length += (byte & 0x7f) * 2 ** shift;
  }
  checkLength(length, source.length);
  const target = Buffer.alloc(length);
  let end = 0;
  while (at < source.length) {
    const tag = next();
    if ((tag & 3) === 0) {
      const short = tag >>> 2;
      const count = (short < 60 ? short : little(short - 59)) + 1;
      if (at + count > source.length || end + count > length)
        throw new Error('snappy literal is cut');
      source.copy(target, end, at, at + count);
      at += count;
      end += count;
      continue;
    }
    const [count, offset] = copyOf(tag, next, little);
    if (offset === 0 || offset > end || end + count > length) throw new Error('snappy copy is bad');
    // Source and target may overlap: then the copied bytes repeat.
    for (let index = 0; index < count; index += 1, end += 1) {
      target[end] = target[end - offset] as number;
    }
  }
  if (end !== length) throw new Error('snappy block ends early');
  return target;
}

/** Length and distance of a copy. */
function copyOf(
  tag: number,
  next: () => number,
  little: (bytes: number) => number,
): readonly [number, number] {
  if ((tag & 3) === 1) return [((tag >>> 2) & 7) + 4, (tag >>> 5) * 256 + next()];
  return [(tag >>> 2) + 1, little((tag & 3) === 2 ? 2 : 4)];
}
