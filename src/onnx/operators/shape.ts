/** Shapes: operators that only reinterpret, and those that make tensors out of shapes and numbers. */
import { elementCount } from "../../ir/bytes.ts";
import { isInteger, type DType } from "../../ir/dtype.ts";
import { reader, sizeOf, tensorOf } from "../../kernels/access.ts";
import { dtypeFromOnnx } from "../../ir/dtype.ts";
import { dataInput } from "./movement.ts";
import { numberValue } from "./elementwise.ts";
import type { Meaning, OpContext, OperatorTable } from "./types.ts";

const view = (dtype: DType, shape: readonly number[]): Meaning => ({
  outputs: [{ dtype, shape }],
  reads: [0],
  view: 0,
  flops: 0,
});

function shapeOf(n: OpContext): Meaning {
  const { shape } = n.input(0);
  const rank = shape.length;
  const clamp = (value: number): number => Math.min(Math.max(value < 0 ? value + rank : value, 0), rank);
  const dims = shape.slice(clamp(n.int("start", 0)), Math.max(clamp(n.int("start", 0)), clamp(n.int("end", rank))));
  return { outputs: [{ dtype: "int64", shape: [dims.length] }], known: [tensorOf("int64", [dims.length], dims)] };
}

const size = (n: OpContext): Meaning => ({
  outputs: [{ dtype: "int64", shape: [] }],
  known: [tensorOf("int64", [], [elementCount(n.input(0).shape)])],
});

function reshape(n: OpContext): Meaning {
  const { dtype, shape } = dataInput(n);
  const wanted =
    n.version < 5 ? (n.ints("shape") ?? n.invalid("attribute 'shape' is missing")) : n.knownInts(1, "the shape");
  const keepZero = n.int("allowzero", 0) !== 0;
  const dims = wanted.map((dim, d) =>
    dim === 0 && !keepZero
      ? (shape[d] ?? n.invalid(`dim ${d} is to be copied from an operand of rank ${shape.length}`))
      : dim,
  );
  const free = dims.filter((dim) => dim === -1).length;
  if (free > 1 || dims.some((dim) => dim < -1)) n.invalid(`shape [${wanted.join(",")}] is no shape`);
  const total = elementCount(shape);
  const rest = elementCount(dims.map((dim) => (dim === -1 ? 1 : dim)));
  const result = dims.map((dim) => (dim === -1 ? (rest === 0 ? 0 : total / rest) : dim));
  if (result.some((dim) => !Number.isSafeInteger(dim)) || elementCount(result) !== total)
    n.invalid(`[${shape.join(",")}] has ${total} elements, they do not make [${wanted.join(",")}]`);
  return view(dtype, result);
}

function flatten(n: OpContext): Meaning {
  const { dtype, shape } = dataInput(n);
  const axis = n.int("axis", 1);
  const cut = axis === shape.length ? axis : n.axis(axis, Math.max(1, shape.length));
  return view(dtype, [elementCount(shape.slice(0, cut)), elementCount(shape.slice(cut))]);
}

const axesOf = (n: OpContext): readonly number[] | undefined =>
  n.version < 13 ? n.ints("axes") : n.hasInput(1) ? n.knownInts(1, "the axes") : undefined;

function squeeze(n: OpContext): Meaning {
  const { dtype, shape } = dataInput(n);
  const axes =
    axesOf(n)?.map((axis) => n.axis(axis, shape.length)) ?? shape.flatMap((dim, d) => (dim === 1 ? [d] : []));
  for (const axis of axes)
    if (shape[axis] !== 1) n.invalid(`dim ${axis} is ${shape[axis]}, only dims of 1 can be squeezed`);
  return view(
    dtype,
    shape.filter((_, d) => !axes.includes(d)),
  );
}

function unsqueeze(n: OpContext): Meaning {
  const { dtype, shape } = dataInput(n);
  const given = axesOf(n) ?? n.invalid("the axes are missing");
  const rank = shape.length + given.length;
  const axes = new Set(given.map((axis) => n.axis(axis, rank)));
  if (axes.size !== given.length) n.invalid("an axis stands twice");
  const rest = [...shape];
  return view(
    dtype,
    Array.from({ length: rank }, (_, d) => (axes.has(d) ? 1 : rest.shift()!)),
  );
}

const checkDims = (n: OpContext, dims: readonly number[]): readonly number[] =>
  dims.some((dim) => dim < 0) ? n.invalid(`shape [${dims.join(",")}] has a negative dim`) : dims;

function constantOfShape(n: OpContext): Meaning {
  const shape = checkDims(n, n.knownInts(0, "the shape"));
  const value = n.tensor("value");
  if (value === undefined)
    return { outputs: [{ dtype: "float32", shape }], reads: [], kernel: "Fill", attrs: { value: 0 }, flops: 0 };
  if (sizeOf(value.shape) !== 1) n.invalid("attribute 'value' must hold one element");
  if (value.data instanceof BigInt64Array || value.data instanceof BigUint64Array)
    return {
      outputs: [{ dtype: value.dtype, shape }],
      reads: [],
      kernel: "FillBig",
      attrs: { value: String(value.data[0]) },
      flops: 0,
    };
  return {
    outputs: [{ dtype: value.dtype, shape }],
    reads: [],
    kernel: "Fill",
    attrs: { value: numberValue(reader(value)(0)) },
    flops: 0,
  };
}

function range(n: OpContext): Meaning {
  const { dtype } = n.input(0);
  const read = (i: number, what: string): number =>
    (isInteger(dtype) ? n.knownInts(i, what) : n.knownFloats(i, what))[0] ?? n.invalid(`${what} must be a scalar`);
  const start = read(0, "the start");
  const delta = read(2, "the step");
  if (delta === 0) n.invalid("the step is 0");
  const count = Math.max(0, Math.ceil((read(1, "the limit") - start) / delta));
  if (!Number.isSafeInteger(count)) n.invalid(`the range would have ${count} elements`);
  return {
    outputs: [{ dtype, shape: [count] }],
    reads: [],
    attrs: { start: numberValue(start), delta: numberValue(delta) },
    flops: count,
  };
}

/** The type that attribute `dtype` names, or `fallback`. */
export function dtypeAttribute(n: OpContext, fallback: DType): DType {
  const code = n.intOrUndefined("dtype");
  if (code === undefined || code === 0) return fallback;
  return dtypeFromOnnx(code) ?? n.invalid(`attribute 'dtype' is ${code}, which is no type`);
}

function eyeLike(n: OpContext): Meaning {
  const { dtype, shape } = n.input(0);
  if (shape.length !== 2) n.invalid("needs rank 2");
  return { outputs: [{ dtype: dtypeAttribute(n, dtype), shape }], reads: [], attrs: { k: n.int("k", 0) }, flops: 0 };
}

function oneHot(n: OpContext): Meaning {
  const { shape } = n.input(0);
  const [depth = 0] = n.knownFloats(1, "the depth");
  if (!(depth >= 0)) n.invalid(`the depth is ${depth}`);
  const values = dataInput(n, 2);
  const rank = shape.length + 1;
  const axis = n.axis(n.int("axis", -1), rank);
  const count = Math.trunc(depth);
  return {
    outputs: [{ dtype: values.dtype, shape: [...shape.slice(0, axis), count, ...shape.slice(axis)] }],
    reads: [0, 2],
    attrs: { axis, depth: count },
    flops: 0,
  };
}

export const shapeOperators: OperatorTable = {
  Shape: shapeOf,
  Size: size,
  Reshape: reshape,
  Flatten: flatten,
  Squeeze: squeeze,
  Unsqueeze: unsqueeze,
  ConstantOfShape: constantOfShape,
  Range: range,
  EyeLike: eyeLike,
  OneHot: oneHot,
};
