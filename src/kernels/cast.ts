/**
 * Conversion between element types. Where ONNX leaves the result undefined (a float outside an
 * integer's range), it is what x86-64 gives, which is what other runtimes show in practice.
 */
import { DTYPES, isFloat, isInteger, type DType } from "../ir/dtype.ts";
import { bigReader, bigWriter, bytesOf, is64, reader, sizeOf, writer } from "./access.ts";
import { operand, result } from "./elementwise.ts";
import { encodeE8M0, encodeFloat, isNarrowFloat, type E8M0Rounding } from "./float-formats.ts";
import { integerToDouble, roundHalfEven } from "./rounding.ts";
import type { Kernel, KernelTable, Tensor } from "./types.ts";

/** How a cast to a float8 type treats what it cannot hold. */
interface CastOptions {
  readonly saturate: boolean;
  /** For float8e8m0 only. */
  readonly rounding: E8M0Rounding;
}

const isFloat8 = (dtype: DType): boolean => DTYPES[dtype].bits === 8 && isFloat(dtype);

/** Writes doubles as floats (or bool) of y's type, by the rules of Cast. */
export function floatWriter(y: Tensor, { saturate, rounding }: CastOptions): (i: number, value: number) => void {
  const { dtype, data } = y;
  if (dtype === "float8e8m0") {
    return (i, value) => {
      data[i] = encodeE8M0(value, saturate, rounding);
    };
  }
  if (isFloat8(dtype) && isNarrowFloat(dtype)) {
    return (i, value) => {
      data[i] = encodeFloat(dtype, value, saturate);
    };
  }
  return writer(y);
}

const INT32_INDEFINITE = -(2 ** 31);
const INT64_INDEFINITE = -(2n ** 63n);

/** A double as an integer of up to 32 bits, before wrapping to them. */
function truncated(dtype: DType): (x: number) => number {
  // ONNX's technical notes on 4- and 2-bit types round; wider types truncate.
  if (DTYPES[dtype].bits < 8) return (x) => (Number.isFinite(x) ? roundHalfEven(x) % 16 : 0);
  const [low, high] = dtype === "uint32" ? [-(2 ** 63), 2 ** 63] : [-(2 ** 31), 2 ** 31];
  const indefinite = dtype === "uint32" ? 0 : INT32_INDEFINITE;
  return (x) => {
    const whole = Math.trunc(x);
    return whole >= low && whole < high ? whole : indefinite;
  };
}

const truncated64 =
  (limit: number) =>
  (x: number): bigint => {
    const whole = Math.trunc(x);
    return whole >= -(2 ** 63) && whole < limit ? BigInt(whole) : INT64_INDEFINITE;
  };

/** Reads element i of x and writes it, converted, to element i of y. */
function converter(x: Tensor, y: Tensor, options: CastOptions): (i: number) => void {
  if (isInteger(y.dtype)) {
    if (!isFloat(x.dtype)) {
      if (is64(x.dtype) || is64(y.dtype)) return piped(bigReader(x), bigWriter(y));
      return piped(reader(x), writer(y));
    }
    const read = reader(x);
    if (is64(y.dtype)) {
      const convert = truncated64(y.dtype === "uint64" ? 2 ** 64 : 2 ** 63);
      return piped((i) => convert(read(i)), bigWriter(y));
    }
    const convert = truncated(y.dtype);
    return piped((i) => convert(read(i)), writer(y));
  }
  const write = floatWriter(y, options);
  if (!is64(x.dtype)) return piped(reader(x), write);
  const read = bigReader(x);
  return piped((i) => integerToDouble(read(i)), write);
}

const piped =
  <T>(read: (i: number) => T, write: (i: number, value: T) => void) =>
  (i: number): void =>
    write(i, read(i));

/** Converts all of x into y, a tensor of the same shape. */
function castTensor(x: Tensor, y: Tensor, options: CastOptions): void {
  if (x.dtype === y.dtype) {
    bytesOf(y).set(bytesOf(x));
    return;
  }
  const convert = converter(x, y, options);
  const count = sizeOf(y.shape);
  for (let i = 0; i < count; i++) convert(i);
}

/** Attributes saturate, round_mode. */
const cast: Kernel = (call) => {
  const rounding = call.attrs.get("round_mode");
  castTensor(operand(call, 0), result(call), {
    saturate: call.attrs.get("saturate") !== false,
    rounding: rounding === "down" || rounding === "nearest" ? rounding : "up",
  });
};

/** The bits of an 8-bit type as bool, which is stored as 0 and 1 only; other bit casts are views. */
const bitCastToBool: Kernel = (call) => {
  const x = bytesOf(operand(call, 0));
  const y = result(call).data;
  for (let i = 0; i < y.length; i++) y[i] = x[i] === 0 ? 0 : 1;
};

export const castKernels: KernelTable = { BitCastToBool: bitCastToBool, Cast: cast };
