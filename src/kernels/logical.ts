/** Comparisons, logic on bool, operations on bits, and the choice between two operands. */
import { DTYPES } from "../ir/dtype.ts";
import { reader, writer } from "./access.ts";
import { binaryKernel, comparisonKernel, forEachRow, operand, result } from "./elementwise.ts";
import type { Kernel, KernelTable, Tensor } from "./types.ts";

/** Attribute direction: LEFT or RIGHT. Shifting by the width or more leaves zero. */
const bitShift = binaryKernel((a, _b, attrs) => {
  const bits = DTYPES[a.dtype].bits;
  const width = BigInt(bits);
  return attrs.get("direction") === "LEFT"
    ? {
        number: (x, places) => (places >= bits ? 0 : (x << places) >>> 0),
        big: (x, places) => (places >= width ? 0n : x << places),
      }
    : {
        number: (x, places) => (places >= bits ? 0 : x >>> places),
        big: (x, places) => (places >= width ? 0n : x >> places),
      };
});

/** Copies element `from` of x or y to element `to` of z: as stored, not decoded, save for packed types. */
function moverOf(x: Tensor, y: Tensor, z: Tensor): (to: number, chooseX: boolean, from: number) => void {
  const { bits, class: kind } = DTYPES[z.dtype];
  if (bits < 8) {
    const [readX, readY, write] = [reader(x), reader(y), writer(z)];
    return (to, chooseX, from) => write(to, chooseX ? readX(from) : readY(from));
  }
  if (kind === "complex") {
    return (to, chooseX, from) => {
      const source = chooseX ? x.data : y.data;
      z.data[2 * to] = source[2 * from]!;
      z.data[2 * to + 1] = source[2 * from + 1]!;
    };
  }
  return (to, chooseX, from) => {
    z.data[to] = chooseX ? x.data[from]! : y.data[from]!;
  };
}

/** Operands condition, x, y. */
const where: Kernel = (call) => {
  const [condition, x, y, z] = [operand(call, 0), operand(call, 1), operand(call, 2), result(call)];
  const move = moverOf(x, y, z);
  forEachRow(z.shape, [condition.shape, x.shape, y.shape], (at, count, offsets, steps) => {
    const [c, a, b] = [offsets[0]!, offsets[1]!, offsets[2]!];
    const [stepC, stepA, stepB] = [steps[0]!, steps[1]!, steps[2]!];
    for (let i = 0; i < count; i++) {
      const chooseX = condition.data[c + i * stepC] !== 0;
      move(at + i, chooseX, chooseX ? a + i * stepA : b + i * stepB);
    }
  });
};

export const logicalKernels: KernelTable = {
  And: binaryKernel(() => ({ number: (a, b) => a & b })),
  BitShift: bitShift,
  BitwiseAnd: binaryKernel(() => ({ number: (a, b) => a & b, big: (a, b) => a & b })),
  BitwiseOr: binaryKernel(() => ({ number: (a, b) => a | b, big: (a, b) => a | b })),
  BitwiseXor: binaryKernel(() => ({ number: (a, b) => a ^ b, big: (a, b) => a ^ b })),
  Equal: comparisonKernel((a, b) => a === b),
  Greater: comparisonKernel((a, b) => a > b),
  GreaterOrEqual: comparisonKernel((a, b) => a >= b),
  Less: comparisonKernel((a, b) => a < b),
  LessOrEqual: comparisonKernel((a, b) => a <= b),
  Or: binaryKernel(() => ({ number: (a, b) => a | b })),
  Where: where,
  Xor: binaryKernel(() => ({ number: (a, b) => a ^ b })),
};
