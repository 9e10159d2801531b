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
  float8e5m2: { exponentBits: 5, mantissaBits: 2, bias: 15, infinity: 0x7c, nan: 0x7e, max: 0x7b, negativeZero: true },
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

const NEGATIVE_ZERO_4 = 0x8;

const DOUBLE = new Float64Array(1);
const DOUBLE_WORDS = new Uint32Array(DOUBLE.buffer);

/** floor(log2(magnitude)) of a normal double; -1023 for zero and subnormals. */
const exponentOf = (magnitude: number): number => {
  DOUBLE[0] = magnitude;
  return (DOUBLE_WORDS[1]! >>> 20) - 1023;
};

/** POWERS[k] is 2^(k - POWERS_ZERO): a look-up where `**` would be slow. */
const POWERS_ZERO = 160;
const POWERS = Float64Array.from({ length: 2 * POWERS_ZERO + 1 }, (_, k) => 2 ** (k - POWERS_ZERO));

const roundHalfEven = (x: number): number => {
  const floor = Math.floor(x);
  const rest = x - floor;
  if (rest > 0.5 || (rest === 0.5 && floor % 2 === 1)) return floor + 1;
  return floor;
};

/**
 * Bits of `value` in a narrow float format, rounded to nearest even.
 * With `saturate`, values past the largest finite one become it, infinity too; without, they become
 * infinity, or NaN where the format has no infinity. float4e2m1, which has neither, always saturates;
 * NaN becomes its negative zero, as in the data of ONNX's own tests.
 */
export function encodeFloat(dtype: NarrowFloat, value: number, saturate = dtype === "float4e2m1"): number {
  const f = FORMATS[dtype];
  if (Number.isNaN(value)) return f.nan ?? NEGATIVE_ZERO_4;
  const width = f.exponentBits + f.mantissaBits;
  const signBit = value < 0 || Object.is(value, -0) ? 1 << width : 0;
  const magnitude = Math.abs(value);
  const exponent = Math.max(exponentOf(magnitude), 1 - f.bias);
  // Also keeps the power below in the table: no narrow format reaches 2^129.
  if (exponent > 128) return overflow(f, signBit, saturate);
  // Steps of the target format at this exponent; subnormals share the least exponent's step.
  const steps = roundHalfEven(magnitude * POWERS[POWERS_ZERO + f.mantissaBits - exponent]!);
  const bits = steps + ((exponent + f.bias - 1) << f.mantissaBits);
  if (bits > f.max) return overflow(f, signBit, saturate);
  return bits === 0 && !f.negativeZero ? 0 : signBit | bits;
}

const overflow = (f: Format, signBit: number, saturate: boolean): number => {
  if (saturate || (f.infinity === null && f.nan === null)) return signBit | f.max;
  if (f.infinity !== null) return signBit | f.infinity;
  // The one NaN of a `uz` format is the bits of negative zero.
  return f.negativeZero ? signBit | (f.nan ?? 0) : (f.nan ?? 0);
};

/** float8e8m0: a power of two, 2^(bits - 127); 255 is NaN. */
export const decodeE8M0 = (bits: number): number => (bits === 255 ? NaN : 2 ** (bits - 127));

/** How a value between two powers of two becomes one of them; at the middle, `nearest` goes up. */
export type E8M0Rounding = "up" | "down" | "nearest";

const E8M0_NAN = 255;

/**
 * Bits of the power of two that |value| rounds to in float8e8m0. With `saturate`, results outside
 * [2^-127, 2^127] become the nearer end, zero and infinity included; without, they become NaN.
 * The format has no sign, and ONNX leaves negative values undefined: their magnitude is taken.
 */
export function encodeE8M0(value: number, saturate: boolean, rounding: E8M0Rounding): number {
  if (Number.isNaN(value)) return E8M0_NAN;
  const magnitude = Math.abs(value);
  if (magnitude < 2 ** -1022) return saturate ? 0 : E8M0_NAN;
  const exponent = exponentOf(magnitude);
  const fraction = magnitude === Infinity ? 0 : magnitude / 2 ** exponent - 1;
  const up = rounding === "up" ? fraction > 0 : rounding === "nearest" && fraction >= 0.5;
  const rounded = exponent + (up ? 1 : 0);
  if (rounded < -127) return saturate ? 0 : E8M0_NAN;
  if (rounded > 127) return saturate ? 254 : E8M0_NAN;
  return rounded + 127;
}
