/** Comparison of a result with what was expected: shape and type exact, integers exact, floats by tolerance. */
import { isFloat, DTYPES } from "../ir/dtype.ts";
import { bigReader, is64, reader, storageLength, sizeOf } from "../kernels/access.ts";
import type { Tensor } from "../kernels/types.ts";

export interface Tolerance {
  readonly rtol: number;
  readonly atol: number;
}

export interface Difference {
  readonly message: string;
  /** Largest absolute error met; NaN where shapes or types differ. */
  readonly maxAbsError: number;
}

/** Undefined where `actual` matches: NaN equals NaN, infinities by sign, integers and bool exactly. */
export function compareTensors(
  name: string,
  actual: Tensor,
  expected: Tensor,
  { rtol, atol }: Tolerance,
): Difference | undefined {
  if (actual.dtype !== expected.dtype)
    return { message: `${name}: type ${actual.dtype}, expected ${expected.dtype}`, maxAbsError: NaN };
  if (actual.shape.length !== expected.shape.length || actual.shape.some((dim, d) => dim !== expected.shape[d])) {
    return {
      message: `${name}: shape [${actual.shape.join(",")}], expected [${expected.shape.join(",")}]`,
      maxAbsError: NaN,
    };
  }
  const complex = DTYPES[actual.dtype].class === "complex";
  const count = complex ? storageLength(actual.dtype, sizeOf(actual.shape)) : sizeOf(actual.shape);
  if (is64(actual.dtype)) {
    const a = bigReader(actual);
    const b = bigReader(expected);
    for (let i = 0; i < count; i++)
      if (a(i) !== b(i))
        return {
          message: `${name}: element ${i} is ${a(i)}, expected ${b(i)}`,
          maxAbsError: Math.abs(Number(a(i) - b(i))),
        };
    return undefined;
  }
  const a = reader(actual);
  const b = reader(expected);
  const exact = !isFloat(actual.dtype) && !complex;
  let worst = 0;
  let first = -1;
  for (let i = 0; i < count; i++) {
    const x = a(i);
    const y = b(i);
    if (x === y || (Number.isNaN(x) && Number.isNaN(y))) continue;
    const error = Math.abs(x - y);
    if (!exact && error <= atol + rtol * Math.abs(y)) {
      worst = Math.max(worst, error);
      continue;
    }
    if (first < 0) first = i;
    worst = Number.isNaN(error) ? NaN : Math.max(worst, error);
  }
  return first < 0
    ? undefined
    : {
        message: `${name}: element ${first} is ${a(first)}, expected ${b(first)} (max abs error ${worst.toPrecision(3)})`,
        maxAbsError: worst,
      };
}

/** Largest absolute and relative difference of two results of one shape and type. */
export function errorsOf(
  actual: Tensor,
  expected: Tensor,
): { equal: boolean; maxAbsError: number; maxRelError: number } {
  const a = reader(actual);
  const b = reader(expected);
  let maxAbsError = 0;
  let maxRelError = 0;
  let equal = true;
  const count =
    DTYPES[actual.dtype].class === "complex" ? storageLength(actual.dtype, sizeOf(actual.shape)) : sizeOf(actual.shape);
  for (let i = 0; i < count; i++) {
    const x = a(i);
    const y = b(i);
    if (Object.is(x, y)) continue;
    equal = false;
    const error = Math.abs(x - y);
    maxAbsError = Number.isNaN(error) ? Infinity : Math.max(maxAbsError, error);
    if (y !== 0) maxRelError = Number.isNaN(error) ? Infinity : Math.max(maxRelError, error / Math.abs(y));
  }
  return { equal, maxAbsError, maxRelError };
}
