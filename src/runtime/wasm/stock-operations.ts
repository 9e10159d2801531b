/** Kernels as the `tf.*` operations that a model converted to TensorFlow.js has for them. */
import * as tf from "@tensorflow/tfjs-core";
import type { AttrValue } from "../../ir/types.ts";

type Operand = tf.Tensor | null;
type Attrs = ReadonlyMap<string, AttrValue>;
type Operation = (
  operands: readonly Operand[],
  attrs: Attrs,
  shapes: readonly (readonly number[])[],
) => tf.Tensor | tf.Tensor[];

const scalars = new Map<number, tf.Scalar>();

/** A number as a converted model has it: a tensor that stays on the backend, not one made in every run. */
function scalar(value: number): tf.Scalar {
  const known = scalars.get(value);
  if (known !== undefined) return known;
  const made = tf.keep(tf.scalar(value));
  scalars.set(value, made);
  return made;
}

/** Disposes of the numbers, which belong to the backend that was set when they were first used. */
export function disposeScalars(): void {
  for (const tensor of scalars.values()) tensor.dispose();
  scalars.clear();
}

const list = (attrs: Attrs, name: string): number[] => [...(attrs.get(name) as readonly number[])];
const unary =
  (f: (x: tf.Tensor) => tf.Tensor): Operation =>
  ([x]) =>
    f(x!);
const binary =
  (f: (a: tf.Tensor, b: tf.Tensor) => tf.Tensor): Operation =>
  ([a, b]) =>
    f(a!, b!);

const pairs = (pads: readonly number[]): [[number, number], [number, number], [number, number], [number, number]] => [
  [0, 0],
  [pads[0]!, pads[2]!],
  [pads[1]!, pads[3]!],
  [0, 0],
];

const conv: Operation = ([x, filter, bias], attrs) => {
  const [strides, pads, dilations] = ["strides", "pads", "dilations"].map((name) => list(attrs, name)) as [
    number[],
    number[],
    number[],
  ];
  const group = Number(attrs.get("group"));
  const channels = x!.shape[3]!;
  const activation = String(attrs.get("activation") ?? "none");
  const shared = {
    x: x as tf.Tensor4D,
    strides: strides as [number, number],
    pad: pairs(pads) as never,
    dataFormat: "NHWC" as const,
    dilations: dilations as [number, number],
    ...(bias ? { bias } : {}),
    activation: activation === "none" ? ("linear" as const) : (activation as "relu" | "relu6"),
  };
  const [kh, kw, , out] = filter!.shape as [number, number, number, number];
  if (group === 1) return tf.fused.conv2d({ ...shared, filter: filter as tf.Tensor4D });
  if (group !== channels)
    // TensorFlow.js has no grouped convolution: a converter splits it.
    return tf.concat(
      tf.split(x!, group, 3).map((part, g) =>
        tf.fused.conv2d({
          ...shared,
          x: part as tf.Tensor4D,
          filter: tf.slice(
            filter!,
            [0, 0, 0, (g * out) / group],
            [kh, kw, channels / group, out / group],
          ) as tf.Tensor4D,
          ...(bias ? { bias: tf.slice(bias, [(g * out) / group], [out / group]) } : {}),
        }),
      ),
      3,
    );
  return tf.fused.depthwiseConv2d({
    ...shared,
    filter: tf.reshape(filter!, [kh, kw, channels, out / channels]) as tf.Tensor4D,
  });
};

const gemm: Operation = ([a, b, c], attrs) => {
  let y = tf.matMul(a as tf.Tensor2D, b as tf.Tensor2D, attrs.get("transA") === 1, attrs.get("transB") === 1);
  if (attrs.get("alpha") !== 1) y = tf.mul(y, scalar(Number(attrs.get("alpha"))));
  if (c) y = tf.add(y, attrs.get("beta") === 1 ? c : tf.mul(c, scalar(Number(attrs.get("beta")))));
  return y;
};

/** As a converted linear layer: [..., k] x [k, n], and the bias [n] where there is one, is one product of two matrices. */
const matMul: Operation = ([a, b, bias], _, [shape]) => {
  if (b!.rank !== 2) return tf.matMul(a!, b!);
  const rows = tf.reshape(a!, [-1, a!.shape.at(-1)!]) as tf.Tensor2D;
  const y = bias
    ? tf.fused.matMul({ a: rows, b: b as tf.Tensor2D, transposeA: false, transposeB: false, bias })
    : tf.matMul(rows, b as tf.Tensor2D);
  return tf.reshape(y, [...shape!]);
};

function normalised(x: tf.Tensor, axes: number[], epsilon: number, centred: boolean): tf.Tensor {
  const rest = centred ? tf.sub(x, tf.mean(x, axes, true)) : x;
  return tf.mul(rest, tf.rsqrt(tf.add(tf.mean(tf.square(rest), axes, true), scalar(epsilon))));
}

const rowNorm =
  (centred: boolean): Operation =>
  ([x, scale, bias], attrs) => {
    const axis = Number(attrs.get("axis"));
    const axes = Array.from({ length: x!.rank - axis }, (_, i) => axis + i);
    const y = tf.mul(normalised(x!, axes, Number(attrs.get("epsilon")), centred), scale!);
    return bias ? tf.add(y, bias) : y;
  };

const groupNorm: Operation = ([x, scale, bias], attrs) => {
  const [batch, channels, ...inner] = x!.shape as [number, number, ...number[]];
  const groups = Number(attrs.get("groups"));
  const grouped = tf.reshape(x!, [batch, groups, -1]);
  const y = tf.reshape(normalised(grouped, [2], Number(attrs.get("epsilon")), true), x!.shape);
  const perChannel = [channels, ...inner.map(() => 1)];
  return tf.add(tf.mul(y, tf.reshape(scale!, perChannel)), tf.reshape(bias!, perChannel));
};

const gelu: Operation = ([x], attrs) => {
  const half = tf.mul(x!, scalar(0.5));
  if (attrs.get("approximate") !== "tanh")
    return tf.mul(half, tf.add(tf.erf(tf.mul(x!, scalar(Math.SQRT1_2))), scalar(1)));
  const cubed = tf.mul(tf.mul(tf.square(x!), x!), scalar(0.044715));
  return tf.mul(half, tf.add(tf.tanh(tf.mul(tf.add(x!, cubed), scalar(Math.sqrt(2 / Math.PI)))), scalar(1)));
};

const convTranspose: Operation = ([x, w, bias], attrs, [shape]) => {
  const [batch, channels, height, width] = shape as [number, number, number, number];
  const pads = list(attrs, "pads");
  if (attrs.get("group") !== 1 || pads.some((pad) => pad !== 0)) throw new Error("not in the benchmark");
  const y = tf.conv2dTranspose(
    tf.transpose(x!, [0, 2, 3, 1]) as tf.Tensor4D,
    tf.transpose(w!, [2, 3, 1, 0]) as tf.Tensor4D,
    [batch, height, width, channels],
    list(attrs, "strides") as [number, number],
    "valid",
  );
  return tf.transpose(bias ? tf.add(y, bias) : y, [0, 3, 1, 2]);
};

const slice: Operation = ([x], attrs, [shape]) => {
  const steps = list(attrs, "steps");
  const starts = list(attrs, "starts");
  if (steps.every((step) => step === 1)) return tf.slice(x!, starts, [...shape!]);
  const ends = starts.map((start, d) => start + steps[d]! * shape![d]!);
  return tf.stridedSlice(x!, starts, ends, steps);
};

const split: Operation = ([x], attrs, shapes) => {
  const axis = Number(attrs.get("axis"));
  return tf.split(
    x!,
    shapes.map((shape) => shape[axis]!),
    axis,
  );
};

const reduce =
  (f: (x: tf.Tensor, axes: number[], keep: boolean) => tf.Tensor): Operation =>
  ([x], attrs, [shape]) =>
    tf.reshape(f(x!, list(attrs, "axes"), true), [...shape!]);

const globalAverage: Operation = ([x]) => tf.mean(x!, [1, 2], true);

const maxPool: Operation = ([x], attrs) => {
  const [size, strides, pads] = ["kernel_shape", "strides", "pads"].map((name) => list(attrs, name)) as [
    [number, number],
    [number, number],
    number[],
  ];
  return tf.maxPool(x as tf.Tensor4D, size, strides, pairs(pads) as never, "floor");
};

/** Zero padding counted where ONNX counts it; TensorFlow.js's own padding is never counted. */
const averagePool: Operation = ([x], attrs) => {
  const [size, strides, pads] = ["kernel_shape", "strides", "pads"].map((name) => list(attrs, name)) as [
    [number, number],
    [number, number],
    number[],
  ];
  const counted = Boolean(attrs.get("count_include_pad"));
  const padded = counted ? tf.pad(x!, pairs(pads)) : x!;
  return tf.avgPool(padded as tf.Tensor4D, size, strides, counted ? "valid" : (pairs(pads) as never), "floor");
};

/** Across dim 1 in ONNX, across the last dim in TensorFlow.js. */
const lrn: Operation = ([x], attrs) => {
  const [alpha, beta, bias, size] = ["alpha", "beta", "bias", "size"].map((name) => Number(attrs.get(name))) as [
    number,
    number,
    number,
    number,
  ];
  const last = tf.transpose(x!, [0, 2, 3, 1]) as tf.Tensor4D;
  return tf.transpose(tf.localResponseNormalization(last, (size - 1) / 2, bias, alpha / size, beta), [0, 3, 1, 2]);
};

const batchNorm: Operation = ([x, scale, bias, mean, variance], attrs) =>
  tf.batchNorm(
    x!,
    mean as tf.Tensor1D,
    variance as tf.Tensor1D,
    bias as tf.Tensor1D,
    scale as tf.Tensor1D,
    Number(attrs.get("epsilon")),
  );

/** With axes merged where they may be: from rank 5 up WebGPU's tiles are read back to the host, synchronously. */
const expand: Operation = ([x], _, [shape]) => {
  const given = [...shape!.slice(x!.rank).map(() => 1), ...x!.shape];
  const from: number[] = [];
  const to: number[] = [];
  shape!.forEach((size, d) => {
    const isKept = given[d] === size;
    if (from.length > 0 && isKept === (from.at(-1) === to.at(-1)) && (isKept || from.at(-1) === given[d])) {
      from.push(from.pop()! * given[d]!);
      to.push(to.pop()! * size);
    } else {
      from.push(given[d]!);
      to.push(size);
    }
  });
  return tf.reshape(tf.broadcastTo(tf.reshape(x!, from), to as never), [...shape!]);
};

export const STOCK_OPERATIONS: Readonly<Record<string, Operation>> = {
  Add: binary(tf.add),
  Sub: binary(tf.sub),
  Mul: binary(tf.mul),
  Div: binary(tf.div),
  Less: binary(tf.less),
  Relu: unary(tf.relu),
  Sigmoid: unary(tf.sigmoid),
  Tanh: unary(tf.tanh),
  Erf: unary(tf.erf),
  Neg: unary(tf.neg),
  Sqrt: unary(tf.sqrt),
  Gelu: gelu,
  AveragePoolNHWC: averagePool,
  BatchNormalizationNHWC: batchNorm,
  Dropout: unary(tf.clone),
  LRN: lrn,
  Sum: (operands) => tf.addN(operands as tf.Tensor[]),
  Cast: ([x], attrs) => tf.cast(x!, String(attrs.get("to")) === "float32" ? "float32" : "int32"),
  Concat: (operands, attrs) => tf.concat(operands as tf.Tensor[], Number(attrs.get("axis"))),
  ConvNHWC: conv,
  ConvTranspose: convTranspose,
  Expand: expand,
  Gather: ([x, indices], attrs) => tf.gather(x!, tf.cast(indices!, "int32"), Number(attrs.get("axis"))),
  Gemm: gemm,
  GlobalAveragePoolNHWC: globalAverage,
  GroupNormalization: groupNorm,
  LayerNormalization: rowNorm(true),
  MatMul: matMul,
  MaxPoolNHWC: maxPool,
  RMSNormalization: rowNorm(false),
  ReduceMean: reduce(tf.mean),
  ReduceMin: reduce(tf.min),
  ReduceSum: reduce(tf.sum),
  Slice: slice,
  Softmax: ([x], attrs, [shape]) =>
    tf.reshape(tf.softmax(tf.reshape(x!, [-1, Number(attrs.get("count"))])), [...shape!]),
  Split: split,
  TopK: ([x], attrs, [shape]) => {
    const { values, indices } = tf.topk(x!, shape![Number(attrs.get("axis"))]!);
    return [values, indices];
  },
  Transpose: ([x], attrs) => tf.transpose(x!, list(attrs, "perm")),
  Where: ([condition, a, b]) => tf.where(tf.cast(condition!, "bool"), a!, b!),
};
