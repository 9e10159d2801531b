/**
 * The loops that elementwise kernels share: operands are broadcast to the result's shape by NumPy's
 * rules, dims that run on are merged, and what is left is rows with a step of 0 or 1 an operand.
 * So "same shape", "with a scalar" and "with a trailing vector" are all the same few lines.
 */
import { invariant } from "../errors.ts";
import type { AttrValue } from "../ir/types.ts";
import { bigReader, bigWriter, broadcastStrides, forEachIndex, is64, reader, sizeOf, writer } from "./access.ts";
import type { Kernel, KernelCall, Tensor } from "./types.ts";

export type Attrs = ReadonlyMap<string, AttrValue>;

/** Operand `i`, which the operator's rule has checked to be there. */
export function operand(call: KernelCall, i: number): Tensor {
  const tensor = call.inputs[i];
  invariant(tensor, `a kernel was called without operand ${i}`);
  return tensor;
}

/** Result 0, which an elementwise kernel always has. */
export function result(call: KernelCall): Tensor {
  const tensor = call.outputs[0];
  invariant(tensor, "a kernel was called without its result");
  return tensor;
}

/** A numeric attribute; "inf", "-inf" and "nan" stand for what JSON cannot hold. */
export function numberAttr(attrs: Attrs, name: string): number {
  const value = attrs.get(name);
  if (value === "inf") return Infinity;
  if (value === "-inf") return -Infinity;
  if (value === "nan") return NaN;
  invariant(typeof value === "number", `attribute '${name}' of a kernel must be a number`);
  return value;
}

/**
 * Merges adjacent dims over which every operand runs on without a gap, and drops dims of 1.
 * Strides are in elements, one list an operand.
 */
function mergeDims(
  shape: readonly number[],
  strides: readonly (readonly number[])[],
): { shape: number[]; strides: number[][] } {
  const merged: number[] = [];
  const steps: number[][] = strides.map(() => []);
  shape.forEach((dim, d) => {
    if (dim === 1) return;
    const last = merged.length - 1;
    const runsOn = last >= 0 && strides.every((own, s) => steps[s]![last] === own[d]! * dim);
    if (runsOn) merged[last]! *= dim;
    else merged.push(dim);
    strides.forEach((own, s) => (steps[s]![runsOn ? last : last + 1] = own[d]!));
  });
  return { shape: merged, strides: steps };
}

/**
 * Visits the result row by row: `count` elements from `at`, operand k starting at `offsets[k]` and
 * advancing by `steps[k]` (0 or 1) an element. Both arrays are reused.
 */
export function forEachRow(
  shape: readonly number[],
  operandShapes: readonly (readonly number[])[],
  visit: (at: number, count: number, offsets: readonly number[], steps: readonly number[]) => void,
): void {
  if (sizeOf(shape) === 0) return;
  const merged = mergeDims(
    shape,
    operandShapes.map((own) => broadcastStrides(own, shape)),
  );
  const count = merged.shape.pop() ?? 1;
  const steps = merged.strides.map((own) => own.pop() ?? 0);
  forEachIndex(merged.shape, merged.strides, (row, offsets) => visit(row * count, count, offsets, steps));
}

/** One row of a binary operation on float32. */
export type Float32Row = (
  y: Float32Array,
  at: number,
  count: number,
  a: Float32Array,
  aAt: number,
  aStep: number,
  b: Float32Array,
  bAt: number,
  bStep: number,
) => void;

/** What a binary operation does to one pair of elements. */
export interface BinaryMeaning {
  /** On doubles; the writer rounds (integers wrap). */
  readonly number: (a: number, b: number) => number;
  /** On 64-bit integers, exact before wrapping; read as doubles where left out. */
  readonly big?: (a: bigint, b: bigint) => bigint;
  /** The fast path. */
  readonly float32?: Float32Row;
}

/**
 * Shape of operand 1 as it takes part: opsets before 7 could align it anywhere, which the rule
 * expresses as a reshape in attribute `bShape`.
 */
const alignedShape = (call: KernelCall, b: Tensor): readonly number[] => {
  const shape = call.attrs.get("bShape");
  return Array.isArray(shape) ? (shape as readonly number[]) : b.shape;
};

/** A binary kernel: operands a and b of one dtype, result of that dtype, broadcast. */
export function binaryKernel(meaningOf: (a: Tensor, b: Tensor, attrs: Attrs) => BinaryMeaning): Kernel {
  return (call) => {
    const a = operand(call, 0);
    const b = operand(call, 1);
    const y = result(call);
    const meaning = meaningOf(a, b, call.attrs);
    const shapes = [a.shape, alignedShape(call, b)];
    if (meaning.float32 && allFloat32(a, b, y)) {
      const [ya, aa, ba] = [y.data as Float32Array, a.data as Float32Array, b.data as Float32Array];
      const row = meaning.float32;
      forEachRow(y.shape, shapes, (at, count, offsets, steps) =>
        row(ya, at, count, aa, offsets[0]!, steps[0]!, ba, offsets[1]!, steps[1]!),
      );
    } else if (meaning.big && is64(a.dtype)) {
      mapPairs(y.shape, shapes, bigReader(a), bigReader(b), meaning.big, bigWriter(y));
    } else {
      mapPairs(y.shape, shapes, reader(a), reader(b), meaning.number, writer(y));
    }
  };
}

/** Applies `f` to every pair of broadcast elements, through whatever access the dtypes need. */
export function mapPairs<T, R>(
  shape: readonly number[],
  shapes: readonly (readonly number[])[],
  readA: (i: number) => T,
  readB: (i: number) => T,
  f: (a: T, b: T) => R,
  write: (i: number, value: R) => void,
): void {
  forEachRow(shape, shapes, (at, count, offsets, steps) => {
    const [a, b] = [offsets[0]!, offsets[1]!];
    const [stepA, stepB] = [steps[0]!, steps[1]!];
    for (let i = 0; i < count; i++) write(at + i, f(readA(a + i * stepA), readB(b + i * stepB)));
  });
}

/** A kernel whose result is bool: compares numbers, or bigints where 64-bit integers must be exact. */
export function comparisonKernel(holds: (a: number | bigint, b: number | bigint) => boolean): Kernel {
  return (call) => {
    const a = operand(call, 0);
    const b = operand(call, 1);
    const y = result(call).data;
    const shapes = [a.shape, alignedShape(call, b)];
    const access = is64(a.dtype) ? bigReader : reader;
    mapPairs<number | bigint, boolean>(result(call).shape, shapes, access(a), access(b), holds, (i, value) => {
      y[i] = value ? 1 : 0;
    });
  };
}

/** What a unary operation does to one element. */
interface UnaryMeaning {
  readonly number: (x: number) => number;
  readonly big?: (x: bigint) => bigint;
  /** The fast path over whole arrays of one length; `x` and `y` may be the same storage. */
  readonly float32?: (x: Float32Array, y: Float32Array) => void;
}

/** A unary kernel: the result has the operand's shape. */
export function unaryKernel(meaningOf: (attrs: Attrs) => UnaryMeaning): Kernel {
  return (call) => {
    const x = operand(call, 0);
    const y = result(call);
    const meaning = meaningOf(call.attrs);
    const count = sizeOf(y.shape);
    if (allFloat32(x, y)) {
      const [from, to] = [x.data as Float32Array, y.data as Float32Array];
      if (meaning.float32) meaning.float32(from, to);
      else for (let i = 0; i < count; i++) to[i] = meaning.number(from[i]!);
    } else if (meaning.big && is64(x.dtype)) {
      const [read, write] = [bigReader(x), bigWriter(y)];
      for (let i = 0; i < count; i++) write(i, meaning.big(read(i)));
    } else {
      const [read, write] = [reader(x), writer(y)];
      for (let i = 0; i < count; i++) write(i, meaning.number(read(i)));
    }
  };
}

export const allFloat32 = (...tensors: readonly Tensor[]): boolean =>
  tensors.every((tensor) => tensor.data instanceof Float32Array && tensor.dtype === "float32");
