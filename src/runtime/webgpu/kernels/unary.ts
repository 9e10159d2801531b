/** Elementwise mathematics of one operand. */
import { isFloat, isInteger, type DType } from "../../../ir/dtype.ts";
import { byteSize } from "../../../ir/bytes.ts";
import { broadcastCall, is64Bit, scalarOf, isElement } from "./elementwise.ts";
import type { WgslKernel, WgslTable } from "./types.ts";

/** A kernel of floats: the body is an expression of `a`. */
const floats =
  (label: string, expression: string): WgslKernel =>
  ({ inputs: [x], outputs: [y] }) =>
    x && y && isFloat(x.dtype) ? broadcastCall(label, [{ at: 0, type: x }], y, `return ${expression};`) : undefined;

/** A kernel whose body depends on the scalar type in which elements are computed. */
const byScalar =
  (label: string, bodyOf: (dtype: DType) => string | undefined): WgslKernel =>
  ({ inputs: [x], outputs: [y] }) => {
    if (!x || !y || !isElement(x.dtype)) return undefined;
    const body = bodyOf(x.dtype);
    return body === undefined ? undefined : broadcastCall(label, [{ at: 0, type: x }], y, `return ${body};`);
  };

const abs = byScalar("Abs", (dtype) => {
  if (dtype === "int64") return "absLong(a)";
  return is64Bit(dtype) || scalarOf(dtype) === "u32" ? "a" : "abs(a)";
});

const neg = byScalar("Neg", (dtype) => {
  if (is64Bit(dtype)) return "negateLong(a)";
  return scalarOf(dtype) === "u32" ? "(0u - a)" : "-a";
});

const sign = byScalar("Sign", (dtype) => {
  const positive = "vec2<u32>(select(0u, 1u, any(a != vec2<u32>(0u, 0u))), 0u)";
  if (dtype === "int64") return `select(${positive}, vec2<u32>(0xffffffffu, 0xffffffffu), (a.y >> 31u) == 1u)`;
  if (is64Bit(dtype)) return positive;
  return { f32: "signOf(a)", i32: "sign(a)", u32: "min(a, 1u)", "vec2<u32>": undefined }[scalarOf(dtype)];
});

/** Floats that are whole already, of integer operands. */
const rounding = (label: string, expression: string): WgslKernel =>
  byScalar(label, (dtype) => (isFloat(dtype) ? expression : isInteger(dtype) ? "a" : undefined));

const isNaNKernel = byScalar("IsNaN", (dtype) => (isFloat(dtype) ? "select(0u, 1u, isNotANumber(a))" : undefined));

/** Attributes positive, negative: which infinities count. */
const isInf: WgslKernel = (call) => {
  const signs = [
    ...(call.attrs.get("positive") === true ? ["!isNegative(a)"] : []),
    ...(call.attrs.get("negative") === true ? ["isNegative(a)"] : []),
  ];
  const test = signs.length === 0 ? "false" : `isInfinite(a) && (${signs.join(" || ")})`;
  return floats("IsInf", `select(0u, 1u, ${test})`)(call);
};

const not = byScalar("Not", (dtype) => (dtype === "bool" ? "select(0u, 1u, a == 0u)" : undefined));

/** Flips every bit, so whole words of any integer type are one case. */
const bitwiseNot: WgslKernel = ({ inputs: [x], outputs: [y] }) => {
  if (!x || !y || !isInteger(x.dtype)) return undefined;
  const words = { dtype: "int32", shape: [Math.ceil(byteSize(x.dtype, x.shape) / 4)] } as const;
  return broadcastCall("BitwiseNot", [{ at: 0, type: words }], words, "return ~a;");
};

export const unaryKernels: WgslTable = {
  Abs: abs,
  Acos: floats("Acos", "inverseCosine(a)"),
  Acosh: floats("Acosh", "inverseHyperbolicCosine(a)"),
  Asin: floats("Asin", "inverseSine(a)"),
  Asinh: floats("Asinh", "inverseHyperbolicSine(a)"),
  Atan: floats("Atan", "inverseTangent(a)"),
  Atanh: floats("Atanh", "inverseHyperbolicTangent(a)"),
  BitwiseNot: bitwiseNot,
  Ceil: rounding("Ceil", "ceil(a)"),
  Cos: floats("Cos", "cosine(a)"),
  Cosh: floats("Cosh", "hyperbolicCosine(a)"),
  Erf: floats("Erf", "errorFunction(a)"),
  Exp: floats("Exp", "exp(a)"),
  Floor: rounding("Floor", "floor(a)"),
  IsInf: isInf,
  IsNaN: isNaNKernel,
  Log: floats("Log", "logarithm(a)"),
  Neg: neg,
  Not: not,
  Reciprocal: floats("Reciprocal", "1.0 / a"),
  Round: rounding("Round", "round(a)"),
  Sign: sign,
  Sin: floats("Sin", "sine(a)"),
  Sinh: floats("Sinh", "hyperbolicSine(a)"),
  Sqrt: floats("Sqrt", "squareRoot(a)"),
  Tan: floats("Tan", "tangent(a)"),
  Tanh: floats("Tanh", "hyperbolicTangent(a)"),
};
