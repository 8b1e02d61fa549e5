/**
 * The version of data or access list after one more change: an int32 that wraps, but never -1,
 * which in a request means any version. Source: ZOOKEEPER-4743; the reference's 3.9 gives -1.
 */
export function versionAfter(version: number): number {
  const next = (version + 1) | 0;
  return next === -1 ? 0 : next;
}
