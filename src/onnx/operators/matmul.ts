/** Rules of matrix products: MatMul, Gemm, their quantised forms and Microsoft's fused ones. */
import { DTYPES, isInteger, type DType } from "../../ir/dtype.ts";
import { elementCount } from "../../ir/bytes.ts";
import { productScratch } from "../../kernels/matrix-product.ts";
import { activationDefaults } from "../../kernels/rnn-activations.ts";
import type { Meaning, OpContext, OperatorTable } from "./types.ts";

const MATMUL_DTYPES: readonly DType[] = [
  "float16",
  "float32",
  "float64",
  "bfloat16",
  "int32",
  "int64",
  "uint32",
  "uint64",
];

export interface ProductShape {
  readonly rows: number;
  readonly columns: number;
  readonly depth: number;
  readonly shape: readonly number[];
  readonly flops: number;
}

const show = (shape: readonly number[]): string => `[${shape.join(",")}]`;

/** NumPy's matmul on shapes: 1-D operands gain a dim that the result loses again. */
export function productShape(n: OpContext, a: readonly number[], b: readonly number[]): ProductShape {
  if (a.length === 0 || b.length === 0) return n.invalid("operands of a matrix product must have at least one dim");
  const left = a.length === 1 ? [1, ...a] : a;
  const right = b.length === 1 ? [...b, 1] : b;
  const [rows, depth] = [left.at(-2)!, left.at(-1)!];
  const columns = right.at(-1)!;
  if (right.at(-2) !== depth)
    return n.invalid(`shapes ${show(a)} and ${show(b)} do not fit: ${depth} against ${right.at(-2)}`);
  const batch = n.broadcast(left.slice(0, -2), right.slice(0, -2));
  const shape = [...batch, ...(a.length === 1 ? [] : [rows]), ...(b.length === 1 ? [] : [columns])];
  return { rows, columns, depth, shape, flops: 2 * elementCount(shape) * depth };
}

/** Rows that one call of the blocked product sees: the batch too, where it shares the right operand. */
const scratchFor = ({ rows, columns, depth, shape }: ProductShape): ReturnType<typeof productScratch> =>
  productScratch(columns === 0 ? rows : Math.max(rows, elementCount(shape) / columns), columns, depth);

const sameDType = (n: OpContext, ...positions: readonly number[]): DType => {
  const { dtype } = n.input(0);
  for (const i of positions)
    if (n.hasInput(i) && n.input(i).dtype !== dtype)
      return n.invalid(`operand ${i} is ${n.input(i).dtype}, operand 0 is ${dtype}`);
  return dtype;
};

function checkNumeric(n: OpContext, dtype: DType): void {
  if (!MATMUL_DTYPES.includes(dtype)) n.invalid(`${n.op} does not take ${dtype}`);
}

function matMul(n: OpContext): Meaning {
  const dtype = sameDType(n, 1);
  checkNumeric(n, dtype);
  const product = productShape(n, n.input(0).shape, n.input(1).shape);
  return { outputs: [{ dtype, shape: product.shape }], flops: product.flops, scratch: [scratchFor(product)] };
}

function transposedAt(n: OpContext, name: string): number {
  const value = n.int(name, 0);
  return value === 0 ? 0 : 1;
}

interface FusedActivation {
  readonly [name: string]: string | number;
  readonly activation: string;
  readonly activationAlpha: number;
  readonly activationBeta: number;
}

function fusedActivation(n: OpContext): FusedActivation {
  const name = n.string("activation", "");
  const defaults = activationDefaults(name);
  if (name !== "" && defaults === undefined) return n.unsupported(`activation '${name}' has no kernel`);
  return {
    activation: name,
    activationAlpha: n.float("activation_alpha", defaults?.alpha ?? 0),
    activationBeta: n.float("activation_beta", defaults?.beta ?? 0),
  };
}

function gemmWith(n: OpContext, fused: FusedActivation | undefined): Meaning {
  const dtype = sameDType(n, 1, 2);
  checkNumeric(n, dtype);
  const [a, b] = [n.input(0).shape, n.input(1).shape];
  if (a.length !== 2 || b.length !== 2) return n.invalid(`operands must have 2 dims, got ${show(a)} and ${show(b)}`);
  const [transA, transB] = [transposedAt(n, "transA"), transposedAt(n, "transB")];
  const product = productShape(n, transA ? [a[1]!, a[0]!] : a, transB ? [b[1]!, b[0]!] : b);
  const { shape } = product;
  const [alpha, beta] = [n.float("alpha", 1), n.float("beta", 1)];
  if (isInteger(dtype) && (!Number.isInteger(alpha) || !Number.isInteger(beta)))
    return n.unsupported(`alpha ${alpha} and beta ${beta} must be whole for ${dtype}`);
  if (!n.hasInput(2) && n.version < 11 && fused === undefined) return n.invalid("operand 2 (C) is missing");
  const c = n.hasInput(2) ? n.input(2).shape : [];
  const isSame = c.length === 2 && c.every((dim, d) => dim === shape[d]);
  if (n.hasInput(2)) {
    if (c.length > 2 || show(n.broadcast(c, shape)) !== show(shape))
      return n.invalid(`C ${show(c)} does not broadcast to ${show(shape)}`);
    // Up to opset 6 broadcasting had to be asked for.
    if (n.version < 7 && fused === undefined && n.int("broadcast", 0) === 0 && !isSame)
      return n.invalid(`C ${show(c)} is not ${show(shape)}, and broadcast is 0`);
  }
  return {
    outputs: [{ dtype, shape }],
    kernel: "Gemm",
    attrs: { transA, transB, alpha, beta, ...fused },
    flops: product.flops,
    scratch: [scratchFor(product)],
    inPlace: isSame && n.hasInput(2) ? [2] : [],
  };
}

/** The shape with its last two dims swapped where asked; one dim stays as it is. */
const swapped = (shape: readonly number[], trans: number): readonly number[] =>
  trans && shape.length > 1 ? [...shape.slice(0, -2), shape.at(-1)!, shape.at(-2)!] : shape;

function fusedMatMul(n: OpContext): Meaning {
  const dtype = sameDType(n, 1);
  if (DTYPES[dtype].class !== "float" || DTYPES[dtype].bits < 16)
    return n.invalid(`FusedMatMul does not take ${dtype}`);
  if (n.int("transBatchA", 0) !== 0 || n.int("transBatchB", 0) !== 0)
    return n.unsupported("transBatchA and transBatchB have no kernel");
  const [transA, transB] = [transposedAt(n, "transA"), transposedAt(n, "transB")];
  const product = productShape(n, swapped(n.input(0).shape, transA), swapped(n.input(1).shape, transB));
  return {
    outputs: [{ dtype, shape: product.shape }],
    attrs: { transA, transB, alpha: n.float("alpha", 1) },
    flops: product.flops,
    scratch: [productScratch(product.rows, product.columns, product.depth)],
  };
}

const BYTES: readonly DType[] = ["int8", "uint8"];
const FLOAT8: readonly DType[] = ["float8e4m3fn", "float8e4m3fnuz", "float8e5m2", "float8e5m2fnuz"];

/** A scale or zero point: one value, one a lane, or one a lane of every matrix of `shape`. */
function checkLanes(n: OpContext, i: number, lanes: number, shape: readonly number[]): void {
  if (!n.hasInput(i)) return;
  const count = elementCount(n.input(i).shape);
  const matrices = elementCount(shape.slice(0, -2));
  if (count !== 1 && count !== lanes && count !== lanes * matrices)
    n.invalid(`operand ${i} has ${count} elements, expected 1, ${lanes} or ${lanes * matrices}`);
}

function matMulInteger(n: OpContext): Meaning {
  const [a, b] = [n.input(0), n.input(1)];
  if (!BYTES.includes(a.dtype) || !BYTES.includes(b.dtype))
    return n.invalid(`operands must be int8 or uint8, got ${a.dtype} and ${b.dtype}`);
  const product = productShape(n, a.shape, b.shape);
  checkLanes(n, 2, product.rows, a.shape);
  checkLanes(n, 3, product.columns, b.shape);
  return {
    outputs: [{ dtype: "int32", shape: product.shape }],
    reads: [0, 1, 2, 3],
    flops: product.flops,
    scratch: [productScratch(product.rows, product.columns, product.depth)],
  };
}

function qLinearMatMul(n: OpContext): Meaning {
  const [a, b, yZero] = [n.input(0), n.input(3), n.input(7)];
  const allowed = n.version >= 21 ? [...BYTES, ...FLOAT8] : BYTES;
  for (const { dtype } of [a, b, yZero])
    if (!allowed.includes(dtype)) return n.invalid(`${n.op} does not take ${dtype}`);
  for (const i of [1, 4, 6])
    if (DTYPES[n.input(i).dtype].class !== "float") return n.invalid(`operand ${i} (a scale) must be a float type`);
  const product = productShape(n, a.shape, b.shape);
  for (const i of [1, 2, 6, 7]) checkLanes(n, i, product.rows, a.shape);
  for (const i of [4, 5]) checkLanes(n, i, product.columns, b.shape);
  return {
    outputs: [{ dtype: yZero.dtype, shape: product.shape }],
    flops: product.flops,
    scratch: [productScratch(product.rows, product.columns, product.depth)],
  };
}

/** MatMul, Gemm, MatMulInteger and QLinearMatMul of ONNX's own domain. */
export const matmulOperators: OperatorTable = {
  Gemm: (n) => gemmWith(n, undefined),
  MatMul: matMul,
  MatMulInteger: matMulInteger,
  QLinearMatMul: qLinearMatMul,
};

/** Fused products of com.microsoft. */
export const contribProductOperators: OperatorTable = {
  FusedGemm: (n) => gemmWith(n, fusedActivation(n)),
  FusedMatMul: fusedMatMul,
};
