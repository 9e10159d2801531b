/**
 * Which steps TensorFlow.js's wasm kernels compute, and with what arguments. Only forms where they
 * are known to be right (float32, low rank, the shapes below); every other step runs our reference
 * kernel on the same heap. Each row is compared with the reference kernel in tfjs-kernels.test.ts.
 */
import type { AttrValue } from "../../ir/types.ts";
import type { Tensor } from "../../kernels/types.ts";

export interface TfjsOperand {
  /** Operand position. */
  readonly at: number;
  /** Shape to show it in; same element count. */
  readonly shape: readonly number[];
}

export interface TfjsCall {
  readonly kernel: string;
  readonly inputs: Readonly<Record<string, TfjsOperand>>;
  readonly output: readonly number[];
  readonly attrs: object;
  /** Operands (positions) that TensorFlow.js packs on the first call and never reads again: they must be weights. */
  readonly packed?: readonly number[];
}

export interface StepShape {
  readonly inputs: readonly (Pick<Tensor, "dtype" | "shape"> | null)[];
  readonly outputs: readonly (Pick<Tensor, "dtype" | "shape"> | null)[];
  readonly attrs: ReadonlyMap<string, AttrValue>;
}

type Selector = (step: StepShape) => TfjsCall | undefined;

const sizeOf = (shape: readonly number[]): number => shape.reduce((product, dim) => product * dim, 1);

export const isAllFloat32 = ({ inputs, outputs }: StepShape): boolean =>
  [...inputs, ...outputs].every((tensor) => tensor === null || tensor.dtype === "float32") &&
  [...inputs, ...outputs].every((tensor) => tensor === null || sizeOf(tensor.shape) > 0);

export const ints = (attrs: StepShape["attrs"], name: string): readonly number[] | undefined => {
  const value = attrs.get(name);
  return Array.isArray(value) && value.every((item) => typeof item === "number")
    ? (value as readonly number[])
    : undefined;
};

/** Same arrays: TensorFlow.js's `pad` of explicit paddings, NHWC. */
const explicitPad = (pads: readonly number[]): number[][] => [
  [0, 0],
  [pads[0]!, pads[2]!],
  [pads[1]!, pads[3]!],
  [0, 0],
];

const conv: Selector = ({ inputs, outputs, attrs }) => {
  const [x, filter, bias] = inputs;
  const output = outputs[0];
  const strides = ints(attrs, "strides");
  const pads = ints(attrs, "pads");
  const dilations = ints(attrs, "dilations");
  const group = attrs.get("group");
  if (
    !x ||
    !filter ||
    !output ||
    x.shape.length !== 4 ||
    strides?.length !== 2 ||
    pads?.length !== 4 ||
    dilations?.length !== 2
  )
    return undefined;
  if (pads.some((pad) => pad < 0)) return undefined;
  const channels = x.shape[3]!;
  const depthwise = group === channels && group > 1;
  if (group !== 1 && !depthwise) return undefined;
  const activation = attrs.get("activation") ?? "none";
  const named = { none: "linear", relu: "relu", relu6: "relu6" }[String(activation)];
  if (named === undefined) return undefined;
  const [kh, kw, , out] = filter.shape as [number, number, number, number];
  const filterShape = depthwise ? [kh, kw, channels, out / channels] : filter.shape;
  return {
    kernel: depthwise ? "FusedDepthwiseConv2D" : "FusedConv2D",
    inputs: {
      x: { at: 0, shape: x.shape },
      filter: { at: 1, shape: filterShape },
      ...(bias ? { bias: { at: 2, shape: bias.shape } } : {}),
    },
    output: output.shape,
    packed: bias ? [1, 2] : [1],
    attrs: {
      strides: [...strides],
      pad: explicitPad(pads),
      dataFormat: "NHWC",
      dilations: [...dilations],
      dimRoundingMode: "floor",
      activation: named,
      leakyreluAlpha: 0,
    },
  };
};

/** [..., m, k] x [..., k, n] as [batch, m, k] x [batch or 1, k, n]; only what needs no broadcasting of batches. */
const matmul: Selector = ({ inputs, outputs }) => {
  const [a, b] = inputs;
  const output = outputs[0];
  if (!a || !b || !output || a.shape.length < 2 || b.shape.length < 2) return undefined;
  const [m, k] = a.shape.slice(-2) as [number, number];
  const n = b.shape.at(-1)!;
  const batchA = sizeOf(a.shape.slice(0, -2));
  const batchB = sizeOf(b.shape.slice(0, -2));
  const attrs = { transposeA: false, transposeB: false, activation: "linear", leakyreluAlpha: 0 };
  if (batchB === 1) {
    const rows = batchA * m;
    return {
      kernel: "_FusedMatMul",
      inputs: { a: { at: 0, shape: [1, rows, k] }, b: { at: 1, shape: [1, k, n] } },
      output: [1, rows, n],
      attrs,
      packed: [1],
    };
  }
  const same = a.shape.length === b.shape.length && a.shape.slice(0, -2).every((dim, d) => dim === b.shape[d]);
  if (!same) return undefined;
  return {
    kernel: "_FusedMatMul",
    inputs: { a: { at: 0, shape: [batchA, m, k] }, b: { at: 1, shape: [batchB, k, n] } },
    output: [batchA, m, n],
    attrs,
  };
};

/** Gemm with alpha and beta 1 and no bias or one of rank 1. */
const gemm: Selector = ({ inputs, outputs, attrs }) => {
  const [a, b, c] = inputs;
  const output = outputs[0];
  if (!a || !b || !output || a.shape.length !== 2 || b.shape.length !== 2) return undefined;
  if (attrs.get("alpha") !== 1 || (c && attrs.get("beta") !== 1)) return undefined;
  const n = output.shape[1]!;
  const plain = !attrs.get("transA") && !attrs.get("transB");
  if (c && !(sizeOf(c.shape) === n && c.shape.at(-1) === n)) return undefined;
  return {
    kernel: "_FusedMatMul",
    inputs: {
      a: { at: 0, shape: [1, ...a.shape] },
      b: { at: 1, shape: [1, ...b.shape] },
      ...(c ? { bias: { at: 2, shape: [n] } } : {}),
    },
    output: [1, ...output.shape],
    ...(plain ? { packed: c ? [1, 2] : [1] } : {}),
    attrs: {
      transposeA: Boolean(attrs.get("transA")),
      transposeB: Boolean(attrs.get("transB")),
      activation: "linear",
      leakyreluAlpha: 0,
    },
  };
};

const pool =
  (name: string): Selector =>
  ({ inputs, outputs, attrs }) => {
    const [x] = inputs;
    const output = outputs[0];
    const kernel = ints(attrs, "kernel_shape");
    const strides = ints(attrs, "strides");
    const pads = ints(attrs, "pads");
    const dilations = ints(attrs, "dilations") ?? [1, 1];
    if (!x || !output || x.shape.length !== 4 || kernel?.length !== 2 || strides?.length !== 2 || pads?.length !== 4)
      return undefined;
    if (outputs.length > 1 && outputs[1]) return undefined;
    // A window of one element is TensorFlow.js's identity, which makes no result.
    if (kernel.every((size) => size === 1)) return undefined;
    // TensorFlow.js averages over what is inside.
    if (name === "AvgPool" && Boolean(attrs.get("count_include_pad")) && pads.some((pad) => pad !== 0))
      return undefined;
    if (dilations.some((dilation) => dilation !== 1) || pads.some((pad) => pad < 0)) return undefined;
    // A window that lies wholly in the padding (ceil_mode) has no defined result there.
    for (const d of [0, 1]) {
      const size = x.shape[d + 1]! + pads[d]! + pads[d + 2]!;
      if (Math.floor((size - kernel[d]!) / strides[d]!) + 1 !== output.shape[d + 1]) return undefined;
    }
    return {
      kernel: name,
      inputs: { x: { at: 0, shape: x.shape } },
      output: output.shape,
      attrs: { filterSize: [...kernel], strides: [...strides], pad: explicitPad(pads), dimRoundingMode: "floor" },
    };
  };

/** Softmax over the last axis. */
const softmax: Selector = ({ inputs, outputs, attrs }) => {
  const [x] = inputs;
  const output = outputs[0];
  const last = x?.shape.at(-1);
  if (!x || !output || last === undefined || attrs.get("count") !== last || attrs.get("inner") !== 1) return undefined;
  const shape = [sizeOf(x.shape) / last, last];
  return { kernel: "Softmax", inputs: { logits: { at: 0, shape } }, output: shape, attrs: { dim: 1 } };
};

const transpose: Selector = ({ inputs, outputs, attrs }) => {
  const [x] = inputs;
  const output = outputs[0];
  const perm = ints(attrs, "perm");
  if (!x || !output || perm === undefined || x.shape.length < 2 || x.shape.length > 4) return undefined;
  // TensorFlow.js drops size-1 dims, and then returns a permutation that moves nothing as a copy of its own making.
  const squeezed = perm.filter((d) => x.shape[d] !== 1);
  if (squeezed.every((d, i) => i === 0 || d > squeezed[i - 1]!)) return undefined;
  return {
    kernel: "Transpose",
    inputs: { x: { at: 0, shape: x.shape } },
    output: output.shape,
    attrs: { perm: [...perm] },
  };
};

const binary =
  (kernel: string): Selector =>
  ({ inputs, outputs, attrs }) => {
    const [a, b] = inputs;
    const output = outputs[0];
    // bShape: operand 1 is reshaped first, as opset 6 had it.
    if (!a || !b || !output || inputs.length !== 2 || output.shape.length > 4 || attrs.has("bShape")) return undefined;
    return {
      kernel,
      inputs: { a: { at: 0, shape: a.shape }, b: { at: 1, shape: b.shape } },
      output: output.shape,
      attrs: {},
    };
  };

const unary =
  (kernel: string): Selector =>
  ({ inputs, outputs }) => {
    const [x] = inputs;
    const output = outputs[0];
    if (!x || !output) return undefined;
    const shape = [sizeOf(x.shape)];
    return { kernel, inputs: { x: { at: 0, shape } }, output: shape, attrs: {} };
  };

const SELECTORS: ReadonlyMap<string, Selector> = new Map([
  ["ConvNHWC", conv],
  ["MatMul", matmul],
  ["Gemm", gemm],
  ["MaxPoolNHWC", pool("MaxPool")],
  ["AveragePoolNHWC", pool("AvgPool")],
  ["Sum", binary("Add")],
  ["Softmax", softmax],
  ["Transpose", transpose],
  ["Add", binary("Add")],
  ["Sub", binary("Sub")],
  ["Mul", binary("Multiply")],
  ["Div", binary("RealDiv")],
  ["Relu", unary("Relu")],
]);

/** The TensorFlow.js kernel for a step (results without scratch), or undefined where our reference kernel computes it. */
export function tfjsCall(kernel: string, step: StepShape): TfjsCall | undefined {
  return isAllFloat32(step) ? SELECTORS.get(kernel)?.(step) : undefined;
}
