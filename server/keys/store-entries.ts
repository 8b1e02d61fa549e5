/** What a store holds, whatever its form. All in DER; keys as PKCS#8. */
export interface StoreEntries {
  readonly keys: readonly Buffer[];
  /** In the order of the file: of the keys' chains, or of nobody known. */
  readonly certificates: readonly Buffer[];
  /** Marked as trusted by whoever made the store. */
  readonly trusted: readonly Buffer[];
}
