import { sizeOverflow } from "../errors.ts";
import { DTYPES, type DType } from "./dtype.ts";

/** Number of elements of `shape`; 1 for a scalar. Throws InputError where it passes 2^53 - 1. */
export function elementCount(shape: readonly number[], where = "a tensor"): number {
  let count = 1;
  for (const dim of shape) {
    count *= dim;
    if (!Number.isSafeInteger(count)) {
      // A zero further on would make the product zero, whatever came before it.
      if (shape.includes(0)) return 0;
      throw sizeOverflow(where, shape);
    }
  }
  return count;
}

/** Bytes of a dense tensor; sub-byte types are packed and rounded up to a whole byte. */
export function byteSize(dtype: DType, shape: readonly number[], where = "a tensor"): number {
  const count = elementCount(shape, where);
  const bits = DTYPES[dtype].bits;
  const bytes = bits >= 8 ? count * (bits / 8) : Math.ceil(count / (8 / bits));
  if (!Number.isSafeInteger(bytes)) throw sizeOverflow(where, shape);
  return bytes;
}

/** `value` rounded up to a multiple of `alignment` (a positive integer). */
export const alignUp = (value: number, alignment: number): number => Math.ceil(value / alignment) * alignment;
