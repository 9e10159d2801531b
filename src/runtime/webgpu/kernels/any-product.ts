/**
 * Matrix products in the forms that the vectorised ones leave: odd sizes in 16 bits, integers (exact, modulo
 * 2^32 or 2^64), zero points, transposed left sides, any broadcast bias. An invocation a word of results.
 */
import { broadcastStrides, sizeOf } from "../../../kernels/access.ts";
import { isFloat } from "../../../ir/dtype.ts";
import { numberAttr } from "../../../kernels/elementwise.ts";
import { elementwise, is64Bit, isElement, scalarOf } from "./elementwise.ts";
import { floatLiteral } from "./grid.ts";
import { offsetOf } from "./layout.ts";
import { single } from "./moves.ts";
import type { CallShape, OperandShape, WgslCall, WgslKernel, WgslTable } from "./types.ts";

/** Products added up before a new sum begins, so that the error of long sums stays small. */
const SHORT = 64;

interface Side {
  readonly type: OperandShape;
  /** Elements between lanes (rows of A, columns of B), along the depth, and over each batch dim. */
  readonly lane: number;
  readonly depth: number;
  readonly batch: readonly number[];
}

interface Product {
  readonly label: string;
  readonly rows: number;
  readonly columns: number;
  readonly depth: number;
  readonly batch: readonly number[];
  readonly left: Side;
  readonly right: Side;
  readonly result: OperandShape;
  /** Further operands: position and type, loaded by `load_in2`, `load_in3`, ... in this order. */
  readonly others?: readonly { readonly input: number; readonly type: OperandShape }[];
  /** WGSL of a factor out of the loaded element; sees `row`, `column`, `aAt` and `bAt`. */
  readonly leftValue?: (element: string) => string;
  readonly rightValue?: (element: string) => string;
  /** WGSL of the result out of `total`; sees `row` and `column`. */
  readonly finish?: string;
}

function anyProduct(product: Product): WgslCall | undefined {
  const { rows, columns, depth, batch, left, right, result, others = [] } = product;
  const operands = [{ input: 0, type: left.type }, { input: 1, type: right.type }, ...others];
  if (![result, ...operands.map(({ type }) => type)].every(({ dtype }) => isElement(dtype))) return undefined;
  const scalar = scalarOf(result.dtype);
  const long = is64Bit(result.dtype);
  const multiply = (a: string, b: string): string => (long ? `mulLong(${a}, ${b})` : `${a} * ${b}`);
  const add = (a: string, b: string): string => (long ? `addLong(${a}, ${b})` : `${a} + ${b}`);
  const start = (side: Side): string => offsetOf({ shape: batch, strides: side.batch, base: 0 }, "matrix");
  const factor = (n: number, side: Side, lane: string, value: (element: string) => string = (x) => x): string =>
    value(`load_in${n}(${n === 0 ? "aAt" : "bAt"} + ${lane} * ${side.lane} + k * ${side.depth})`);
  const term = multiply(factor(0, left, "row", product.leftValue), factor(1, right, "column", product.rightValue));
  return single(
    elementwise({
      label: product.label,
      writes: { output: 0 },
      dtype: result.dtype,
      shape: result.shape,
      heavy: true,
      operands: operands.map(({ input, type }) => ({
        from: { input },
        dtype: type.dtype,
        size: sizeOf(type.shape),
        walk: null,
      })),
      body: `let column = i32(e % ${columns}u);
  let row = i32((e / ${columns}u) % ${rows}u);
  let matrix = e / ${rows * columns}u;
  let aAt = ${start(left)};
  let bAt = ${start(right)};
  var total = ${scalar}();
  for (var block = 0; block < ${depth}; block = block + ${SHORT}) {
    var part = ${scalar}();
    for (var k = block; k < min(block + ${SHORT}, ${depth}); k = k + 1) { part = ${add("part", term)}; }
    total = ${add("total", "part")};
  }
  return ${product.finish ?? "total"};`,
    }),
  );
}

/** Strides in elements of an operand's batch dims over the broadcast ones. */
const batchStrides = (shape: readonly number[], batch: readonly number[]): readonly number[] =>
  broadcastStrides(shape.slice(0, -2), batch).map((stride) => stride * shape.at(-2)! * shape.at(-1)!);

/** NumPy's matmul: batch dims broadcast, 1-D operands gain a dim; the last two dims swapped where asked. */
function batched(
  label: string,
  a: OperandShape,
  b: OperandShape,
  result: OperandShape,
  [transA, transB] = [false, false],
): Product {
  const left = a.shape.length === 1 ? [1, ...a.shape] : a.shape;
  const right = b.shape.length === 1 ? [...b.shape, 1] : b.shape;
  const [rows, depth] = transA ? [left.at(-1)!, left.at(-2)!] : [left.at(-2)!, left.at(-1)!];
  const columns = right.at(transB ? -2 : -1)!;
  const rank = Math.max(left.length, right.length) - 2;
  const dim = (shape: readonly number[], d: number): number => shape.at(d - rank - 2) ?? 1;
  const batch = Array.from({ length: rank }, (_, d) => Math.max(dim(left, d), dim(right, d)));
  return {
    label,
    rows,
    columns,
    depth,
    batch,
    left: {
      type: a,
      lane: transA ? 1 : depth,
      depth: transA ? rows : 1,
      batch: batchStrides(left, batch),
    },
    right: {
      type: b,
      lane: transB ? depth : 1,
      depth: transB ? 1 : columns,
      batch: batchStrides(right, batch),
    },
    result,
  };
}

const isSameType = (...types: readonly OperandShape[]): boolean =>
  types.every(({ dtype }) => dtype === types[0]!.dtype || (isFloat(dtype) && isFloat(types[0]!.dtype)));

const matMul: WgslKernel = ({ inputs: [a, b], outputs: [y] }) =>
  a && b && y && isSameType(y, a, b) ? anyProduct(batched("MatMul", a, b, y)) : undefined;

const flags = ({ attrs }: CallShape): [boolean, boolean] => [attrs.get("transA") === 1, attrs.get("transB") === 1];

/** attrs: transA, transB, alpha. One dim can't be swapped. */
const fusedMatMul: WgslKernel = (call) => {
  const [a, b] = call.inputs;
  const [y] = call.outputs;
  if (!a || !b || !y || !isFloat(y.dtype) || !isSameType(y, a, b)) return undefined;
  const [transA, transB] = flags(call);
  const product = batched("FusedMatMul", a, b, y, [transA && a.shape.length > 1, transB && b.shape.length > 1]);
  return anyProduct({ ...product, finish: `total * ${floatLiteral(numberAttr(call.attrs, "alpha"))}` });
};

/** attrs: transA, transB, alpha, beta; not the activation of a fused one. */
const gemm: WgslKernel = (call) => {
  const [a, b, c] = call.inputs;
  const [y] = call.outputs;
  if (!a || !b || !y || !isFloat(y.dtype) || !isSameType(y, a, b) || call.attrs.get("activation")) return undefined;
  const [alpha, beta] = [numberAttr(call.attrs, "alpha"), numberAttr(call.attrs, "beta")];
  const added = c && beta !== 0 ? c : undefined;
  if (added && !isFloat(added.dtype)) return undefined;
  const [ci, cj] = added ? broadcastStrides(added.shape, y.shape) : [];
  return anyProduct({
    ...batched("Gemm", a, b, y, flags(call)),
    others: added ? [{ input: 2, type: added }] : [],
    finish: `total * ${floatLiteral(alpha)}${added ? ` + ${floatLiteral(beta)} * load_in2(row * ${ci} + column * ${cj})` : ""}`,
  });
};

/** Operands a, b and their zero points: one, one a lane, or one a lane of every matrix. Exact: int32 sums. */
const matMulInteger: WgslKernel = ({ inputs: [a, b, aZero, bZero], outputs: [y] }) => {
  if (!a || !b || !y || y.dtype !== "int32") return undefined;
  if ([a, b, aZero, bZero].some((type) => type && type.dtype !== "int8" && type.dtype !== "uint8")) return undefined;
  const product = batched("MatMulInteger", a, b, y);
  const { rows, columns, depth } = product;
  const others = [...(aZero ? [{ input: 2, type: aZero }] : []), ...(bZero ? [{ input: 3, type: bZero }] : [])];
  const shifted = (zero: OperandShape | null | undefined, n: number, lanes: number, lane: string, matrix: string) => {
    if (!zero) return (element: string): string => `i32(${element})`;
    const count = sizeOf(zero.shape);
    const at = count === 1 ? "0" : count === lanes ? lane : `${matrix} * ${lanes} + ${lane}`;
    return (element: string): string => `(i32(${element}) - i32(load_in${n}(${at})))`;
  };
  return anyProduct({
    ...product,
    others,
    leftValue: shifted(aZero, 2, rows, "row", `(aAt / ${rows * depth})`),
    rightValue: shifted(bZero, aZero ? 3 : 2, columns, "column", `(bAt / ${depth * columns})`),
  });
};

export const anyProductKernels: WgslTable = {
  FusedMatMul: fusedMatMul,
  Gemm: gemm,
  MatMul: matMul,
  MatMulInteger: matMulInteger,
};
