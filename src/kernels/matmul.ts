/** MatMul, Gemm and their quantised and fused forms: every dtype that ONNX allows, one rounding. */
import { DTYPES, isInteger } from "../ir/dtype.ts";
import { bigReader, bigWriter, broadcastStrides, forEachIndex, is64, reader, sizeOf, writer } from "./access.ts";
import { activation } from "./rnn-activations.ts";
import { encodeFloat, isNarrowFloat } from "./float-formats.ts";
import { matrixProduct, productScratch, type MatrixView, type ProductSink } from "./matrix-product.ts";
import type { Kernel, KernelTable, Tensor } from "./types.ts";

interface BatchedShapes {
  readonly rows: number;
  readonly columns: number;
  readonly depth: number;
  /** Broadcast batch dims, and the operands' strides over them in elements. */
  readonly batch: readonly number[];
  readonly leftStrides: readonly number[];
  readonly rightStrides: readonly number[];
}

/** NumPy's matmul on shapes that are known to fit: 1-D operands gain a dim of 1. */
function batchedShapes(left: readonly number[], right: readonly number[]): BatchedShapes {
  const a = left.length === 1 ? [1, left[0]!] : left;
  const b = right.length === 1 ? [right[0]!, 1] : right;
  const [rows, depth] = [a.at(-2)!, a.at(-1)!];
  const columns = b.at(-1)!;
  const aBatch = a.slice(0, -2);
  const bBatch = b.slice(0, -2);
  const rank = Math.max(aBatch.length, bBatch.length);
  const batch = Array.from({ length: rank }, (_, d) => {
    const own = aBatch[d - rank + aBatch.length] ?? 1;
    return own === 1 ? (bBatch[d - rank + bBatch.length] ?? 1) : own;
  });
  return {
    rows,
    columns,
    depth,
    batch,
    leftStrides: broadcastStrides(aBatch, batch).map((stride) => stride * rows * depth),
    rightStrides: broadcastStrides(bBatch, batch).map((stride) => stride * depth * columns),
  };
}

/** Writes sums at `offset + row * columns + column`. */
function plainSink(y: Tensor, offset: number, columns: number): ProductSink {
  const write = writer(y);
  const writeBig = is64(y.dtype) ? bigWriter(y) : undefined;
  return {
    number: (i, j, sum) => write(offset + i * columns + j, sum),
    ...(writeBig && { big: (i, j, sum) => writeBig(offset + i * columns + j, sum) }),
  };
}

const scratchOf = (outputs: readonly (Tensor | null)[]): Float64Array => outputs.at(-1)!.data as Float64Array;

/** A plan for a backend with kernels of its own has no scratch for this one: then it makes its own. */
const scratchOrOwn = (
  outputs: readonly (Tensor | null)[],
  rows: number,
  columns: number,
  depth: number,
): Float64Array =>
  outputs.length > 1 ? scratchOf(outputs) : new Float64Array(sizeOf(productScratch(rows, columns, depth).shape));

const matMul: Kernel = ({ inputs, outputs }) => {
  const [a, b] = inputs as readonly Tensor[];
  const y = outputs[0]!;
  const shapes = batchedShapes(a!.shape, b!.shape);
  const { columns, depth, batch, leftStrides, rightStrides } = shapes;
  // One right matrix for the whole batch, as in every linear layer: the batch is more rows.
  const isShared =
    rightStrides.every((stride) => stride === 0) && sizeOf(a!.shape) === sizeOf(batch) * shapes.rows * depth;
  const rows = isShared ? shapes.rows * sizeOf(batch) : shapes.rows;
  const scratch = scratchOrOwn(outputs, rows, columns, depth);
  forEachIndex(isShared ? [] : batch, isShared ? [] : [leftStrides, rightStrides], (i, [p = 0, q = 0]) => {
    const left = { tensor: a!, offset: p, laneStride: depth, depthStride: 1 };
    const right = { tensor: b!, offset: q, laneStride: 1, depthStride: columns };
    matrixProduct(rows, columns, depth, left, right, plainSink(y, i * rows * columns, columns), scratch);
  });
};

/** Views of the last two dims, swapped where `trans`; `lanes` x `depth` is the shape wanted. */
const leftView = (tensor: Tensor, offset: number, rows: number, depth: number, trans: boolean): MatrixView =>
  trans ? { tensor, offset, laneStride: 1, depthStride: rows } : { tensor, offset, laneStride: depth, depthStride: 1 };
const rightView = (tensor: Tensor, offset: number, depth: number, columns: number, trans: boolean): MatrixView =>
  trans
    ? { tensor, offset, laneStride: depth, depthStride: 1 }
    : { tensor, offset, laneStride: 1, depthStride: columns };

/** y = act(alpha * A' B' + beta * C); C broadcasts to y. Integer types have whole alpha and beta. */
const gemm: Kernel = ({ inputs, outputs, attrs }) => {
  const [a, b, c] = inputs;
  const y = outputs[0]!;
  const [rows, columns] = [y.shape[0]!, y.shape[1]!];
  const transA = attrs.get("transA") === 1;
  const depth = a!.shape[transA ? 0 : 1]!;
  const alpha = Number(attrs.get("alpha"));
  const beta = Number(attrs.get("beta"));
  const act = activation(
    String(attrs.get("activation") ?? ""),
    Number(attrs.get("activationAlpha") ?? 0),
    Number(attrs.get("activationBeta") ?? 0),
  );
  const [ci, cj] = c ? (broadcastStrides(c.shape, y.shape) as [number, number]) : [0, 0];
  const left = leftView(a!, 0, rows, depth, transA);
  const scratch = scratchOrOwn(outputs, rows, columns, depth);
  const right = rightView(b!, 0, depth, columns, attrs.get("transB") === 1);
  if (isInteger(y.dtype)) {
    // Through bigints, so that the scaling wraps like the sums do.
    const readC = c ? bigReader(c) : undefined;
    const write = bigWriter(y);
    const put = (i: number, j: number, sum: bigint): void =>
      write(i * columns + j, BigInt(alpha) * sum + (readC ? BigInt(beta) * readC(i * ci + j * cj) : 0n));
    matrixProduct(
      rows,
      columns,
      depth,
      left,
      right,
      { number: (i, j, sum) => put(i, j, BigInt(sum)), big: put },
      scratch,
    );
    return;
  }
  const readC = c && beta !== 0 ? reader(c) : undefined;
  const write = writer(y);
  const number = (i: number, j: number, sum: number): void =>
    write(i * columns + j, act(alpha * sum + (readC ? beta * readC(i * ci + j * cj) : 0)));
  matrixProduct(rows, columns, depth, left, right, { number }, scratch);
};

/** The shape with its last two dims swapped where asked; one dim stays as it is. */
const swapped = (shape: readonly number[], trans: boolean): readonly number[] =>
  trans && shape.length > 1 ? [...shape.slice(0, -2), shape.at(-1)!, shape.at(-2)!] : shape;

/** alpha * A' B' with batch dims, the last two dims swapped where asked. */
const fusedMatMul: Kernel = ({ inputs, outputs, attrs }) => {
  const [a, b] = inputs as readonly Tensor[];
  const y = outputs[0]!;
  const alpha = Number(attrs.get("alpha"));
  const transA = attrs.get("transA") === 1 && a!.shape.length > 1;
  const transB = attrs.get("transB") === 1 && b!.shape.length > 1;
  const { rows, columns, depth, batch, leftStrides, rightStrides } = batchedShapes(
    swapped(a!.shape, transA),
    swapped(b!.shape, transB),
  );
  const write = writer(y);
  forEachIndex(batch, [leftStrides, rightStrides], (index, [p = 0, q = 0]) => {
    const base = index * rows * columns;
    const number = (i: number, j: number, sum: number): void => write(base + i * columns + j, alpha * sum);
    const views = [leftView(a!, p, rows, depth, transA), rightView(b!, q, depth, columns, transB)] as const;
    matrixProduct(rows, columns, depth, ...views, { number }, scratchOf(outputs));
  });
};

/**
 * A quantisation parameter as a function of (batch, lane): one value, one a lane, or one a lane of
 * every batch.
 */
function laneParameter(
  tensor: Tensor | null | undefined,
  lanes: number,
  absent: number,
): (batch: number, lane: number) => number {
  if (!tensor) return () => absent;
  const read = reader(tensor);
  const count = sizeOf(tensor.shape);
  if (count === 1) return () => read(0);
  return count === lanes ? (_, lane) => read(lane) : (batch, lane) => read(batch * lanes + lane);
}

interface QuantizedOperands {
  readonly a: Tensor;
  readonly b: Tensor;
  readonly aZero: Tensor | null | undefined;
  readonly bZero: Tensor | null | undefined;
}

/** Sums of (a - its zero point) * (b - its zero point) for each matrix of the batch. */
function quantizedProduct(
  operands: QuantizedOperands,
  scratch: Float64Array,
  put: (batch: { a: number; b: number }, at: number, row: number, column: number, sum: number) => void,
): void {
  const { a, b } = operands;
  const { rows, columns, depth, batch, leftStrides, rightStrides } = batchedShapes(a.shape, b.shape);
  const aZero = laneParameter(operands.aZero, rows, 0);
  const bZero = laneParameter(operands.bZero, columns, 0);
  forEachIndex(batch, [leftStrides, rightStrides], (index, [p = 0, q = 0]) => {
    const which = { a: depth === 0 ? 0 : p / (rows * depth), b: depth === 0 ? 0 : q / (depth * columns) };
    const left = {
      tensor: a,
      offset: p,
      laneStride: depth,
      depthStride: 1,
      zeroPoint: (lane: number) => aZero(which.a, lane),
    };
    const right = {
      tensor: b,
      offset: q,
      laneStride: 1,
      depthStride: columns,
      zeroPoint: (lane: number) => bZero(which.b, lane),
    };
    const number = (i: number, j: number, sum: number): void => put(which, (index * rows + i) * columns + j, i, j, sum);
    matrixProduct(rows, columns, depth, left, right, { number }, scratch);
  });
}

const matMulInteger: Kernel = ({ inputs, outputs }) => {
  const [a, b, aZero, bZero] = inputs;
  const write = writer(outputs[0]!);
  quantizedProduct({ a: a!, b: b!, aZero, bZero }, scratchOf(outputs), (_, at, _row, _column, sum) => write(at, sum));
};

/** Nearest integer, ties to even. */
function roundEven(x: number): number {
  const rounded = Math.round(x);
  return rounded - x === 0.5 && rounded % 2 !== 0 ? rounded - 1 : rounded;
}

const qLinearMatMul: Kernel = ({ inputs, outputs }) => {
  const [a, aScale, aZero, b, bScale, bZero, yScale, yZero] = inputs;
  const y = outputs[0]!;
  const { rows, columns } = batchedShapes(a!.shape, b!.shape);
  const left = laneParameter(aScale, rows, 1);
  const right = laneParameter(bScale, columns, 1);
  const scale = laneParameter(yScale, rows, 1);
  const zero = laneParameter(yZero, rows, 0);
  const write = writer(y);
  const { dtype } = y;
  const bits = DTYPES[dtype].bits;
  const [low, high] = DTYPES[dtype].class === "int" ? [-(2 ** (bits - 1)), 2 ** (bits - 1) - 1] : [0, 2 ** bits - 1];
  quantizedProduct({ a: a!, b: b!, aZero, bZero }, scratchOf(outputs), (batch, at, i, j, sum) => {
    const value = sum * ((left(batch.a, i) * right(batch.b, j)) / scale(batch.a, i));
    if (isNarrowFloat(dtype)) y.data[at] = encodeFloat(dtype, value + zero(batch.a, i), true);
    else write(at, Math.min(high, Math.max(low, roundEven(value) + zero(batch.a, i))));
  });
};

export const matmulKernels: KernelTable = {
  FusedMatMul: fusedMatMul,
  Gemm: gemm,
  MatMul: matMul,
  MatMulInteger: matMulInteger,
  QLinearMatMul: qLinearMatMul,
};
