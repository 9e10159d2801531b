/**
 * Linear quantisation. Which scale an element has is told by attributes axis and blockSize: one for
 * the whole tensor (axis -1), one for each index of an axis (blockSize 0), or one for each block.
 */
import { DTYPES, isInteger, type DType } from "../ir/dtype.ts";
import { reader, sizeOf, writer } from "./access.ts";
import { floatWriter } from "./cast.ts";
import { numberAttr, operand, result } from "./elementwise.ts";
import { precisionOf, roundHalfEven } from "./rounding.ts";
import type { Kernel, KernelCall, KernelTable, Tensor } from "./types.ts";

/** Calls `visit` for runs of `count` elements from `at`; run element i has scale `scaleAt + i * scaleStep`. */
function forEachScaleRun(
  call: KernelCall,
  shape: readonly number[],
  visit: (at: number, count: number, scaleAt: number, scaleStep: number) => void,
): void {
  const axis = numberAttr(call.attrs, "axis");
  if (axis < 0) return visit(0, sizeOf(shape), 0, 0);
  const blockSize = numberAttr(call.attrs, "blockSize");
  const length = shape[axis]!;
  const outer = sizeOf(shape.slice(0, axis));
  const inner = sizeOf(shape.slice(axis + 1));
  const blocks = blockSize === 0 ? 0 : Math.ceil(length / blockSize);
  for (let o = 0; o < outer; o++) {
    for (let c = 0; c < length; c++) {
      const at = (o * length + c) * inner;
      if (blockSize === 0) visit(at, inner, c, 0);
      else visit(at, inner, (o * blocks + Math.floor(c / blockSize)) * inner, 1);
    }
  }
}

/** Least and greatest value of an integer type of up to 32 bits. */
const rangeOf = (dtype: DType): readonly [number, number] => {
  const { bits, class: kind } = DTYPES[dtype];
  return kind === "int" ? [-(2 ** (bits - 1)), 2 ** (bits - 1) - 1] : [0, 2 ** bits - 1];
};

/** NaN, which no integer can hold, becomes the least value. */
const clamp = (x: number, low: number, high: number): number => (x > high ? high : x >= low ? x : low);

const zeroPointReader = (zero: Tensor | null | undefined): ((i: number) => number) => (zero ? reader(zero) : () => 0);

/** Operands x, scale, zero point (optional); attributes also precision (dtype of the division), saturate. */
const quantizeLinear: Kernel = (call) => {
  const x = operand(call, 0);
  const y = result(call);
  const round = precisionOf(call.attrs.get("precision") as DType);
  const read = reader(x);
  const readScale = reader(operand(call, 1));
  const readZero = zeroPointReader(call.inputs[2]);
  const toInteger = isInteger(y.dtype);
  const write = toInteger
    ? writer(y)
    : floatWriter(y, { saturate: call.attrs.get("saturate") !== false, rounding: "up" });
  const [low, high] = toInteger ? rangeOf(y.dtype) : [0, 0];
  forEachScaleRun(call, y.shape, (at, count, scaleAt, scaleStep) => {
    for (let i = 0; i < count; i++) {
      const s = scaleAt + i * scaleStep;
      const quotient = round(round(read(at + i)) / round(readScale(s)));
      if (toInteger) write(at + i, clamp(roundHalfEven(quotient) + readZero(s), low, high));
      else write(at + i, quotient + readZero(s));
    }
  });
};

/** Operands x, scale, zero point (optional). The difference is rounded to float32, the product to y's type. */
const dequantizeLinear: Kernel = (call) => {
  const y = result(call);
  const read = reader(operand(call, 0));
  const readScale = reader(operand(call, 1));
  const readZero = zeroPointReader(call.inputs[2]);
  const write = writer(y);
  forEachScaleRun(call, y.shape, (at, count, scaleAt, scaleStep) => {
    for (let i = 0; i < count; i++) {
      const s = scaleAt + i * scaleStep;
      write(at + i, Math.fround(read(at + i) - readZero(s)) * readScale(s));
    }
  });
};

/** Operand x in float32; results y in uint8, its scale, its zero point. The range always includes 0. */
const dynamicQuantizeLinear: Kernel = (call) => {
  const x = operand(call, 0);
  const [y, scaleOut, zeroOut] = call.outputs;
  const data = x.data as Float32Array;
  let low = 0;
  let high = 0;
  for (const value of data) {
    if (value < low) low = value;
    if (value > high) high = value;
  }
  const span = Math.fround(high - low);
  const scale = Math.fround((span === 0 ? 1 : span) / 255);
  const zero = roundHalfEven(clamp(Math.fround(-Math.fround(low / scale)), 0, 255));
  if (y) {
    for (let i = 0; i < data.length; i++) {
      y.data[i] = clamp(roundHalfEven(Math.fround(data[i]! / scale)) + zero, 0, 255);
    }
  }
  if (scaleOut) scaleOut.data[0] = scale;
  if (zeroOut) zeroOut.data[0] = zero;
};

export const quantizeKernels: KernelTable = {
  DequantizeLinear: dequantizeLinear,
  DynamicQuantizeLinear: dynamicQuantizeLinear,
  QuantizeLinear: quantizeLinear,
};
