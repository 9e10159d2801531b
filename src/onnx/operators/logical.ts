/** Rules of comparisons, of logic on bool, and of Where. */
import { NUMBERS, binaryRule, checkOperandCount, reusable, typedInput } from "./elementwise.ts";
import type { OperatorRule, OperatorTable } from "./types.ts";

const logic = binaryRule(["bool"]);
const order = binaryRule(NUMBERS, { resultDtype: "bool" });

const where: OperatorRule = (n) => {
  checkOperandCount(n, 3);
  const condition = typedInput(n, 0, ["bool"]);
  const [x, y] = [n.input(1), n.input(2)];
  if (x.dtype !== y.dtype) n.invalid(`operands 1 and 2 must have one dtype, got ${x.dtype} and ${y.dtype}`);
  if (x.dtype === "string") n.unsupported("strings have no kernels");
  const type = { dtype: x.dtype, shape: n.broadcast(condition.shape, x.shape, y.shape) };
  return { outputs: [type], inPlace: reusable(n, type) };
};

export const logicalOperators: OperatorTable = {
  And: logic,
  Equal: binaryRule([...NUMBERS, "bool"], { resultDtype: "bool" }),
  Greater: order,
  GreaterOrEqual: order,
  Less: order,
  LessOrEqual: order,
  Or: logic,
  Where: where,
  Xor: logic,
};
