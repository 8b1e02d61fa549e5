/** Bytes of a block. */
const blockBytes = 8;

const piTable: Buffer = Buffer.from(
  'd978f9c419ddb5ed28e9fd794aa0d89dc67e37832b76538e624c6488448bfba2' +
    '179a59f587b34f1361456d8d09817d32bd8f40eb86b77b0bf09521225c6b4e82' +
    '54d66593ce60b21c7356c014a78cf1dc1275ca1f3bbee4d1423dd430a33cb626' +
    '6fbf0eda4669075727f21d9bbc944303f811c7f690ef3ee706c3d52fc8661ed7' +
    '08e8eade8052eef784aa72ac354d6a2a961ad2715a1549744b9fd05e0418a4ec' +
    'c2e0416e0f51cbcc2491af50a1f47039997c3a8523b8b47afc02365b25559731' +
    '2d5dfa98e38a92ae05df2910676cbac9d300e6cfe19ea82c6316013f58e289a9' +
    '0d38341bab33ffb0bb480c5fb9b1cd2ec5f3db47e5a59c770aa62068fe7fc1ad',
  'hex',
);

/**
 * Decrypts RC2 in CBC mode, padding included. For reading alone: key stores of Java 8 and of
 * OpenSSL 1 hide their certificates behind 40 bits of it, and Node's OpenSSL has it no more.
 *
 * Source: RFC 2268.
 */
export function decryptRc2Cbc(key: Buffer, iv: Buffer, encrypted: Buffer): Buffer {
  const words = expandKey(key);
  const plain = Buffer.alloc(encrypted.length);
  let previous = iv;
  for (let at = 0; at + blockBytes <= encrypted.length; at += blockBytes) {
    const block = encrypted.subarray(at, at + blockBytes);
    const decrypted = decryptBlock(words, block);
    for (let index = 0; index < blockBytes; index += 1) {
      plain[at + index] = (decrypted[index] ?? 0) ^ (previous[index] ?? 0);
    }
    previous = block;
  }
  return plain;
}

/** 64 words of 16 bits. */
function expandKey(key: Buffer): Uint16Array {
  const bytes = new Uint8Array(128);
  bytes.set(key);
  const pi = (index: number): number => piTable[index & 0xff] ?? 0;
  for (let index = key.length; index < 128; index += 1) {
    bytes[index] = pi((bytes[index - 1] ?? 0) + (bytes[index - key.length] ?? 0));
  }
  const start = 128 - key.length;
  bytes[start] = pi(bytes[start] ?? 0);
  for (let index = start - 1; index >= 0; index -= 1) {
    bytes[index] = pi((bytes[index + 1] ?? 0) ^ (bytes[index + key.length] ?? 0));
  }
  return Uint16Array.from(
    { length: 64 },
    (_, index) => (bytes[2 * index] ?? 0) | ((bytes[2 * index + 1] ?? 0) << 8),
  );
}

const rotations = [1, 2, 3, 5] as const;

function decryptBlock(words: Uint16Array, block: Buffer): Buffer {
  const r = [0, 2, 4, 6].map((at) => block.readUInt16LE(at));
  const at = (index: number): number => r[index & 3] ?? 0;
  let next = 63;
  const mix = (): void => {
    for (let i = 3; i >= 0; i -= 1) {
      const turn = rotations[i] ?? 1;
      const turned = ((at(i) >>> turn) | (at(i) << (16 - turn))) & 0xffff;
      const mixed = (at(i + 3) & at(i + 2)) + (~at(i + 3) & at(i + 1));
      r[i] = (turned - (words[next] ?? 0) - mixed) & 0xffff;
      next -= 1;
    }
  };
  const mash = (): void => {
    for (let i = 3; i >= 0; i -= 1) r[i] = (at(i) - (words[at(i + 3) & 63] ?? 0)) & 0xffff;
  };
  for (const rounds of [5, 6, 5]) {
    for (let round = 0; round < rounds; round += 1) mix();
    if (next >= 0) mash();
  }
  const out = Buffer.alloc(blockBytes);
  r.forEach((word, index) => out.writeUInt16LE(word, index * 2));
  return out;
}
