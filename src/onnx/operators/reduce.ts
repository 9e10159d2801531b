/** Reductions, extremes, running sums, sorting. */
import { elementCount } from "../../ir/bytes.ts";
import { dataInput } from "./movement.ts";
import type { Meaning, OpContext, OperatorRule, OperatorTable } from "./types.ts";

/** `late`: the opset from which the axes are an operand. */
const reduction =
  (late: number): OperatorRule =>
  (n) => {
    const { dtype, shape } = dataInput(n);
    const given = n.version < late ? n.ints("axes") : n.hasInput(1) ? n.knownInts(1, "the axes") : undefined;
    const keep = n.int("keepdims", 1) !== 0;
    const none = given === undefined || given.length === 0;
    const noop = n.int("noop_with_empty_axes", 0) !== 0;
    if (none && noop) {
      // Nothing is folded; what the operator does to each element remains.
      return { outputs: [{ dtype, shape }], reads: [0], attrs: { axes: [] }, inPlace: [0] };
    }
    const axes = none
      ? shape.map((_, d) => d)
      : [...new Set(given.map((axis) => n.axis(axis, shape.length)))].sort((a, b) => a - b);
    const output = keep
      ? shape.map((dim, d) => (axes.includes(d) ? 1 : dim))
      : shape.filter((_, d) => !axes.includes(d));
    return { outputs: [{ dtype, shape: output }], reads: [0], attrs: { axes }, flops: elementCount(shape) };
  };

function argExtreme(n: OpContext): Meaning {
  const { shape } = dataInput(n);
  const axis = n.axis(n.int("axis", 0), shape.length);
  if (shape[axis] === 0) n.invalid("a dim of 0 has no extreme");
  const keep = n.int("keepdims", 1) !== 0;
  const output = keep ? shape.map((dim, d) => (d === axis ? 1 : dim)) : shape.filter((_, d) => d !== axis);
  return {
    outputs: [{ dtype: "int64", shape: output }],
    attrs: { axis, last: n.int("select_last_index", 0) !== 0 },
    flops: elementCount(shape),
  };
}

function cumulative(n: OpContext): Meaning {
  const type = dataInput(n);
  const axis = n.axis(n.knownInts(1, "the axis")[0] ?? n.invalid("the axis must be a scalar"), type.shape.length);
  return {
    outputs: [type],
    reads: [0],
    attrs: { axis, exclusive: n.int("exclusive", 0) !== 0, reverse: n.int("reverse", 0) !== 0 },
    inPlace: [0],
  };
}

function hardmax(n: OpContext): Meaning {
  const type = dataInput(n);
  const rank = type.shape.length;
  const axis = n.axis(n.int("axis", n.version < 13 ? 1 : -1), rank);
  // Before opset 13 the dims from the axis on are one.
  const axes = n.version < 13 ? Array.from({ length: rank - axis }, (_, i) => axis + i) : [axis];
  return { outputs: [type], attrs: { axes } };
}

function topK(n: OpContext): Meaning {
  const { dtype, shape } = dataInput(n);
  const axis = n.axis(n.int("axis", -1), shape.length);
  const k = n.version < 10 ? n.requiredInt("k") : (n.knownInts(1, "k")[0] ?? n.invalid("k must hold one number"));
  if (k < 0 || k > shape[axis]!) n.invalid(`k is ${k}, the dim has ${shape[axis]}`);
  const output = shape.map((dim, d) => (d === axis ? k : dim));
  return {
    outputs: [
      { dtype, shape: output },
      { dtype: "int64", shape: output },
    ],
    reads: [0],
    attrs: { axis, largest: n.int("largest", 1) !== 0 },
    flops: elementCount(shape),
  };
}

export const reduceOperators: OperatorTable = {
  ReduceSum: reduction(13),
  ReduceMean: reduction(18),
  ReduceMax: reduction(18),
  ReduceMin: reduction(18),
  ReduceProd: reduction(18),
  ReduceL1: reduction(18),
  ReduceL2: reduction(18),
  ReduceLogSum: reduction(18),
  ReduceLogSumExp: reduction(18),
  ReduceSumSquare: reduction(18),
  ArgMax: argExtreme,
  ArgMin: argExtreme,
  CumSum: cumulative,
  CumProd: cumulative,
  Hardmax: hardmax,
  TopK: topK,
};
