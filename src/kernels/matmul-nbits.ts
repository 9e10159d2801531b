/**
 * MatMulNBits of com.microsoft: a float matrix times a weight of 2, 4 or 8 bits that is quantised in
 * blocks along the depth. Each weight column is decoded once, into a row of scratch.
 */
import { reader, sizeOf, writer } from "./access.ts";
import { rowDot } from "./rows.ts";
import type { Kernel, KernelTable, Tensor } from "./types.ts";

/** Zero points by (column, block): packed like the weights, one float each, or the middle of the range. */
function zeroPoints(
  tensor: Tensor | null | undefined,
  columns: number,
  blocks: number,
  bits: number,
): (column: number, block: number) => number {
  if (!tensor) return () => 2 ** (bits - 1);
  const read = reader(tensor);
  if (tensor.dtype !== "uint8") return (column, block) => read(column * blocks + block);
  const rowBytes = columns === 0 ? 0 : sizeOf(tensor.shape) / columns;
  return (column, block) =>
    (read(column * rowBytes + Math.floor((block * bits) / 8)) >> ((block * bits) % 8)) & (2 ** bits - 1);
}

/** Operands: A (..., depth), B (columns, blocks, bytes), scales, zero points, g_idx (absent), bias. */
const matMulNBits: Kernel = ({ inputs, outputs, attrs }) => {
  const [a, b, scales, zeros, , bias] = inputs;
  const y = outputs[0]!;
  const row = outputs.at(-1)!.data as Float64Array;
  const [bits, blockSize] = [Number(attrs.get("bits")), Number(attrs.get("blockSize"))];
  const [columns, depth] = [Number(attrs.get("columns")), Number(attrs.get("depth"))];
  const blocks = Math.ceil(depth / blockSize);
  const bytes = b!.data as Uint8Array;
  const readScale = reader(scales!);
  const zeroOf = zeroPoints(zeros, columns, blocks, bits);
  const readBias = bias ? reader(bias) : undefined;
  const dot = rowDot(a!);
  const write = writer(y);
  const rows = columns === 0 ? 0 : sizeOf(y.shape) / columns;
  const mask = 2 ** bits - 1;
  for (let j = 0; j < columns; j++) {
    const base = (j * blocks * blockSize * bits) / 8;
    for (let k = 0; k < depth; k++) {
      const block = Math.floor(k / blockSize);
      const value = (bytes[base + ((k * bits) >> 3)]! >> ((k * bits) & 7)) & mask;
      row[k] = (value - zeroOf(j, block)) * readScale(j * blocks + block);
    }
    const added = readBias?.(j) ?? 0;
    for (let i = 0; i < rows; i++) write(i * columns + j, dot(i * depth, row, 0, depth) + added);
  }
};

export const matMulNBitsKernels: KernelTable = { MatMulNBits: matMulNBits };
