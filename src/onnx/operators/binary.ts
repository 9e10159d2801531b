/** Rules of arithmetic of two operands. */
import { isFloat } from "../../ir/dtype.ts";
import {
  INTEGERS,
  NUMBERS,
  UNSIGNED,
  align,
  binaryRule,
  checkOperandCount,
  reusable,
  typedInput,
} from "./elementwise.ts";
import type { OperatorRule, OperatorTable } from "./types.ts";

const arithmetic = binaryRule(NUMBERS);

const mod = binaryRule(NUMBERS, {
  attrs(n, dtype) {
    const fmod = n.int("fmod", 0);
    if (fmod !== 0 && fmod !== 1) n.invalid(`attribute fmod must be 0 or 1, got ${fmod}`);
    if (fmod === 0 && isFloat(dtype)) n.invalid("attribute fmod must be 1 for floats");
    return { fmod: fmod === 1 };
  },
});

const bitShift = binaryRule(UNSIGNED, {
  attrs(n) {
    const direction = n.string("direction", "");
    if (direction !== "LEFT" && direction !== "RIGHT") n.invalid("attribute direction must be LEFT or RIGHT");
    return { direction };
  },
});

/** The exponent has a dtype of its own; the result has the base's. */
const pow: OperatorRule = (n) => {
  checkOperandCount(n, 2);
  const base = typedInput(n, 0, NUMBERS);
  const exponent = typedInput(n, 1, NUMBERS);
  const { shape, attrs } = align(n, base.shape, exponent.shape);
  const type = { dtype: base.dtype, shape };
  return { outputs: [type], inPlace: reusable(n, type), ...(attrs && { attrs }) };
};

export const binaryOperators: OperatorTable = {
  Add: arithmetic,
  BitShift: bitShift,
  BitwiseAnd: binaryRule(INTEGERS),
  BitwiseOr: binaryRule(INTEGERS),
  BitwiseXor: binaryRule(INTEGERS),
  Div: arithmetic,
  Mod: mod,
  Mul: arithmetic,
  Pow: pow,
  Sub: arithmetic,
};
