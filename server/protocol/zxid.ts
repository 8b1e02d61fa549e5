import { assert } from '../util/assert.ts';

declare const zxidBrand: unique symbol;

/**
 * Place of a transaction in the history of the ensemble: epoch in the high 32 bits, counter in
 * the low 32, held as one integer-valued double. Ordered by `<`. Exact while the epoch is at
 * most {@link epochMax}; the decoder refuses a larger one rather than round it.
 */
export type Zxid = number & { readonly [zxidBrand]: true };

/** Largest epoch a double holds exactly beside a 32-bit counter. */
export const epochMax: number = 2 ** 21 - 1;

/** Largest counter of an epoch that is ever used; the next one calls for a new epoch. */
export const counterMax: number = 2 ** 32 - 2;

const counterSpan = 2 ** 32;

/** The zxid before every transaction. */
export const zxidZero: Zxid = 0 as Zxid;

/** What the wire uses for "no zxid". */
export const zxidNone: Zxid = -1 as Zxid;

/** @throws AssertionFailure when epoch or counter is out of range. */
export function zxidOf(epoch: number, counter: number): Zxid {
  assert(epoch >= 0 && epoch <= epochMax, `0 <= epoch ${epoch} <= ${epochMax}`);
  assert(counter >= 0 && counter < counterSpan, `0 <= counter ${counter} < 2^32`);
  return (epoch * counterSpan + counter) as Zxid;
}

/** Number of the leadership that a zxid belongs to. */
export function epochOf(zxid: Zxid): number {
  return Math.floor(zxid / counterSpan);
}

/** Position inside its epoch; 0 for the epoch's own start, which no transaction has. */
export function counterOf(zxid: Zxid): number {
  return zxid - Math.floor(zxid / counterSpan) * counterSpan;
}

/** Lower-case hex without leading zeros: `100000001`. The form of file names and of config versions. */
export function zxidHex(zxid: Zxid): string {
  return zxid.toString(16);
}
