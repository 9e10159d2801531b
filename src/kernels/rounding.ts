/** Rounding that several kernels share: to whole numbers, and to the precision of a float type. */
import type { DType } from "../ir/dtype.ts";
import { decodeFloat, encodeFloat, isNarrowFloat } from "./float-formats.ts";

/** Nearest whole number, halves to the even one; keeps the sign of zero, infinities and NaN. */
export function roundHalfEven(x: number): number {
  const floor = Math.floor(x);
  const rest = x - floor;
  const rounded = rest > 0.5 || (rest === 0.5 && floor % 2 !== 0) ? floor + 1 : floor;
  return rounded === 0 && x < 0 ? -0 : rounded;
}

/** Rounds a double to what `dtype` can hold; types that hold every double's digits return it unchanged. */
export function precisionOf(dtype: DType): (x: number) => number {
  if (dtype === "float32") return Math.fround;
  if (isNarrowFloat(dtype)) return (x) => decodeFloat(dtype, encodeFloat(dtype, x));
  return (x) => x;
}

const WORDS = 0x1f_ffff_ffff_ffffn;

/**
 * A double that rounds to any narrower float exactly as the integer itself would: bits past the
 * 53rd are cut off, and leave a 1 in the last place where any was set (rounding to odd).
 */
export function integerToDouble(value: bigint): number {
  const magnitude = value < 0n ? -value : value;
  if (magnitude <= WORDS) return Number(value);
  const excess = BigInt(magnitude.toString(2).length - 53);
  const kept = magnitude >> excess;
  const sticky = kept << excess === magnitude ? kept : kept | 1n;
  const double = Number(sticky << excess);
  return value < 0n ? -double : double;
}
