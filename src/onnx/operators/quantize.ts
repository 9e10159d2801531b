/** Rules of linear quantisation. */
import { DTYPES, dtypeFromOnnx, type DType } from "../../ir/dtype.ts";
import type { TensorType } from "../../ir/types.ts";
import { checkOperandCount, sameShape, typedInput } from "./elementwise.ts";
import type { OpContext, OperatorRule, OperatorTable } from "./types.ts";

const FLOAT8: readonly DType[] = ["float8e4m3fn", "float8e4m3fnuz", "float8e5m2", "float8e5m2fnuz"];
const SMALL_INTEGERS: readonly DType[] = ["int8", "uint8", "int16", "uint16", "int4", "uint4", "int2", "uint2"];
const QUANTIZED: readonly DType[] = [...SMALL_INTEGERS, ...FLOAT8, "float4e2m1"];
const HIGH_PRECISION: readonly DType[] = ["float32", "float16", "bfloat16"];

interface Granularity {
  /** The axis that scales go along; -1 where one scale is for everything. */
  readonly axis: number;
  /** Elements of a block; 0 where each index of the axis has its own scale. */
  readonly blockSize: number;
}

/** How scales spread over x, from their shape. */
function granularity(n: OpContext, x: readonly number[], scale: readonly number[]): Granularity {
  const blockSize = n.int("block_size", 0);
  if (blockSize < 0) n.invalid(`attribute block_size must not be negative, got ${blockSize}`);
  if (scale.length === 0 || (blockSize === 0 && scale.every((dim) => dim === 1))) return { axis: -1, blockSize: 0 };
  // The first versions with an axis have it 1 by default, even where x has one dim only.
  const wanted = n.int("axis", 1);
  const axis = x.length === 1 ? 0 : n.axis(wanted, x.length);
  const along = x[axis] ?? n.invalid("a scalar cannot be quantised along an axis");
  if (blockSize === 0) {
    if (scale.length !== 1 || scale[0] !== along) {
      n.invalid(`the scale must be a scalar or have shape [${along}], got [${scale}]`);
    }
    return { axis, blockSize: 0 };
  }
  const expected = x.map((dim, d) => (d === axis ? Math.ceil(dim / blockSize) : dim));
  if (!sameShape(scale, expected)) n.invalid(`the scale of blocks must have shape [${expected}], got [${scale}]`);
  return { axis, blockSize };
}

/** Checks the zero point against the scale's shape; undefined where it is left out. */
function zeroPoint(n: OpContext, scale: TensorType): TensorType | undefined {
  if (!n.hasInput(2)) return undefined;
  const zero = n.input(2);
  const single = [zero.shape, scale.shape].every((shape) => shape.every((dim) => dim === 1));
  if (!single && !sameShape(zero.shape, scale.shape)) {
    n.invalid(`the zero point must have the scale's shape [${scale.shape}], got [${zero.shape}]`);
  }
  return zero;
}

/** The dtype of an integer attribute, or undefined where it is 0 or left out. */
function dtypeAttribute(n: OpContext, name: string): DType | undefined {
  const code = n.int(name, 0);
  if (code === 0) return undefined;
  return dtypeFromOnnx(code) ?? n.invalid(`attribute ${name} is ${code}, which is no element type`);
}

/** Division by an integer or a bare power of two has no precision of its own. */
const divisionPrecision = (n: OpContext, x: DType, scale: DType): DType => {
  const asked = dtypeAttribute(n, "precision");
  if (asked !== undefined && !HIGH_PRECISION.includes(asked)) n.invalid(`attribute precision must not be ${asked}`);
  const own = [scale, x].find((dtype) => HIGH_PRECISION.includes(dtype));
  return asked ?? own ?? "float32";
};

export const quantizeLinear: OperatorRule = (n) => {
  checkOperandCount(n, 2, 3);
  const x = typedInput(n, 0, [...HIGH_PRECISION, "int32"]);
  const scale = typedInput(n, 1, [...HIGH_PRECISION, "int32", "float8e8m0"]);
  const zero = zeroPoint(n, scale);
  const asked = dtypeAttribute(n, "output_dtype");
  if (asked !== undefined && zero !== undefined && asked !== zero.dtype) {
    n.invalid(`output_dtype is ${asked}, but the zero point is ${zero.dtype}`);
  }
  const dtype = zero?.dtype ?? asked ?? "uint8";
  if (!QUANTIZED.includes(dtype)) n.invalid(`cannot quantise to ${dtype}`);
  return {
    outputs: [{ dtype, shape: x.shape }],
    kernel: "QuantizeLinear",
    attrs: {
      ...granularity(n, x.shape, scale.shape),
      precision: divisionPrecision(n, x.dtype, scale.dtype),
      saturate: n.int("saturate", 1) !== 0,
    },
  };
};

export const dequantizeLinear: OperatorRule = (n) => {
  checkOperandCount(n, 2, 3);
  const x = typedInput(n, 0, [...QUANTIZED, "int32"]);
  const scale = typedInput(n, 1, [...HIGH_PRECISION, "float8e8m0"]);
  const zero = zeroPoint(n, scale);
  if (zero !== undefined && zero.dtype !== x.dtype) n.invalid(`the zero point must be ${x.dtype}, got ${zero.dtype}`);
  const dtype = dtypeAttribute(n, "output_dtype") ?? scale.dtype;
  if (!HIGH_PRECISION.includes(dtype)) n.invalid(`cannot dequantise to ${dtype}`);
  return {
    outputs: [{ dtype, shape: x.shape }],
    kernel: "DequantizeLinear",
    attrs: { ...granularity(n, x.shape, scale.shape) },
    inPlace: DTYPES[dtype].bits === DTYPES[x.dtype].bits ? [0] : [],
    flops: 2 * x.shape.reduce((product, dim) => product * dim, 1),
  };
};

const dynamicQuantizeLinear: OperatorRule = (n) => {
  checkOperandCount(n, 1);
  const { shape } = typedInput(n, 0, ["float32"]);
  return {
    outputs: [
      { dtype: "uint8", shape },
      { dtype: "float32", shape: [] },
      { dtype: "uint8", shape: [] },
    ],
    flops: 4 * shape.reduce((product, dim) => product * dim, 1),
  };
};

export const quantizeOperators: OperatorTable = {
  DequantizeLinear: dequantizeLinear,
  DynamicQuantizeLinear: dynamicQuantizeLinear,
  QuantizeLinear: quantizeLinear,
};
