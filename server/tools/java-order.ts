/** Buckets of a Java hash table that nobody gave a size. */
const bucketsStandard = 16;

/**
 * A set or map of Java's lists what it holds by bucket, and in a bucket by age. The reference's
 * tools print children and sessions in that order, so whoever compares outputs needs it.
 *
 * @param items in the order of insertion.
 * @param hash the key's `hashCode()`, an int32.
 * @param buckets what the table began with; a power of two. It doubles when it is three quarters full.
 */
export function inJavaOrder<T>(
  items: readonly T[],
  hash: (item: T) => number,
  buckets: number = bucketsStandard,
): T[] {
  let count = buckets;
  while (items.length > count * 0.75) count *= 2;
  const bucketOf = (item: T): number => {
    const code = hash(item);
    return (code ^ (code >>> 16)) & (count - 1);
  };
  // Sorting keeps equal ones in place: within a bucket the older comes first.
  return items
    .map((item) => ({ item, bucket: bucketOf(item) }))
    .sort((a, b) => a.bucket - b.bucket)
    .map(({ item }) => item);
}

/** `String.hashCode()`: over UTF-16 code units. */
export function javaStringHash(text: string): number {
  let hash = 0;
  for (let at = 0; at < text.length; at += 1)
    hash = (Math.imul(hash, 31) + text.charCodeAt(at)) | 0;
  return hash;
}

/** `Long.hashCode()`. */
export function javaLongHash(value: bigint): number {
  const bits = BigInt.asUintN(64, value);
  return Number(BigInt.asIntN(32, bits ^ (bits >> 32n)));
}
