/** A number below; the same sequence for the same seed. */
export type Chance = (below: number) => number;

/** Xorshift of 32 bits. */
export function chanceOf(seed: number): Chance {
  let state = (Math.imul(seed, 0x9e37_79b1) ^ 0x2545_f491) | 1;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return Math.floor(((state >>> 0) / 2 ** 32) * below);
  };
}

/** Numbers that lengths, counts, zxids and epochs must not be trusted with. */
const nastyInts: readonly number[] = [
  -1, -2, 0, 1, 2, 3, 0x7f, 0xff, 0xffff, 0xf_ffff, 0x10_0000, 0x20_0000, 0x7fff_ffff, -0x8000_0000,
  0x7fff_fffe,
];

/** Inputs that grow no further than this, bytes. */
export const mutantBytesMax: number = 64 * 1024;

type Change = (bytes: Buffer, chance: Chance, other: Buffer) => Buffer;

const changes: readonly Change[] = [
  function someByte(bytes, chance) {
    bytes[chance(bytes.length)] = chance(256);
    return bytes;
  },
  function someBit(bytes, chance) {
    const at = chance(bytes.length);
    bytes[at] = (bytes[at] ?? 0) ^ (1 << chance(8));
    return bytes;
  },
  function someInt(bytes, chance) {
    if (bytes.length < 4) return bytes;
    bytes.writeInt32BE(nastyInts[chance(nastyInts.length)] ?? 0, chance(bytes.length - 3));
    return bytes;
  },
  function someIntMore(bytes, chance) {
    if (bytes.length < 4) return bytes;
    const at = chance(bytes.length - 3);
    bytes.writeInt32BE((bytes.readInt32BE(at) + chance(9) - 4) | 0, at);
    return bytes;
  },
  function cut(bytes, chance) {
    return bytes.subarray(0, chance(bytes.length));
  },
  function without(bytes, chance) {
    const from = chance(bytes.length);
    const to = Math.min(bytes.length, from + 1 + chance(16));
    return Buffer.concat([bytes.subarray(0, from), bytes.subarray(to)]);
  },
  function twice(bytes, chance) {
    const from = chance(bytes.length);
    const to = Math.min(bytes.length, from + 1 + chance(64));
    return Buffer.concat([bytes.subarray(0, to), bytes.subarray(from)]);
  },
  function inserted(bytes, chance) {
    const at = chance(bytes.length + 1);
    const added = Buffer.alloc(1 + chance(12), chance(256));
    return Buffer.concat([bytes.subarray(0, at), added, bytes.subarray(at)]);
  },
  function spliced(bytes, chance, other) {
    const at = chance(bytes.length + 1);
    return Buffer.concat([bytes.subarray(0, at), other.subarray(chance(other.length + 1))]);
  },
];

/** Up to four changes of an input, with pieces of another; or, now and then, nothing but chance. */
export function mutant(input: Buffer, other: Buffer, chance: Chance): Buffer {
  if (chance(50) === 0) return noise(chance(200), chance);
  let bytes: Buffer = Buffer.from(input);
  for (let count = chance(4); count >= 0 && bytes.length > 0; count -= 1) {
    bytes = changes[chance(changes.length)]?.(bytes, chance, other) ?? bytes;
  }
  return bytes.length > mutantBytesMax ? bytes.subarray(0, mutantBytesMax) : bytes;
}

/** As {@link mutant} for texts: now and then a word of the language stands where none belongs. */
export function textMutant(
  input: Buffer,
  other: Buffer,
  chance: Chance,
  words: readonly string[],
): Buffer {
  if (chance(3) !== 0) return mutant(input, other, chance);
  const at = chance(input.length + 1);
  const word = Buffer.from(words[chance(words.length)] ?? '');
  const changed = Buffer.concat([input.subarray(0, at), word, input.subarray(at + chance(4))]);
  return chance(2) === 0 ? changed : mutant(changed, other, chance);
}

function noise(length: number, chance: Chance): Buffer {
  const bytes = Buffer.alloc(length);
  for (let index = 0; index < length; index += 1) bytes[index] = chance(256);
  return bytes;
}
