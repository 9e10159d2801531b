/** Gelu fused with a bias, the elementwise gradients of activations, and the old ImageScaler. */
import { reader, sizeOf, writer } from "./access.ts";
import { gelu, geluTanh } from "./activations.ts";
import { binaryKernel, forEachRow, numberAttr, operand, result } from "./elementwise.ts";
import { erfc } from "./erf.ts";
import type { Kernel, KernelTable } from "./types.ts";

const ROOT_2_BY_PI = Math.sqrt(2 / Math.PI);
const ROOT_2_PI = Math.sqrt(2 * Math.PI);

const geluSlope = (x: number): number => 0.5 * erfc(-x * Math.SQRT1_2) + (x * Math.exp(-0.5 * x * x)) / ROOT_2_PI;

const geluTanhSlope = (x: number): number => {
  const t = Math.tanh(ROOT_2_BY_PI * (x + 0.044715 * x ** 3));
  return 0.5 * (1 + t) + 0.5 * x * (1 - t * t) * ROOT_2_BY_PI * (1 + 3 * 0.044715 * x * x);
};

/** Operands x, bias; attribute approximate. */
const biasGelu = binaryKernel((_x, _bias, attrs) => {
  const f = attrs.get("approximate") === "tanh" ? geluTanh : gelu;
  return { number: (x, bias) => f(x + bias) };
});

/** Operands dY, x and, in the biased form, bias; attribute approximate. */
const geluGrad: Kernel = (call) => {
  const slope = call.attrs.get("approximate") === "tanh" ? geluTanhSlope : geluSlope;
  const operands = call.inputs.map((_, i) => operand(call, i));
  const [readGradient, readX, readBias] = operands.map(reader);
  const y = result(call);
  const write = writer(y);
  if (!readGradient || !readX) return;
  forEachRow(
    y.shape,
    operands.map((tensor) => tensor.shape),
    (at, count, offsets, steps) => {
      for (let i = 0; i < count; i++) {
        const bias = readBias ? readBias(offsets[2]! + i * steps[2]!) : 0;
        const x = readX(offsets[1]! + i * steps[1]!) + bias;
        write(at + i, readGradient(offsets[0]! + i * steps[0]!) * slope(x));
      }
    },
  );
};

/** Attributes scale and bias, one bias a channel (dim 1). */
const imageScaler: Kernel = (call) => {
  const x = operand(call, 0);
  const scale = numberAttr(call.attrs, "scale");
  const bias = call.attrs.get("bias") as readonly number[];
  const [read, write] = [reader(x), writer(result(call))];
  const plane = sizeOf(x.shape.slice(2));
  const count = sizeOf(x.shape);
  for (let i = 0; i < count; i++) write(i, read(i) * scale + bias[Math.floor(i / plane) % bias.length]!);
};

export const fusedElementwiseKernels: KernelTable = {
  BiasGelu: biasGelu,
  GeluGrad: geluGrad,
  ImageScaler: imageScaler,
  /** Operands dY and the activation's operand or result: both have the same sign. */
  ReluGrad: binaryKernel(() => ({ number: (gradient, x) => (x > 0 ? gradient : 0) })),
  /** Operands dY, y. */
  SigmoidGrad: binaryKernel(() => ({ number: (gradient, y) => gradient * y * (1 - y) })),
  /** Operands dY, y. */
  TanhGrad: binaryKernel(() => ({ number: (gradient, y) => gradient * (1 - y * y) })),
};
