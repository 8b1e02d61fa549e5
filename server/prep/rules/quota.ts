import type { TreeReader } from '../../tree/door.ts';

/** Source: semantics, section 9: hard limits only, against the applied usage. -1: no limit. */
export function isCreateBeyondQuota(tree: TreeReader, path: string, dataBytes: number): boolean {
  const quota = tree.quota(path);
  if (quota === null) return false;
  return (
    isBeyond(quota.count + 1, quota.countHardLimit) ||
    isBeyond(quota.bytes + dataBytes, quota.bytesHardLimit)
  );
}

/** `difference`: bytes after the change less bytes before; 0 is never refused. */
export function isChangeBeyondQuota(tree: TreeReader, path: string, difference: number): boolean {
  if (difference === 0) return false;
  const quota = tree.quota(path);
  return quota !== null && isBeyond(quota.bytes + difference, quota.bytesHardLimit);
}

function isBeyond(total: number, limit: number): boolean {
  return limit > -1 && total > limit;
}
