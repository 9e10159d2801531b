/** Gather and scatter families, with ONNX's index rules: negative indices count from the end, others outside are refused. */
import { badData } from "../errors.ts";
import { bytesOf, reader, sizeOf, stridesOf, writer, bigReader, bigWriter, is64 } from "./access.ts";
import { flagAttr, intAttr, textAttr } from "./attributes.ts";
import { operand, result } from "./elementwise.ts";
import { mover, runMover } from "./strided.ts";
import type { Kernel, KernelTable, Tensor } from "./types.ts";

/** Reads index `i`, made non-negative and checked against `size`. */
function indexReader(kernel: string, indices: Tensor): (i: number, size: number) => number {
  const read = reader(indices);
  return (i, size) => {
    const raw = read(i);
    const index = raw < 0 ? raw + size : raw;
    if (!(index >= 0 && index < size)) throw badData(kernel, `index ${raw} is outside a dim of ${size}`);
    return index;
  };
}

const product = (dims: readonly number[]): number => dims.reduce((a, b) => a * b, 1);

const copyAll = (from: Tensor, to: Tensor): void => {
  if (from.data.byteOffset !== to.data.byteOffset || from.data.buffer !== to.data.buffer)
    bytesOf(to).set(bytesOf(from));
};

/** attrs: axis. */
const gather: Kernel = (call) => {
  const x = operand(call, 0);
  const indices = operand(call, 1);
  const y = result(call);
  const axis = intAttr(call.attrs, "axis");
  const size = x.shape[axis]!;
  const outer = product(x.shape.slice(0, axis));
  const inner = product(x.shape.slice(axis + 1));
  const count = sizeOf(indices.shape);
  const index = indexReader("Gather", indices);
  const move = runMover(x, y);
  for (let k = 0; k < count; k++) {
    const at = index(k, size);
    for (let o = 0; o < outer; o++) move((o * size + at) * inner, (o * count + k) * inner, inner);
  }
};

/** Visits each element of `shape` with its coordinates in `at` (reused). */
function eachCoordinate(shape: readonly number[], visit: (i: number, at: readonly number[]) => void): void {
  const total = sizeOf(shape);
  const at = shape.map(() => 0);
  for (let i = 0; i < total; i++) {
    visit(i, at);
    for (let d = at.length - 1; d >= 0; d--) {
      at[d]!++;
      if (at[d]! < shape[d]!) break;
      at[d] = 0;
    }
  }
}

/** attrs: axis. */
const gatherElements: Kernel = (call) => {
  const x = operand(call, 0);
  const indices = operand(call, 1);
  const axis = intAttr(call.attrs, "axis");
  const strides = stridesOf(x.shape);
  const index = indexReader("GatherElements", indices);
  const move = mover(x, result(call));
  eachCoordinate(indices.shape, (i, at) => {
    let from = index(i, x.shape[axis]!) * strides[axis]!;
    for (let d = 0; d < at.length; d++) if (d !== axis) from += at[d]! * strides[d]!;
    move(from, i);
  });
};

/** attrs: batch (number of leading dims in common). */
const gatherND: Kernel = (call) => {
  const x = operand(call, 0);
  const indices = operand(call, 1);
  const y = result(call);
  const batch = intAttr(call.attrs, "batch");
  const depth = indices.shape.at(-1)!;
  const strides = stridesOf(x.shape);
  const batches = product(x.shape.slice(0, batch));
  const tuples = product(indices.shape.slice(batch, -1));
  const run = product(x.shape.slice(batch + depth));
  const perBatch = product(x.shape.slice(batch));
  const index = indexReader("GatherND", indices);
  const move = runMover(x, y);
  for (let b = 0; b < batches; b++) {
    for (let t = 0; t < tuples; t++) {
      const tuple = b * tuples + t;
      let from = b * perBatch;
      for (let k = 0; k < depth; k++) from += index(tuple * depth + k, x.shape[batch + k]!) * strides[batch + k]!;
      move(from, tuple * run, run);
    }
  }
};

type Combine = (from: number, to: number) => void;

/** What a scatter does with an update: overwrites, or adds, multiplies, takes the larger or smaller. */
function combiner(reduction: string, updates: Tensor, y: Tensor): Combine {
  if (reduction === "none") return mover(updates, y);
  if (is64(y.dtype)) {
    const old = bigReader(y);
    const update = bigReader(updates);
    const write = bigWriter(y);
    const apply: Record<string, (a: bigint, b: bigint) => bigint> = {
      add: (a, b) => a + b,
      mul: (a, b) => a * b,
      max: (a, b) => (a > b ? a : b),
      min: (a, b) => (a < b ? a : b),
    };
    return (from, to) => write(to, apply[reduction]!(old(to), update(from)));
  }
  const old = reader(y);
  const update = reader(updates);
  const write = writer(y);
  const apply: Record<string, (a: number, b: number) => number> = {
    add: (a, b) => a + b,
    mul: (a, b) => a * b,
    max: Math.max,
    min: Math.min,
  };
  return (from, to) => write(to, apply[reduction]!(old(to), update(from)));
}

/** attrs: axis, reduction. */
const scatterElements: Kernel = (call) => {
  const x = operand(call, 0);
  const indices = operand(call, 1);
  const updates = operand(call, 2);
  const y = result(call);
  copyAll(x, y);
  const axis = intAttr(call.attrs, "axis");
  const strides = stridesOf(x.shape);
  const index = indexReader("ScatterElements", indices);
  const combine = combiner(textAttr(call.attrs, "reduction"), updates, y);
  eachCoordinate(indices.shape, (i, at) => {
    let to = index(i, x.shape[axis]!) * strides[axis]!;
    for (let d = 0; d < at.length; d++) if (d !== axis) to += at[d]! * strides[d]!;
    combine(i, to);
  });
};

/** attrs: reduction. */
const scatterND: Kernel = (call) => {
  const x = operand(call, 0);
  const indices = operand(call, 1);
  const updates = operand(call, 2);
  const y = result(call);
  copyAll(x, y);
  const depth = indices.shape.at(-1)!;
  const strides = stridesOf(x.shape);
  const tuples = product(indices.shape.slice(0, -1));
  const run = product(x.shape.slice(depth));
  const index = indexReader("ScatterND", indices);
  const combine = combiner(textAttr(call.attrs, "reduction"), updates, y);
  for (let t = 0; t < tuples; t++) {
    let to = 0;
    for (let k = 0; k < depth; k++) to += index(t * depth + k, x.shape[k]!) * strides[k]!;
    for (let i = 0; i < run; i++) combine(t * run + i, to + i);
  }
};

/** attrs: axis, circular. Operands: cache, update, write positions (one a batch, optional). */
const tensorScatter: Kernel = (call) => {
  const x = operand(call, 0);
  const update = operand(call, 1);
  const positions = call.inputs[2];
  const y = result(call);
  copyAll(x, y);
  const axis = intAttr(call.attrs, "axis");
  const circular = flagAttr(call.attrs, "circular");
  const read = positions ? reader(positions) : () => 0;
  const size = x.shape[axis]!;
  const length = update.shape[axis]!;
  const inner = product(x.shape.slice(axis + 1));
  const outer = product(x.shape.slice(0, axis));
  const perBatch = outer / Math.max(1, x.shape[0]!);
  const move = runMover(update, y);
  for (let o = 0; o < outer; o++) {
    const start = read(Math.floor(o / perBatch));
    for (let k = 0; k < length; k++) {
      const at = circular ? (start + k) % size : start + k;
      if (at < 0 || at >= size) throw badData("TensorScatter", `position ${at} is outside a dim of ${size}`);
      move((o * length + k) * inner, (o * size + at) * inner, inner);
    }
  }
};

/** attrs: axis (or -1 for the flattened operand). Operand 1: which entries to keep; their number is in the result's shape. */
const compress: Kernel = (call) => {
  const x = operand(call, 0);
  const condition = reader(operand(call, 1));
  const y = result(call);
  const axis = intAttr(call.attrs, "axis");
  const size = axis < 0 ? sizeOf(x.shape) : x.shape[axis]!;
  const inner = axis < 0 ? 1 : product(x.shape.slice(axis + 1));
  const outer = axis < 0 ? 1 : product(x.shape.slice(0, axis));
  const length = Math.min(size, sizeOf(operand(call, 1).shape));
  const kept = Array.from({ length }, (_, i) => i).filter((i) => condition(i) !== 0);
  const move = runMover(x, y);
  for (let o = 0; o < outer; o++)
    kept.forEach((from, k) => move((o * size + from) * inner, (o * kept.length + k) * inner, inner));
};

export const indexingKernels: KernelTable = {
  Gather: gather,
  GatherElements: gatherElements,
  GatherND: gatherND,
  ScatterElements: scatterElements,
  ScatterND: scatterND,
  TensorScatter: tensorScatter,
  Compress: compress,
};
