/** Rules of Max, Min, Sum and Mean, of any number of operands. */
import type { DType } from "../../ir/dtype.ts";
import { FLOATS, NUMBERS, reusable, sameShape, typedInput } from "./elementwise.ts";
import type { OperatorRule, OperatorTable } from "./types.ts";

const variadic =
  (allowed: readonly DType[]): OperatorRule =>
  (n) => {
    const first = typedInput(n, 0, allowed);
    const operands = n.inputs.map((_, i) => typedInput(n, i, allowed));
    for (const { dtype, shape } of operands) {
      if (dtype !== first.dtype) n.invalid(`operands must have one dtype, got ${first.dtype} and ${dtype}`);
      if (n.version < 8 && !sameShape(shape, first.shape)) n.invalid("operands must have one shape before opset 8");
    }
    const type = { dtype: first.dtype, shape: n.broadcast(...operands.map(({ shape }) => shape)) };
    if (operands.length === 1) return { outputs: [type], view: 0 };
    return { outputs: [type], inPlace: reusable(n, type), flops: flopsOf(operands.length, type.shape) };
  };

const flopsOf = (operands: number, shape: readonly number[]): number =>
  (operands - 1) * shape.reduce((product, dim) => product * dim, 1);

export const variadicOperators: OperatorTable = {
  Max: variadic(NUMBERS),
  Mean: variadic(FLOATS),
  Min: variadic(NUMBERS),
  Sum: variadic(FLOATS),
};
