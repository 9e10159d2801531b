/** Gather and scatter families, and the operators whose result's size depends on data. */
import { sizeOf } from "../../kernels/access.ts";
import { nonZeroCount, uniqueCount } from "../../kernels/search.ts";
import { sameShape } from "./elementwise.ts";
import { dataInput } from "./movement.ts";
import type { Meaning, OpContext, OperatorTable } from "./types.ts";

function indices(n: OpContext, i: number): readonly number[] {
  const { dtype, shape } = n.input(i);
  if (dtype !== "int64" && dtype !== "int32") n.invalid(`indices must be int32 or int64, got ${dtype}`);
  return shape;
}

function gather(n: OpContext): Meaning {
  const { dtype, shape } = dataInput(n);
  const at = indices(n, 1);
  const axis = n.axis(n.int("axis", 0), shape.length);
  return {
    outputs: [{ dtype, shape: [...shape.slice(0, axis), ...at, ...shape.slice(axis + 1)] }],
    attrs: { axis },
    flops: 0,
  };
}

function gatherElements(n: OpContext): Meaning {
  const { dtype, shape } = dataInput(n);
  const at = indices(n, 1);
  if (at.length !== shape.length) n.invalid(`indices of rank ${at.length} for data of rank ${shape.length}`);
  const axis = n.axis(n.int("axis", 0), shape.length);
  if (at.some((dim, d) => d !== axis && dim > shape[d]!))
    n.invalid(`indices of shape [${at.join(",")}] reach outside [${shape.join(",")}]`);
  return { outputs: [{ dtype, shape: at }], attrs: { axis }, flops: 0 };
}

function gatherND(n: OpContext): Meaning {
  const { dtype, shape } = dataInput(n);
  const at = indices(n, 1);
  const batch = n.int("batch_dims", 0);
  const depth = at.at(-1) ?? n.invalid("indices must not be a scalar");
  if (batch < 0 || batch >= Math.min(shape.length, at.length) || batch + depth > shape.length || depth < 1)
    n.invalid(`indices of shape [${at.join(",")}] with ${batch} batch dims do not fit [${shape.join(",")}]`);
  if (!sameShape(shape.slice(0, batch), at.slice(0, batch))) n.invalid("the batch dims differ");
  return {
    outputs: [{ dtype, shape: [...at.slice(0, -1), ...shape.slice(batch + depth)] }],
    attrs: { batch },
    flops: 0,
  };
}

function reductionOf(n: OpContext): string {
  const reduction = n.string("reduction", "none");
  if (!["none", "add", "mul", "max", "min"].includes(reduction)) n.invalid(`reduction '${reduction}' is not known`);
  return reduction;
}

function scatterElements(n: OpContext): Meaning {
  const type = dataInput(n);
  const at = indices(n, 1);
  const updates = n.input(2);
  if (updates.dtype !== type.dtype || !sameShape(updates.shape, at))
    n.invalid("the updates must have the data's type and the indices' shape");
  if (at.length !== type.shape.length) n.invalid(`indices of rank ${at.length} for data of rank ${type.shape.length}`);
  const axis = n.axis(n.int("axis", 0), type.shape.length);
  if (at.some((dim, d) => d !== axis && dim > type.shape[d]!))
    n.invalid(`indices of shape [${at.join(",")}] reach outside [${type.shape.join(",")}]`);
  return {
    outputs: [type],
    kernel: "ScatterElements",
    attrs: { axis, reduction: reductionOf(n) },
    inPlace: [0],
    flops: sizeOf(at),
  };
}

function scatterND(n: OpContext): Meaning {
  const type = dataInput(n);
  const at = indices(n, 1);
  const updates = n.input(2);
  const depth = at.at(-1) ?? n.invalid("indices must not be a scalar");
  if (depth > type.shape.length) n.invalid(`indices of depth ${depth} for data of rank ${type.shape.length}`);
  const wanted = [...at.slice(0, -1), ...type.shape.slice(depth)];
  if (updates.dtype !== type.dtype || !sameShape(updates.shape, wanted))
    n.invalid(`the updates must be ${type.dtype}[${wanted.join(",")}]`);
  return { outputs: [type], attrs: { reduction: reductionOf(n) }, inPlace: [0], flops: sizeOf(updates.shape) };
}

function tensorScatter(n: OpContext): Meaning {
  const type = dataInput(n);
  const update = n.input(1);
  const axis = n.axis(n.int("axis", -2), type.shape.length);
  const mode = n.string("mode", "linear");
  if (mode !== "linear" && mode !== "circular") n.invalid(`mode '${mode}' is not known`);
  if (axis === 0) n.invalid("the axis must not be the batch");
  if (
    update.dtype !== type.dtype ||
    update.shape.length !== type.shape.length ||
    update.shape.some((dim, d) => (d === axis ? dim > type.shape[d]! : dim !== type.shape[d]))
  )
    n.invalid("the update does not fit the cache");
  if (n.hasInput(2) && sizeOf(n.input(2).shape) !== type.shape[0])
    n.invalid("there must be one write position a batch entry");
  return { outputs: [type], attrs: { axis, circular: mode === "circular" }, inPlace: [0], flops: 0 };
}

function compress(n: OpContext): Meaning {
  const { dtype, shape } = dataInput(n);
  const given = n.intOrUndefined("axis");
  const axis = given === undefined ? -1 : n.axis(given, shape.length);
  const size = axis < 0 ? sizeOf(shape) : shape[axis]!;
  const kept = n
    .knownFloats(1, "the condition")
    .slice(0, size)
    .filter((value) => value !== 0).length;
  return {
    outputs: [{ dtype, shape: axis < 0 ? [kept] : shape.map((dim, d) => (d === axis ? kept : dim)) }],
    attrs: { axis },
    flops: 0,
  };
}

function nonZero(n: OpContext): Meaning {
  const { shape } = dataInput(n);
  n.knownFloats(0, "the data, which decides how many are not zero,");
  return { outputs: [{ dtype: "int64", shape: [shape.length, nonZeroCount(n.known(0)!)] }] };
}

function unique(n: OpContext): Meaning {
  const { dtype, shape } = dataInput(n);
  n.knownFloats(0, "the data, which decides how many are unique,");
  const given = n.intOrUndefined("axis");
  const axis = given === undefined ? -1 : n.axis(given, shape.length);
  const count = uniqueCount(n.known(0)!, axis);
  const length = axis < 0 ? sizeOf(shape) : shape[axis]!;
  return {
    outputs: [
      { dtype, shape: axis < 0 ? [count] : shape.map((dim, d) => (d === axis ? count : dim)) },
      { dtype: "int64", shape: [count] },
      { dtype: "int64", shape: [length] },
      { dtype: "int64", shape: [count] },
    ],
    attrs: { axis, sorted: n.int("sorted", 1) !== 0 },
  };
}

function nonMaxSuppression(n: OpContext): Meaning {
  n.knownFloats(0, "the boxes, which decide how many are kept,");
  n.knownFloats(1, "the scores, which decide how many are kept,");
  return n.unsupported("the number of boxes that it keeps depends on data");
}

function arrayFeatureExtractor(n: OpContext): Meaning {
  const { dtype, shape } = dataInput(n);
  const at = n.input(1);
  if (shape.length === 0) n.invalid("needs rank 1 or more");
  return {
    outputs: [{ dtype, shape: [...(shape.length === 1 ? [1] : shape.slice(0, -1)), sizeOf(at.shape)] }],
    kernel: "Gather",
    attrs: { axis: shape.length - 1 },
    flops: 0,
  };
}

export const indexingOperators: OperatorTable = {
  Gather: gather,
  GatherElements: gatherElements,
  GatherND: gatherND,
  Scatter: scatterElements,
  ScatterElements: scatterElements,
  ScatterND: scatterND,
  TensorScatter: tensorScatter,
  Compress: compress,
  NonZero: nonZero,
  Unique: unique,
  NonMaxSuppression: nonMaxSuppression,
};

export const mlIndexing: OperatorTable = { ArrayFeatureExtractor: arrayFeatureExtractor };
