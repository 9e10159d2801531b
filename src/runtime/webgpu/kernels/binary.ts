/** Arithmetic, comparison, logic and choice of two or three operands with broadcasting. Integers are exact and wrap. */
import { DTYPES, isFloat, isInteger, type DType } from "../../../ir/dtype.ts";
import { broadcastCall, is64Bit, isElement, scalarOf, type ElementScalar } from "./elementwise.ts";
import { floatLiteral } from "./grid.ts";
import type { CallShape, OperandShape, WgslCall, WgslKernel, WgslTable } from "./types.ts";

/** An expression of a and b for each scalar type, or undefined where the form is the host's. */
type Expressions = Partial<Record<ElementScalar | "i64", string>>;

const expressionOf = (dtype: DType, expressions: Expressions): string | undefined =>
  dtype === "int64" ? (expressions.i64 ?? expressions["vec2<u32>"]) : expressions[scalarOf(dtype)];

/** Operand b as it takes part: attribute bShape aligns it (opsets before 7). */
const aligned = (call: CallShape, b: OperandShape): OperandShape => {
  const shape = call.attrs.get("bShape");
  return Array.isArray(shape) ? { dtype: b.dtype, shape: shape as readonly number[] } : b;
};

/** A kernel of two operands of one type. */
export const binary =
  (label: string, expressionsOf: (call: CallShape) => Expressions | undefined): WgslKernel =>
  (call) => {
    const [a, b] = call.inputs;
    const y = call.outputs[0];
    if (!a || !b || !y || a.dtype !== b.dtype || !isElement(a.dtype)) return undefined;
    const expression = expressionOf(a.dtype, expressionsOf(call) ?? {});
    if (expression === undefined) return undefined;
    const operands = [
      { at: 0, type: a },
      { at: 1, type: aligned(call, b) },
    ];
    return broadcastCall(label, operands, y, `return ${expression};`);
  };

const arithmetic = (label: string, symbol: string, long: string): WgslKernel =>
  binary(label, () => {
    const expression = `a ${symbol} b`;
    return { f32: expression, i32: expression, u32: expression, "vec2<u32>": `${long}(a, b)` };
  });

/** The remainder of two's complement types has the dividend's sign in WGSL too. */
const mod = binary("Mod", (call) =>
  call.attrs.get("fmod") === true
    ? {
        f32: "floatRemainder(a, b)",
        i32: "a % b",
        u32: "a % b",
        i64: "remainderLong(a, b)",
        "vec2<u32>": "remainderUlong(a, b)",
      }
    : {
        f32: "floorModulo(a, b)",
        i32: "signedFloorModulo(a, b)",
        u32: "a % b",
        i64: "floorModuloLong(a, b)",
        "vec2<u32>": "remainderUlong(a, b)",
      },
);

/** An exponent as float32; whole ones of 64 bits that matter have few bits. */
const EXPONENT: Readonly<Record<ElementScalar, string>> = {
  f32: "b",
  i32: "f32(b)",
  u32: "f32(b)",
  "vec2<u32>": "longToFloat(b, false)",
};

/** Base and exponent may differ in dtype; the result has the base's. */
const pow: WgslKernel = (call) => {
  const [a, b] = call.inputs;
  const y = call.outputs[0];
  if (!a || !b || !y || !isElement(a.dtype) || !isElement(b.dtype)) return undefined;
  let expression: string;
  if (isFloat(a.dtype) && b.dtype !== "uint64") expression = `power(a, ${EXPONENT[scalarOf(b.dtype)]})`;
  else if (a.dtype === b.dtype && scalarOf(a.dtype) === "i32") expression = "signedPower(a, b)";
  else if (a.dtype === b.dtype && scalarOf(a.dtype) === "u32" && isInteger(a.dtype)) expression = "intPower(a, b)";
  else return undefined;
  const operands = [
    { at: 0, type: a },
    { at: 1, type: aligned(call, b) },
  ];
  return broadcastCall("Pow", operands, y, `return ${expression};`);
};

/** Attribute direction. Shifting by the width or more leaves zero. */
const bitShift: WgslKernel = (call) => {
  const [a] = call.inputs;
  if (!a) return undefined;
  const { bits } = DTYPES[a.dtype];
  const shifted = call.attrs.get("direction") === "LEFT" ? "a << min(b, 31u)" : "a >> min(b, 31u)";
  return binary("BitShift", () => ({ u32: `select(${shifted}, 0u, b >= ${bits}u)` }))(call);
};

const bitwise = (label: string, symbol: string): WgslKernel =>
  binary(label, () => {
    const expression = `a ${symbol} b`;
    return { i32: expression, u32: expression, "vec2<u32>": expression };
  });

/** A comparison by the meaning of `<` and `==`; NaN compares false. */
function comparison(
  label: string,
  holds: (less: (a: string, b: string) => string, equal: string) => string,
): WgslKernel {
  const asBool = (text: string): string => `select(0u, 1u, ${text})`;
  const plain = asBool(holds((a, b) => `${a} < ${b}`, "a == b"));
  const long = (less: string): string => asBool(holds((a, b) => `${less}(${a}, ${b})`, "all(a == b)"));
  return binary(label, () => ({
    f32: asBool(`!isNotANumber(a) && !isNotANumber(b) && (${holds((a, b) => `${a} < ${b}`, "a == b")})`),
    i32: plain,
    u32: plain,
    i64: long("lessLong"),
    "vec2<u32>": long("lessUlong"),
  }));
}

/** Bits of equal width in a type that shaders know, so that any such type can be moved. */
export function carrierOf(dtype: DType): DType | undefined {
  const { bits } = DTYPES[dtype];
  if (dtype === "float32") return dtype;
  return bits === 8 ? "uint8" : bits === 16 ? "uint16" : bits === 32 ? "int32" : bits === 64 ? "int64" : undefined;
}

/** Operands condition, x, y. */
const where: WgslKernel = ({ inputs: [condition, x, y], outputs: [z] }) => {
  if (!condition || !x || !y || !z) return undefined;
  const carrier = carrierOf(z.dtype);
  if (carrier === undefined) return undefined;
  const as = ({ shape }: OperandShape): OperandShape => ({ dtype: carrier, shape });
  const operands = [condition, as(x), as(y)].map((type, at) => ({ at, type }));
  return broadcastCall("Where", operands, as(z), "if (a != 0u) { return b; } return c;");
};

type Fold = (accumulated: string, next: string) => string;

/** Max, Min, Sum, Mean: operands folded from the left, in float32 for floats. */
function variadic(label: string, foldOf: (dtype: DType) => Fold | undefined, mean = false): WgslKernel {
  return ({ inputs, outputs: [y] }): WgslCall | undefined => {
    if (!y || inputs.some((input) => !input || input.dtype !== y.dtype) || !isElement(y.dtype)) return undefined;
    const fold = foldOf(y.dtype);
    if (fold === undefined || (mean && !isFloat(y.dtype))) return undefined;
    const names = ["a", "b", "c", "d", "f", "g", "h"].slice(0, inputs.length);
    const folded = names.slice(1).reduce(fold, "a");
    const operands = inputs.map((type, at) => ({ at, type: type! }));
    return broadcastCall(
      label,
      operands,
      y,
      `return ${mean ? `(${folded}) * ${floatLiteral(1 / inputs.length)}` : folded};`,
    );
  };
}

const extreme = (float: string, integer: string): ((dtype: DType) => Fold) => {
  const long = (less: string, sign: boolean): string =>
    integer === "max"
      ? `select(P, Q, ${less}(P, Q))`
      : sign
        ? `select(P, Q, ${less}(Q, P))`
        : `select(P, Q, ${less}(Q, P))`;
  return (dtype) => (a, b) => {
    if (is64Bit(dtype)) {
      const text = long(dtype === "int64" ? "lessLong" : "lessUlong", dtype === "int64");
      return text.replace(/[PQ]/g, (name) => (name === "P" ? a : b));
    }
    return `${isFloat(dtype) ? float : integer}(${a}, ${b})`;
  };
};

const plus = (dtype: DType): Fold => (is64Bit(dtype) ? (a, b) => `addLong(${a}, ${b})` : (a, b) => `${a} + ${b}`);

export const binaryKernels: WgslTable = {
  Add: arithmetic("Add", "+", "addLong"),
  And: bitwise("And", "&"),
  BitShift: bitShift,
  BitwiseAnd: bitwise("BitwiseAnd", "&"),
  BitwiseOr: bitwise("BitwiseOr", "|"),
  BitwiseXor: bitwise("BitwiseXor", "^"),
  Div: binary("Div", () => ({
    f32: "a / b",
    i32: "a / b",
    u32: "a / b",
    i64: "quotientLong(a, b)",
    "vec2<u32>": "quotientUlong(a, b)",
  })),
  Equal: comparison("Equal", (_less, equal) => equal),
  Greater: comparison("Greater", (less) => less("b", "a")),
  GreaterOrEqual: comparison("GreaterOrEqual", (less) => `!(${less("a", "b")})`),
  Less: comparison("Less", (less) => less("a", "b")),
  LessOrEqual: comparison("LessOrEqual", (less) => `!(${less("b", "a")})`),
  Max: variadic("Max", extreme("larger", "max")),
  Mean: variadic("Mean", plus, true),
  Min: variadic("Min", extreme("smaller", "min")),
  Mod: mod,
  Mul: arithmetic("Mul", "*", "mulLong"),
  Or: bitwise("Or", "|"),
  Pow: pow,
  Sub: arithmetic("Sub", "-", "subLong"),
  Sum: variadic("Sum", plus),
  Where: where,
  Xor: bitwise("Xor", "^"),
};
