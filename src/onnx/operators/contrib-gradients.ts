/** Rules of com.microsoft's training operators: gradients, accumulation, and the loss of training graphs. */
import { DTYPES, dtypeFromOnnx, type DType } from "../../ir/dtype.ts";
import { elementCount } from "../../ir/bytes.ts";
import { tensorOf } from "../../kernels/access.ts";
import type { TensorType } from "../../ir/types.ts";
import type { Meaning, OpContext, OperatorTable } from "./types.ts";

const show = (shape: readonly number[]): string => `[${shape.join(",")}]`;

function floatOperand(n: OpContext, i: number): TensorType {
  const type = n.input(i);
  return DTYPES[type.dtype].class === "float" && DTYPES[type.dtype].bits >= 16
    ? type
    : n.invalid(`operand ${i} must be a float tensor, got ${type.dtype}`);
}

function expectShape(n: OpContext, i: number, shape: readonly number[]): void {
  if (n.hasInput(i) && show(n.input(i).shape) !== show(shape))
    n.invalid(`operand ${i} must be ${show(shape)}, got ${show(n.input(i).shape)}`);
}

/** Softmax of opset 13 works along one axis; before, along all dims from the axis on. */
const softmaxGradient =
  (log: 0 | 1, flattens: boolean) =>
  (n: OpContext): Meaning => {
    const { dtype, shape } = floatOperand(n, 0);
    expectShape(n, 1, shape);
    const axis = shape.length === 0 ? 0 : n.axis(n.int("axis", flattens ? 1 : -1), shape.length);
    const outer = elementCount(shape.slice(0, axis));
    const size = flattens ? elementCount(shape.slice(axis)) : (shape[axis] ?? 1);
    const inner = flattens ? 1 : elementCount(shape.slice(axis + 1));
    return {
      outputs: [{ dtype, shape }],
      kernel: "SoftmaxGrad",
      attrs: { outer, size, inner, log },
      flops: 4 * elementCount(shape),
    };
  };

function layerNormGradient(n: OpContext): Meaning {
  const x = floatOperand(n, 1);
  const scale = floatOperand(n, 2);
  expectShape(n, 0, x.shape);
  const axis = n.axis(n.int("axis", -1), x.shape.length);
  const size = elementCount(x.shape.slice(axis));
  const rows = elementCount(x.shape.slice(0, axis));
  if (elementCount(scale.shape) !== size)
    return n.invalid(`scale ${show(scale.shape)} does not fit X ${show(x.shape)} from dim ${axis} on`);
  for (const i of [3, 4])
    if (elementCount(floatOperand(n, i).shape) !== rows)
      return n.invalid(`operand ${i} must have ${rows} elements, got ${show(n.input(i).shape)}`);
  return {
    outputs: [x, scale, scale],
    attrs: { size },
    flops: 12 * elementCount(x.shape),
    scratch: [{ dtype: "float64", shape: [2 * size] }],
  };
}

/** Operands dY, shape, starts, ends, axes, steps: all but the first decide the result. */
function sliceGradient(n: OpContext): Meaning {
  const dy = floatOperand(n, 0);
  const shape = n.knownInts(1, "shape");
  if (shape.some((dim) => dim < 0)) return n.invalid(`shape ${show(shape)} has a negative dim`);
  const given = { starts: n.knownInts(2, "starts"), ends: n.knownInts(3, "ends") };
  const axes = (n.hasInput(4) ? n.knownInts(4, "axes") : given.starts.map((_, i) => i)).map((axis) =>
    n.axis(axis, shape.length),
  );
  const steps = shape.map(() => 1);
  const starts = shape.map(() => 0);
  const taken = [...shape];
  const givenSteps = n.hasInput(5) ? n.knownInts(5, "steps") : axes.map(() => 1);
  if ([given.ends, axes, givenSteps].some((list) => list.length !== given.starts.length))
    return n.invalid("starts, ends, axes and steps differ in length");
  axes.forEach((axis, i) => {
    const [dim, step] = [shape[axis]!, givenSteps[i]!];
    if (step === 0) n.invalid("a step is 0");
    // As in Slice: negative positions count from the end, and what lies outside is clamped.
    const clamp = (position: number): number => {
      const own = position < 0 ? position + dim : position;
      return step > 0 ? Math.min(dim, Math.max(0, own)) : Math.min(dim - 1, Math.max(-1, own));
    };
    const [start, end] = [clamp(given.starts[i]!), clamp(given.ends[i]!)];
    steps[axis] = step;
    starts[axis] = start;
    taken[axis] = Math.max(0, Math.ceil((end - start) / step));
  });
  expectShape(n, 0, taken);
  return { outputs: [{ dtype: dy.dtype, shape }], reads: [0], attrs: { starts, steps } };
}

function inPlaceAccumulator(n: OpContext): Meaning {
  const buffer = floatOperand(n, 0);
  expectShape(n, 1, buffer.shape);
  return {
    outputs: [{ dtype: "bool", shape: [1] }, buffer],
    // Without the second result the operand itself is meant to change, which no kernel may do.
    kernel: n.hasOutput(1) ? "InPlaceAccumulatorV2" : "opaque",
    reads: [0, 1, 2],
    flops: elementCount(buffer.shape),
  };
}

function concatTraining(n: OpContext): Meaning {
  const first = n.input(0);
  const axis = n.axis(n.requiredInt("axis"), first.shape.length);
  if (DTYPES[first.dtype].bits < 8 || ["complex", "string"].includes(DTYPES[first.dtype].class))
    return n.unsupported(`${first.dtype} has no kernel`);
  const lengths = n.inputs.map((_, i) => {
    const { dtype, shape } = n.input(i);
    if (dtype !== first.dtype || show(shape.with(axis, 0)) !== show(first.shape.with(axis, 0)))
      return n.invalid(`operand ${i} is ${dtype}${show(shape)}, operand 0 is ${first.dtype}${show(first.shape)}`);
    return shape[axis]!;
  });
  return {
    outputs: [
      {
        dtype: first.dtype,
        shape: first.shape.with(
          axis,
          lengths.reduce((sum, length) => sum + length, 0),
        ),
      },
      { dtype: "int64", shape: [lengths.length] },
    ],
    attrs: { axis, inner: elementCount(first.shape.slice(axis + 1)) },
    flops: 0,
  };
}

function reductionOf(n: OpContext): string {
  const reduction = n.string("reduction", "mean");
  return ["mean", "sum", "none"].includes(reduction)
    ? reduction
    : n.invalid(`reduction '${reduction}' is not mean, sum or none`);
}

/** Attribute `output_type`, or the type that the operand has. */
function resultType(n: OpContext, fallback: DType): DType {
  const code = n.int("output_type", 0);
  const dtype = code === 0 ? fallback : dtypeFromOnnx(code);
  return dtype !== undefined && DTYPES[dtype].class === "float"
    ? dtype
    : n.invalid(`output_type ${code} is no float type`);
}

/** Scores or log probabilities (batch, class, ...) with labels (batch, ...) and weights a class. */
function checkLabels(n: OpContext, scores: TensorType, labels: number, weights: number): readonly number[] {
  if (scores.shape.length < 2) return n.invalid(`scores must be (batch, class, ...), got ${show(scores.shape)}`);
  const places = scores.shape.toSpliced(1, 1);
  expectShape(n, labels, places);
  if (!["int32", "int64"].includes(n.input(labels).dtype))
    return n.invalid(`labels must be int32 or int64, got ${n.input(labels).dtype}`);
  expectShape(n, weights, [scores.shape[1]!]);
  return places;
}

function crossEntropyLoss(n: OpContext): Meaning {
  const scores = floatOperand(n, 0);
  const places = checkLabels(n, scores, 1, 2);
  const reduction = reductionOf(n);
  return {
    outputs: [
      { dtype: resultType(n, scores.dtype), shape: reduction === "none" ? places : [] },
      { dtype: scores.dtype, shape: scores.shape },
    ],
    reads: [0, 1, 2, 3],
    attrs: { reduction },
    flops: 4 * elementCount(scores.shape),
  };
}

function crossEntropyGradient(n: OpContext): Meaning {
  const logs = floatOperand(n, 1);
  const places = checkLabels(n, logs, 2, 3);
  const reduction = reductionOf(n);
  if (elementCount(floatOperand(n, 0).shape) !== (reduction === "none" ? elementCount(places) : 1))
    return n.invalid(`dY ${show(n.input(0).shape)} does not fit reduction '${reduction}'`);
  expectShape(n, 5, logs.shape);
  const ignored = n.intOrUndefined("ignore_index");
  return {
    outputs: [{ dtype: resultType(n, n.op.includes("Internal") ? n.input(0).dtype : logs.dtype), shape: logs.shape }],
    kernel: "SoftmaxCrossEntropyLossGrad",
    reads: [0, 1, 2, 3, 4, 5],
    attrs: { reduction, ...(ignored !== undefined && { ignoreIndex: ignored }) },
    flops: 3 * elementCount(logs.shape),
  };
}

/** The axes, last to first, along which a gradient is summed where its operand was broadcast. */
function broadcastGradientArgs(n: OpContext): Meaning {
  const [a, b] = [n.knownInts(0, "a_shape"), n.knownInts(1, "b_shape")];
  const rank = Math.max(a.length, b.length);
  n.broadcast(a, b);
  const axes = (own: readonly number[], other: readonly number[]): number[] =>
    Array.from({ length: rank }, (_, d) => rank - 1 - d).filter((d) => {
      const [mine, theirs] = [own[d - rank + own.length], other[d - rank + other.length]];
      return mine === undefined || (mine === 1 && theirs !== undefined && theirs !== 1);
    });
  const known = [axes(a, b), axes(b, a)].map((list) => tensorOf("int64", [list.length], list));
  return { outputs: known.map(({ dtype, shape }) => ({ dtype, shape })), reads: [], known };
}

/** Gradients of a convolution: of its operands' shapes. */
function convGradient(n: OpContext): Meaning {
  const [dy, x, w] = [floatOperand(n, 0), floatOperand(n, 1), floatOperand(n, 2)];
  if (x.shape.length < 3 || w.shape.length !== x.shape.length || dy.shape.length !== x.shape.length)
    return n.invalid(`dY ${show(dy.shape)}, X ${show(x.shape)} and W ${show(w.shape)} do not fit`);
  // Each product of the forward pass stands in both gradients.
  const flops = 4 * elementCount(dy.shape) * elementCount(w.shape.slice(1));
  return { outputs: [x, w, { dtype: w.dtype, shape: [w.shape[0]!] }], kernel: "opaque", flops };
}

/** Hands results to the caller and takes their gradients from it: one for each that has one. */
function yieldOp(n: OpContext): Meaning {
  const constant = n.ints("non_differentiable_outputs") ?? [];
  const outputs = n.inputs.map((_, i) => n.input(i)).filter((_, i) => !constant.includes(i));
  return { outputs, kernel: "opaque", flops: 0, impure: true };
}

/** Training operators of com.microsoft. */
export const contribGradientOperators: OperatorTable = {
  AdamWOptimizer: (n) => n.unsupported("its operands are sequences of tensors, which have no memory to plan"),
  BroadcastGradientArgs: broadcastGradientArgs,
  ConcatTraining: concatTraining,
  ConvGrad: convGradient,
  InPlaceAccumulatorV2: inPlaceAccumulator,
  LayerNormalizationGrad: layerNormGradient,
  LogSoftmaxGrad: softmaxGradient(1, true),
  LogSoftmaxGrad_13: softmaxGradient(1, false),
  SliceGrad: sliceGradient,
  SoftmaxCrossEntropyLossGrad: crossEntropyGradient,
  SoftmaxCrossEntropyLossInternal: crossEntropyLoss,
  SoftmaxCrossEntropyLossInternalGrad: crossEntropyGradient,
  SoftmaxGrad: softmaxGradient(0, true),
  SoftmaxGrad_13: softmaxGradient(0, false),
  YieldOp: yieldOp,
};
