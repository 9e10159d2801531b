/**
 * The matrix product behind MatMul, Gemm and their quantised forms, on strided views of any dtype.
 * Floats and narrow integers are packed block by block into float64 panels (the scheme of Goto and
 * van de Geijn, "Anatomy of High-Performance Matrix Multiplication"), summed in double over the
 * whole depth and rounded once. 32-bit integers wrap modulo 2^32, 64-bit ones modulo 2^64.
 */
import { DTYPES } from "../ir/dtype.ts";
import type { TensorType } from "../ir/types.ts";
import { bigReader, is64, reader } from "./access.ts";
import type { Tensor } from "./types.ts";

/** One operand: lanes are the rows of the left matrix, the columns of the right one. */
export interface MatrixView {
  readonly tensor: Tensor;
  /** Elements before the first one. */
  readonly offset: number;
  readonly laneStride: number;
  /** Stride along the dim that is summed. */
  readonly depthStride: number;
  /** Subtracted from every element of the lane (quantised operands). */
  readonly zeroPoint?: (lane: number) => number;
}

/** Where the sums go; called once for each (row, column). `big` is for 64-bit integers. */
export interface ProductSink {
  readonly number: (row: number, column: number, sum: number) => void;
  readonly big?: (row: number, column: number, sum: bigint) => void;
}

/** Rows, columns and depth of one block: two panels and the sums fit the second-level cache. */
const LANES = 64;
const DEPTH = 128;
/** Rows and columns of the register tile. */
const TILE = 4;

const tiled = (count: number): number => Math.ceil(count / TILE) * TILE;
const blockLanes = (count: number): number => Math.min(LANES, tiled(count));

/** Scratch of `matrixProduct`, in elements of float64; at most 160 KiB. */
export function productScratch(rows: number, columns: number, depth: number): TensorType {
  const [m, n, k] = [blockLanes(rows), blockLanes(columns), Math.min(DEPTH, depth)];
  return { dtype: "float64", shape: [m * k + n * k + m * n] };
}

/** Panel of `depth` x 4 for each four lanes; lanes past the end are zero. */
function pack(view: MatrixView, lane0: number, lanes: number, k0: number, depth: number, panel: Float64Array): void {
  const { tensor, offset, laneStride, depthStride, zeroPoint } = view;
  const { data } = tensor;
  const read = reader(tensor);
  for (let lane = 0; lane < tiled(lanes); lane++) {
    let to = (lane - (lane % TILE)) * depth + (lane % TILE);
    if (lane >= lanes) {
      for (let k = 0; k < depth; k++, to += TILE) panel[to] = 0;
      continue;
    }
    let from = offset + (lane0 + lane) * laneStride + k0 * depthStride;
    if (data instanceof Float32Array && zeroPoint === undefined) {
      for (let k = 0; k < depth; k++, to += TILE, from += depthStride) panel[to] = data[from]!;
    } else {
      const zero = zeroPoint?.(lane0 + lane) ?? 0;
      for (let k = 0; k < depth; k++, to += TILE, from += depthStride) panel[to] = read(from) - zero;
    }
  }
}

/** sums[4 rows][4 columns] += a panel x b panel, with all sixteen sums in registers. */
function tile(
  a: Float64Array,
  at: number,
  b: Float64Array,
  bt: number,
  depth: number,
  sums: Float64Array,
  to: number,
  stride: number,
): void {
  let s00 = 0,
    s01 = 0,
    s02 = 0,
    s03 = 0;
  let s10 = 0,
    s11 = 0,
    s12 = 0,
    s13 = 0;
  let s20 = 0,
    s21 = 0,
    s22 = 0,
    s23 = 0;
  let s30 = 0,
    s31 = 0,
    s32 = 0,
    s33 = 0;
  for (let k = 0, p = at, q = bt; k < depth; k++, p += TILE, q += TILE) {
    const b0 = b[q]!,
      b1 = b[q + 1]!,
      b2 = b[q + 2]!,
      b3 = b[q + 3]!;
    let x = a[p]!;
    s00 += x * b0;
    s01 += x * b1;
    s02 += x * b2;
    s03 += x * b3;
    x = a[p + 1]!;
    s10 += x * b0;
    s11 += x * b1;
    s12 += x * b2;
    s13 += x * b3;
    x = a[p + 2]!;
    s20 += x * b0;
    s21 += x * b1;
    s22 += x * b2;
    s23 += x * b3;
    x = a[p + 3]!;
    s30 += x * b0;
    s31 += x * b1;
    s32 += x * b2;
    s33 += x * b3;
  }
  addRow(sums, to, s00, s01, s02, s03);
  addRow(sums, to + stride, s10, s11, s12, s13);
  addRow(sums, to + 2 * stride, s20, s21, s22, s23);
  addRow(sums, to + 3 * stride, s30, s31, s32, s33);
}

function addRow(sums: Float64Array, to: number, a: number, b: number, c: number, d: number): void {
  sums[to] = sums[to]! + a;
  sums[to + 1] = sums[to + 1]! + b;
  sums[to + 2] = sums[to + 2]! + c;
  sums[to + 3] = sums[to + 3]! + d;
}

function blockedProduct(
  rows: number,
  columns: number,
  depth: number,
  left: MatrixView,
  right: MatrixView,
  sink: ProductSink,
  scratch: Float64Array,
): void {
  const [m, n, k] = [blockLanes(rows), blockLanes(columns), Math.min(DEPTH, depth)];
  const a = scratch.subarray(0, m * k);
  const b = scratch.subarray(m * k, (m + n) * k);
  const sums = scratch.subarray((m + n) * k, (m + n) * k + m * n);
  for (let j0 = 0; j0 < columns; j0 += n) {
    const width = Math.min(n, columns - j0);
    for (let i0 = 0; i0 < rows; i0 += m) {
      const height = Math.min(m, rows - i0);
      sums.fill(0);
      for (let k0 = 0; k0 < depth; k0 += k) {
        const deep = Math.min(k, depth - k0);
        pack(left, i0, height, k0, deep, a);
        pack(right, j0, width, k0, deep, b);
        for (let i = 0; i < height; i += TILE)
          for (let j = 0; j < width; j += TILE) tile(a, i * deep, b, j * deep, deep, sums, i * n + j, n);
      }
      for (let i = 0; i < height; i++) for (let j = 0; j < width; j++) sink.number(i0 + i, j0 + j, sums[i * n + j]!);
    }
  }
}

/**
 * One row times a float32 matrix, as in the decoding of one token: every element of the matrix is
 * used once, so that packing it would cost more than the product.
 */
function rowProduct(
  row: number,
  columns: number,
  depth: number,
  left: MatrixView,
  right: MatrixView,
  matrix: Float32Array,
  sink: ProductSink,
  scratch: Float64Array,
): void {
  const read = reader(left.tensor);
  const first = left.offset + row * left.laneStride;
  const width = Math.min(columns, scratch.length);
  for (let j0 = 0; j0 < columns; j0 += width) {
    const count = Math.min(width, columns - j0);
    scratch.fill(0, 0, count);
    for (let k = 0; k < depth; k++) {
      const x = read(first + k * left.depthStride);
      const from = right.offset + k * right.depthStride + j0;
      for (let j = 0; j < count; j++) scratch[j] = scratch[j]! + x * matrix[from + j]!;
    }
    for (let j = 0; j < count; j++) sink.number(row, j0 + j, scratch[j]!);
  }
}

function int32Product(
  rows: number,
  columns: number,
  depth: number,
  left: MatrixView,
  right: MatrixView,
  sink: ProductSink,
): void {
  const a = reader(left.tensor);
  const b = reader(right.tensor);
  const unsigned = left.tensor.dtype === "uint32";
  for (let i = 0; i < rows; i++)
    for (let j = 0; j < columns; j++) {
      let sum = 0;
      let p = left.offset + i * left.laneStride;
      let q = right.offset + j * right.laneStride;
      for (let k = 0; k < depth; k++, p += left.depthStride, q += right.depthStride)
        sum = (sum + Math.imul(a(p), b(q))) | 0;
      sink.number(i, j, unsigned ? sum >>> 0 : sum);
    }
}

function int64Product(
  rows: number,
  columns: number,
  depth: number,
  left: MatrixView,
  right: MatrixView,
  put: (row: number, column: number, sum: bigint) => void,
): void {
  const a = bigReader(left.tensor);
  const b = bigReader(right.tensor);
  for (let i = 0; i < rows; i++)
    for (let j = 0; j < columns; j++) {
      let sum = 0n;
      let p = left.offset + i * left.laneStride;
      let q = right.offset + j * right.laneStride;
      for (let k = 0; k < depth; k++, p += left.depthStride, q += right.depthStride) sum += a(p) * b(q);
      put(i, j, sum);
    }
}

/** Every sum of left[row, k] * right[k, column] goes to `sink` once; a depth of 0 gives zeros. */
export function matrixProduct(
  rows: number,
  columns: number,
  depth: number,
  left: MatrixView,
  right: MatrixView,
  sink: ProductSink,
  scratch: Float64Array,
): void {
  const { dtype } = left.tensor;
  const { data } = right.tensor;
  const isInteger = DTYPES[dtype].class === "int" || DTYPES[dtype].class === "uint";
  if (is64(dtype) && sink.big !== undefined) int64Product(rows, columns, depth, left, right, sink.big);
  else if (isInteger && DTYPES[dtype].bits === 32) int32Product(rows, columns, depth, left, right, sink);
  else if (
    rows < TILE &&
    data instanceof Float32Array &&
    right.laneStride === 1 &&
    right.zeroPoint === undefined &&
    left.zeroPoint === undefined
  )
    for (let row = 0; row < rows; row++) rowProduct(row, columns, depth, left, right, data, sink, scratch);
  else blockedProduct(rows, columns, depth, left, right, sink, scratch);
}
