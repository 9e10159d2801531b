/** Rules of elementwise mathematics of one operand. */
import { DTYPE_NAMES, DTYPES, type DType } from "../../ir/dtype.ts";
import { FLOATS, INTEGERS, NUMBERS, SIGNED, checkOperandCount, typedInput, unaryRule } from "./elementwise.ts";
import type { OperatorRule, OperatorTable } from "./types.ts";

const floats = unaryRule(FLOATS);
const FLOAT8: readonly DType[] = DTYPE_NAMES.filter((dtype) => dtype.startsWith("float8") && dtype !== "float8e8m0");

/** One operand of any tensor type, which is the result. */
const identity: OperatorRule = (n) => {
  checkOperandCount(n, 1);
  const type = n.input(0);
  if (DTYPES[type.dtype].class === "string") n.unsupported("strings have no kernels");
  return { outputs: [type], view: 0 };
};

const isInf: OperatorRule = (n) => {
  checkOperandCount(n, 1);
  const { shape } = typedInput(n, 0, [...FLOATS, ...FLOAT8]);
  return {
    outputs: [{ dtype: "bool", shape }],
    attrs: { negative: n.int("detect_negative", 1) !== 0, positive: n.int("detect_positive", 1) !== 0 },
  };
};

const isNaNRule: OperatorRule = (n) => {
  checkOperandCount(n, 1);
  const { shape } = typedInput(n, 0, [...FLOATS, ...FLOAT8]);
  return { outputs: [{ dtype: "bool", shape }] };
};

export const unaryOperators: OperatorTable = {
  Abs: unaryRule(NUMBERS),
  Acos: floats,
  Acosh: floats,
  Asin: floats,
  Asinh: floats,
  Atan: floats,
  Atanh: floats,
  BitwiseNot: unaryRule(INTEGERS),
  Ceil: floats,
  Cos: floats,
  Cosh: floats,
  Erf: unaryRule(NUMBERS),
  Exp: floats,
  Floor: floats,
  Identity: identity,
  IsInf: isInf,
  IsNaN: isNaNRule,
  Log: floats,
  Neg: unaryRule([...FLOATS, ...SIGNED]),
  Not: unaryRule(["bool"]),
  Reciprocal: floats,
  Round: floats,
  Sign: unaryRule(NUMBERS),
  Sin: floats,
  Sinh: floats,
  Sqrt: floats,
  Tan: floats,
  Tanh: floats,
};
