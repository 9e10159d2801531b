/**
 * Exact conversion between doubles and the narrow float formats of ONNX: float16, bfloat16, the
 * four float8 families of "FP8 Formats for Deep Learning" (with ONNX's `fn`/`uz` variants),
 * float8e8m0 (scales of the OCP MX formats) and float4e2m1. Rounding is to nearest, ties to even.
 */
import type { DType } from "../ir/dtype.ts";

interface Format {
  readonly exponentBits: number;
  readonly mantissaBits: number;
  readonly bias: number;
  /** Bits of +infinity; null where the format has none. */
  readonly infinity: number | null;
  /** Bits of NaN; null where the format has none. */
  readonly nan: number | null;
  /** Largest finite magnitude's bits. */
  readonly max: number;
  /** `uz` formats have no negative zero: its bits are NaN. */
  readonly negativeZero: boolean;
}

export type NarrowFloat =
  | "float16"
  | "bfloat16"
  | "float8e4m3fn"
  | "float8e4m3fnuz"
  | "float8e5m2"
  | "float8e5m2fnuz"
  | "float4e2m1";

const FORMATS: Readonly<Record<NarrowFloat, Format>> = {
  float16: {
    exponentBits: 5,
    mantissaBits: 10,
    bias: 15,
    infinity: 0x7c00,
    nan: 0x7e00,
    max: 0x7bff,
    negativeZero: true,
  },
  bfloat16: {
    exponentBits: 8,
    mantissaBits: 7,
    bias: 127,
    infinity: 0x7f80,
    nan: 0x7fc0,
    max: 0x7f7f,
    negativeZero: true,
  },
  float8e4m3fn: { exponentBits: 4, mantissaBits: 3, bias: 7, infinity: null, nan: 0x7f, max: 0x7e, negativeZero: true },
  float8e4m3fnuz: {
    exponentBits: 4,
    mantissaBits: 3,
    bias: 8,
    infinity: null,
    nan: 0x80,
    max: 0x7f,
    negativeZero: false,
  },
  float8e5m2: { exponentBits: 5, mantissaBits: 2, bias: 15, infinity: 0x7c, nan: 0x7f, max: 0x7b, negativeZero: true },
  float8e5m2fnuz: {
    exponentBits: 5,
    mantissaBits: 2,
    bias: 16,
    infinity: null,
    nan: 0x80,
    max: 0x7f,
    negativeZero: false,
  },
  float4e2m1: { exponentBits: 2, mantissaBits: 1, bias: 1, infinity: null, nan: null, max: 0x7, negativeZero: true },
};

export const isNarrowFloat = (dtype: DType): dtype is NarrowFloat => dtype in FORMATS;

const decodeWith = (f: Format, bits: number): number => {
  const width = f.exponentBits + f.mantissaBits;
  if (!f.negativeZero && bits === 1 << width) return NaN;
  const sign = (bits >> width) & 1 ? -1 : 1;
  const magnitude = bits & ((1 << width) - 1);
  if (f.infinity !== null) {
    if (magnitude === f.infinity) return sign * Infinity;
    if (magnitude > f.infinity) return NaN;
  } else if (f.nan !== null && f.negativeZero && magnitude === f.nan) return NaN;
  const exponent = magnitude >> f.mantissaBits;
  const mantissa = magnitude & ((1 << f.mantissaBits) - 1);
  return exponent === 0
    ? sign * mantissa * 2 ** (1 - f.bias - f.mantissaBits)
    : sign * (1 + mantissa * 2 ** -f.mantissaBits) * 2 ** (exponent - f.bias);
};

const TABLES = new Map<NarrowFloat, Float64Array>();

const tableOf = (dtype: NarrowFloat): Float64Array => {
  let table = TABLES.get(dtype);
  if (table === undefined) {
    const f = FORMATS[dtype];
    const size = 1 << (1 + f.exponentBits + f.mantissaBits);
    table = Float64Array.from({ length: size }, (_, bits) => decodeWith(f, bits));
    TABLES.set(dtype, table);
  }
  return table;
};

/** The decoded values of a narrow format, indexed by bits. */
export const decodeTable = tableOf;

/** Value of the bits of one narrow float. */
export const decodeFloat = (dtype: NarrowFloat, bits: number): number => tableOf(dtype)[bits]!;

const HALF = new Float64Array(1);
const HALF_WORDS = new Uint32Array(HALF.buffer);

const roundHalfEven = (x: number): number => {
  const floor = Math.floor(x);
  const rest = x - floor;
  if (rest > 0.5 || (rest === 0.5 && floor % 2 === 1)) return floor + 1;
  return floor;
};

/**
 * Bits of `value` in a narrow float format, rounded to nearest even.
 * With `saturate`, values past the largest finite one become it (infinity too, in float8);
 * without, they become infinity, or NaN where the format has no infinity.
 */
export function encodeFloat(dtype: NarrowFloat, value: number, saturate = dtype === "float4e2m1"): number {
  const f = FORMATS[dtype];
  const width = f.exponentBits + f.mantissaBits;
  const signBit = value < 0 || Object.is(value, -0) ? 1 << width : 0;
  if (Number.isNaN(value)) {
    if (f.nan === null) return f.max; // float4 has no NaN
    return f.nan;
  }
  const overflow = (): number => {
    if (saturate) return signBit | f.max;
    if (f.infinity !== null) return signBit | f.infinity;
    if (f.nan === null) return signBit | f.max;
    return f.negativeZero ? signBit | f.nan : f.nan;
  };
  const magnitude = Math.abs(value);
  if (magnitude === Infinity) return overflow();
  if (magnitude === 0) return f.negativeZero ? signBit : 0;
  HALF[0] = magnitude;
  const exponent = Math.max((HALF_WORDS[1]! >>> 20) - 1023, 1 - f.bias);
  // Steps of the target format at this exponent; subnormals share the least exponent's step.
  const steps = roundHalfEven(magnitude / 2 ** (exponent - f.mantissaBits));
  const bits = steps + ((exponent + f.bias - 1) << f.mantissaBits);
  if (bits > f.max) return overflow();
  if (bits === 0) return f.negativeZero ? signBit : 0;
  return signBit | bits;
}

/** float8e8m0: a power of two, 2^(bits - 127); 255 is NaN. */
export const decodeE8M0 = (bits: number): number => (bits === 255 ? NaN : 2 ** (bits - 127));
