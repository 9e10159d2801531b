/** Linear quantisation: one scale for all, one an index of an axis, or one a block. */
import { DTYPES, isFloat, type DType } from "../../../ir/dtype.ts";
import { sizeOf } from "../../../kernels/access.ts";
import { intAttr } from "../../../kernels/attributes.ts";
import { broadcastWalk, elementwise, isElement, scalarOf, type ElementwiseOperand } from "./elementwise.ts";
import { withMath } from "./math.ts";
import { single } from "./moves.ts";
import { fold } from "./reduction.ts";
import { roundingFunctions } from "./words.ts";
import type { CallShape, OperandShape, WgslCall, WgslDispatch, WgslKernel, WgslTable } from "./types.ts";

/** WGSL (i32) of the index of the scale of element `e`. */
function scaleIndex({ attrs }: CallShape, shape: readonly number[]): string {
  const axis = intAttr(attrs, "axis");
  if (axis < 0) return "0";
  const inner = sizeOf(shape.slice(axis + 1));
  const along = `((e / ${inner}u) % ${shape[axis]}u)`;
  const blockSize = intAttr(attrs, "blockSize");
  if (blockSize === 0) return `i32(${along})`;
  const blocks = Math.ceil(shape[axis]! / blockSize);
  return `i32(((e / ${inner * shape[axis]!}u) * ${blocks}u + ${along} / ${blockSize}u) * ${inner}u + e % ${inner}u)`;
}

const NARROW_INTEGERS: readonly DType[] = ["int8", "uint8", "int16", "uint16"];

/** Types that shaders have no loads for: two or four in a byte. */
const isPackedInteger = (dtype: DType): boolean => DTYPES[dtype].bits < 8 && /^u?int/.test(dtype);

/** An operand whose elements the body loads by `value_N(i: i32) -> f32 or i32`. */
function loaded(
  input: number,
  n: number,
  { dtype, shape }: OperandShape,
): { operand: ElementwiseOperand; functions: string } {
  const { bits, class: kind } = DTYPES[dtype];
  const name = `value_${n}`;
  const operand = { from: { input }, dtype: bits < 8 ? ("int32" as const) : dtype, size: sizeOf(shape), walk: null };
  if (bits >= 8) {
    const scalar = scalarOf(dtype);
    const text = scalar === "u32" ? `i32(load_in${n}(i))` : `load_in${n}(i)`;
    return { operand, functions: `fn ${name}(i: i32) -> ${scalar === "f32" ? "f32" : "i32"} { return ${text}; }` };
  }
  const shift = Math.log2(32 / bits);
  const at = `u32(i & ${2 ** shift - 1}) * ${bits}u, ${bits}u`;
  const word = `load_in${n}(i >> ${shift}u)`;
  const text = kind === "int" ? `extractBits(${word}, ${at})` : `i32(extractBits(bitcast<u32>(${word}), ${at}))`;
  return { operand, functions: `fn ${name}(i: i32) -> i32 { return ${text}; }` };
}

const PRECISIONS: Readonly<Record<string, string>> = {
  float32: "fn toPrecision(x: f32) -> f32 { return x; }",
  float16: `${roundingFunctions}fn toPrecision(x: f32) -> f32 { return unpack2x16float(f16Bits(x)).x; }`,
  bfloat16: `${roundingFunctions}fn toPrecision(x: f32) -> f32 { return bitcast<f32>(bf16Bits(x) << 16u); }`,
};

/** WGSL of `quantized(quotient: f32, zero: i32)`: to nearest even, within the type; NaN becomes the least value. */
function quantizing(dtype: DType): string {
  const { bits, class: kind } = DTYPES[dtype];
  const low = kind === "int" ? -(2 ** (bits - 1)) : 0;
  const high = low + 2 ** bits - 1;
  const scalar = scalarOf(dtype);
  return `fn quantized(quotient: f32, zero: i32) -> ${scalar} {
  let value = select(clamp(round(quotient) + f32(zero), f32(${low}), f32(${high})), f32(${low}), isNotANumber(quotient));
  return ${scalar}(value);
}`;
}

/** Operands x, scale, zero point (optional); attributes also precision. */
const quantizeLinear: WgslKernel = (call) => {
  const [x, scale, zero] = call.inputs;
  const [y] = call.outputs;
  const precision = PRECISIONS[String(call.attrs.get("precision"))];
  if (!x || !scale || !y || precision === undefined || !NARROW_INTEGERS.includes(y.dtype)) return undefined;
  if (!isElement(x.dtype) || !isElement(scale.dtype) || !isFloat(scale.dtype) || scalarOf(x.dtype) === "vec2<u32>")
    return undefined;
  const operands = [scale, ...(zero ? [zero] : [])].map((type, k) => loaded(k + 1, k + 1, type));
  return single(
    elementwise({
      label: "QuantizeLinear",
      // Rounding to narrow floats is long.
      heavy: call.attrs.get("precision") !== "float32",
      writes: { output: 0 },
      dtype: y.dtype,
      shape: y.shape,
      operands: [
        { from: { input: 0 }, dtype: x.dtype, size: sizeOf(x.shape), walk: broadcastWalk(x.shape, x.shape) },
        ...operands.map(({ operand }) => operand),
      ],
      functions: [precision, quantizing(y.dtype), ...operands.map(({ functions }) => functions)].join("\n"),
      body: `let s = ${scaleIndex(call, y.shape)};
  return quantized(toPrecision(nearestQuotient(toPrecision(f32(a)), toPrecision(value_1(s)))), ${zero ? "value_2(s)" : "0"});`,
    }),
  );
};

/** Operands x, scale, zero point (optional). */
const dequantizeLinear: WgslKernel = (call) => {
  const [x, scale, zero] = call.inputs;
  const [y] = call.outputs;
  if (!x || !scale || !y || !isElement(y.dtype) || !isElement(scale.dtype) || !isFloat(scale.dtype)) return undefined;
  const known = NARROW_INTEGERS.includes(x.dtype) || x.dtype === "int32" || isPackedInteger(x.dtype);
  if (!known) return undefined;
  const packed = DTYPES[x.dtype].bits < 8;
  const source = loaded(0, 0, x);
  const operands = [scale, ...(zero ? [zero] : [])].map((type, k) => loaded(k + 1, k + 1, type));
  const flat = { from: { input: 0 }, dtype: x.dtype, size: sizeOf(x.shape), walk: broadcastWalk(x.shape, x.shape) };
  return single(
    elementwise({
      label: "DequantizeLinear",
      writes: { output: 0 },
      dtype: y.dtype,
      shape: y.shape,
      operands: [packed ? source.operand : flat, ...operands.map(({ operand }) => operand)],
      functions: [...(packed ? [source.functions] : []), ...operands.map(({ functions }) => functions)].join("\n"),
      body: `let s = ${scaleIndex(call, y.shape)};
  return f32(${packed ? "value_0(i32(e))" : "i32(a)"}${zero ? " - value_2(s)" : ""}) * value_1(s);`,
    }),
  );
};

/** Scale and zero point of a range, as WGSL. */
const RANGE = `fn scaleOf(low: f32, high: f32) -> f32 {
  let span = high - low;
  return nearestQuotient(select(span, 1.0, span == 0.0), 255.0);
}
fn zeroOf(low: f32, scale: f32) -> i32 { return i32(round(clamp(-nearestQuotient(low, scale), 0.0, 255.0))); }`;

/** Operand x in float32; results y in uint8, its scale, its zero point. The range always includes 0. */
const dynamicQuantizeLinear: WgslKernel = ({ inputs: [x], outputs: [y, scale, zero] }): WgslCall | undefined => {
  if (!x || x.dtype !== "float32") return undefined;
  const operand = { from: { input: 0 }, dtype: x.dtype, shape: [sizeOf(x.shape)] };
  const extreme = (label: string, sign: string, temporary: number, next: number): ReturnType<typeof fold> =>
    fold(
      {
        label: `DynamicQuantizeLinear/${label}`,
        state: "f32",
        empty: "0.0",
        // NaN is neither below nor above.
        take: `select(0.0, x, x ${sign} 0.0)`,
        join: `${label}(p, q)`,
        finish: "p",
        segments: "float32",
      },
      operand,
      [0],
      { temporary },
      "float32",
      next,
    );
  const low = extreme("min", "<", 0, 2);
  const high = extreme("max", ">", 1, 2 + low.temporaries.length);
  const ends = [
    { name: "low", from: { temporary: 0 } },
    { name: "high", from: { temporary: 1 } },
  ];
  const one = (label: string, output: number, value: string): WgslDispatch => ({
    label: `DynamicQuantizeLinear/${label}`,
    writes: { output },
    reads: ends,
    workgroupSize: [1, 1, 1],
    workgroups: [1, 1, 1],
    code: withMath(`${RANGE}
fn kernel(index: i32) { let scale = scaleOf(low[0], high[0]); result[index] = ${value}; }`),
  });
  const single: OperandShape = { dtype: "float32", shape: [1] };
  const dispatches = [...low.dispatches, ...high.dispatches];
  if (scale) dispatches.push(one("scale", 1, "scale"));
  if (zero) dispatches.push(one("zero", 2, "zeroOf(low[0], scale)"));
  if (y)
    dispatches.push(
      elementwise({
        label: "DynamicQuantizeLinear",
        writes: { output: 0 },
        dtype: "uint8",
        shape: x.shape,
        operands: [
          { from: { input: 0 }, dtype: "float32", size: sizeOf(x.shape), walk: broadcastWalk(x.shape, x.shape) },
          ...[0, 1].map((temporary) => ({
            from: { temporary },
            dtype: "float32" as const,
            size: 1,
            walk: broadcastWalk([], x.shape),
          })),
        ],
        functions: `${RANGE}\n${quantizing("uint8")}`,
        body: "let scale = scaleOf(b, c); return quantized(nearestQuotient(a, scale), zeroOf(b, scale));",
      }),
    );
  return { temporaries: [single, single, ...low.temporaries, ...high.temporaries], dispatches };
};

export const quantizeKernels: WgslTable = {
  DequantizeLinear: dequantizeLinear,
  DynamicQuantizeLinear: dynamicQuantizeLinear,
  QuantizeLinear: quantizeLinear,
};
