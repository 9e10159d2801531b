/** Quantised operators of com.microsoft: MatMulNBits and the QLinear family of elementwise operators. */
import { DTYPES } from "../../ir/dtype.ts";
import { elementCount } from "../../ir/bytes.ts";
import type { TensorType } from "../../ir/types.ts";
import type { Meaning, OpContext, OperatorTable } from "./types.ts";

const show = (shape: readonly number[]): string => `[${shape.join(",")}]`;

function matMulNBits(n: OpContext): Meaning {
  const a = n.input(0);
  if (DTYPES[a.dtype].class !== "float" || DTYPES[a.dtype].bits < 16)
    return n.invalid(`A must be a float tensor, got ${a.dtype}`);
  const [columns, depth, blockSize] = [n.requiredInt("N"), n.requiredInt("K"), n.requiredInt("block_size")];
  const bits = n.int("bits", 4);
  if (![2, 4, 8].includes(bits)) return n.unsupported(`weights of ${bits} bits have no kernel`);
  if (columns < 1 || depth < 1 || blockSize < 16 || !Number.isInteger(Math.log2(blockSize)))
    return n.invalid(`N ${columns}, K ${depth} and block_size ${blockSize} are not valid`);
  if (a.shape.at(-1) !== depth) return n.invalid(`A ${show(a.shape)} does not end in K = ${depth}`);
  const blocks = Math.ceil(depth / blockSize);
  const b = n.input(1);
  const bytes = (blockSize * bits) / 8;
  if (b.dtype !== "uint8" || elementCount(b.shape) !== columns * blocks * bytes)
    return n.invalid(`B must be uint8[${columns},${blocks},${bytes}], got ${b.dtype}${show(b.shape)}`);
  const expect = (i: number, count: number, what: string): void => {
    if (n.hasInput(i) && elementCount(n.input(i).shape) !== count)
      n.invalid(`${what} must have ${count} elements, got ${show(n.input(i).shape)}`);
  };
  expect(2, columns * blocks, "scales");
  if (n.hasInput(3)) {
    const isPacked = n.input(3).dtype === "uint8";
    if (!isPacked && DTYPES[n.input(3).dtype].class !== "float")
      return n.invalid(`zero_points must be uint8 or float, got ${n.input(3).dtype}`);
    expect(3, columns * (isPacked ? Math.ceil((blocks * bits) / 8) : blocks), "zero_points");
  }
  if (n.hasInput(4)) return n.unsupported("g_idx has no kernel");
  expect(5, columns, "bias");
  const shape = [...a.shape.slice(0, -1), columns];
  return {
    outputs: [{ dtype: a.dtype, shape }],
    reads: [0, 1, 2, 3, 4, 5],
    attrs: { columns, depth, blockSize, bits },
    flops: 2 * elementCount(shape) * depth,
    scratch: [{ dtype: "float64", shape: [depth] }],
  };
}

/** An 8-bit operand with its scale at `i + 1` and its zero point, if any, at `i + 2`. */
function quantizedOperand(n: OpContext, i: number): TensorType {
  const type = n.input(i);
  if (type.dtype !== "int8" && type.dtype !== "uint8")
    return n.invalid(`operand ${i} must be int8 or uint8, got ${type.dtype}`);
  for (const k of [i + 1, i + 2]) checkOne(n, k);
  return type;
}

function checkOne(n: OpContext, i: number): void {
  if (n.hasInput(i) && elementCount(n.input(i).shape) !== 1)
    n.unsupported(`operand ${i} has ${elementCount(n.input(i).shape)} elements: only one scale a tensor has a kernel`);
}

function binary(n: OpContext): Meaning {
  const [a, b] = [quantizedOperand(n, 0), quantizedOperand(n, 3)];
  if (a.dtype !== b.dtype) return n.invalid(`operands are ${a.dtype} and ${b.dtype}`);
  for (const i of [6, 7]) checkOne(n, i);
  return { outputs: [{ dtype: a.dtype, shape: n.broadcast(a.shape, b.shape) }], reads: [0, 1, 2, 3, 4, 5, 6, 7] };
}

const unary =
  (activation: string, fallbackAlpha: number) =>
  (n: OpContext): Meaning => {
    const x = quantizedOperand(n, 0);
    for (const i of [3, 4]) checkOne(n, i);
    return {
      outputs: [x],
      kernel: "QLinearActivation",
      reads: [0, 1, 2, 3, 4],
      attrs: { activation, alpha: n.float("alpha", fallbackAlpha) },
      inPlace: [0],
    };
  };

export const contribQuantizedOperators: OperatorTable = {
  MatMulNBits: matMulNBits,
  QLinearAdd: binary,
  QLinearLeakyRelu: unary("LeakyRelu", 0.01),
  QLinearMul: binary,
  QLinearSigmoid: unary("Sigmoid", 0),
};
