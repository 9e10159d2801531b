/** QLinearAdd, QLinearMul, QLinearSigmoid and QLinearLeakyRelu of com.microsoft: decode, compute, quantise again, in float32. */
import { DTYPES } from "../ir/dtype.ts";
import { broadcastStrides, forEachIndex, reader, writer } from "./access.ts";
import { activation } from "./rnn-activations.ts";
import type { Kernel, KernelTable, Tensor } from "./types.ts";

type Optional = Tensor | null | undefined;

const first = (tensor: Optional, absent: number): number => (tensor ? reader(tensor)(0) : absent);

/** Reads element `i` as (value - zero point) * scale. */
function decoder(tensor: Tensor, scale: Optional, zero: Optional): (i: number) => number {
  const read = reader(tensor);
  const [factor, middle] = [first(scale, 1), first(zero, 0)];
  return (i) => Math.fround(factor * (read(i) - middle));
}

/** Writes element `i` as round(value / scale) + zero point, ties to even, saturated. */
function encoder(tensor: Tensor, scale: Optional, zero: Optional): (i: number, value: number) => void {
  const write = writer(tensor);
  const { bits, class: kind } = DTYPES[tensor.dtype];
  const [low, high] = kind === "int" ? [-(2 ** (bits - 1)), 2 ** (bits - 1) - 1] : [0, 2 ** bits - 1];
  const [factor, middle] = [first(scale, 1), first(zero, 0)];
  return (i, value) => {
    // In the precision of the scales, so that ties fall as they do in float32.
    const scaled = Math.fround(Math.fround(value) / factor);
    let rounded = Math.round(scaled);
    if (rounded - scaled === 0.5 && rounded % 2 !== 0) rounded--;
    write(i, Math.min(high, Math.max(low, rounded + middle)));
  };
}

/** Operands: A, its scale and zero point, B, its scale and zero point, then the result's. */
const binary =
  (apply: (a: number, b: number) => number): Kernel =>
  ({ inputs, outputs }) => {
    const [a, aScale, aZero, b, bScale, bZero, yScale, yZero] = inputs;
    const y = outputs[0]!;
    const [readA, readB] = [decoder(a!, aScale, aZero), decoder(b!, bScale, bZero)];
    const write = encoder(y, yScale, yZero);
    const strides = [broadcastStrides(a!.shape, y.shape), broadcastStrides(b!.shape, y.shape)];
    forEachIndex(y.shape, strides, (i, [p = 0, q = 0]) => write(i, apply(readA(p), readB(q))));
  };

/** Operands: X, its scale and zero point, then the result's. */
const unary: Kernel = ({ inputs, outputs, attrs }) => {
  const [x, xScale, xZero, yScale, yZero] = inputs;
  const y = outputs[0]!;
  const act = activation(String(attrs.get("activation")), Number(attrs.get("alpha")), 0);
  const read = decoder(x!, xScale, xZero);
  const write = encoder(y, yScale, yZero);
  forEachIndex(y.shape, [], (i) => write(i, act(read(i))));
};

export const qLinearKernels: KernelTable = {
  QLinearActivation: unary,
  QLinearAdd: binary((a, b) => a + b),
  QLinearMul: binary((a, b) => a * b),
};
