/** What the rules of elementwise operators share: allowed dtypes, operand counts, broadcasting of every opset. */
import type { DType } from "../../ir/dtype.ts";
import type { AttrValue, TensorType } from "../../ir/types.ts";
import type { Meaning, OpContext, OperatorRule } from "./types.ts";

export const FLOATS: readonly DType[] = ["float16", "bfloat16", "float32", "float64"];
export const UNSIGNED: readonly DType[] = ["uint8", "uint16", "uint32", "uint64"];
export const SIGNED: readonly DType[] = ["int8", "int16", "int32", "int64"];
export const INTEGERS: readonly DType[] = [...SIGNED, ...UNSIGNED];
export const NUMBERS: readonly DType[] = [...FLOATS, ...INTEGERS];

/** Throws invalid-node where the node has fewer than `least` or more than `most` operands. */
export function checkOperandCount(n: OpContext, least: number, most = least): void {
  for (let i = 0; i < least; i++) n.input(i);
  const count = n.inputs.length;
  if (count > most) n.invalid(`takes at most ${most} operand${most === 1 ? "" : "s"}, got ${count}`);
}

/** Type of operand `i`, whose dtype must be one of `allowed`. */
export function typedInput(n: OpContext, i: number, allowed: readonly DType[]): TensorType {
  const type = n.input(i);
  if (type.dtype === "string") n.unsupported("strings have no kernels");
  if (!allowed.includes(type.dtype)) n.invalid(`operand ${i} must not be ${type.dtype}`);
  return type;
}

export const sameShape = (a: readonly number[], b: readonly number[]): boolean =>
  a.length === b.length && a.every((dim, d) => dim === b[d]);

/** Operand positions whose storage a result of this type may take over. */
export const reusable = (n: OpContext, type: TensorType): number[] =>
  n.inputs.flatMap((own, i) => (own?.dtype === type.dtype && sameShape(own.shape, type.shape) ? [i] : []));

/** One operand, a result of the same type. */
export const unaryRule =
  (allowed: readonly DType[], attrs?: (n: OpContext) => Readonly<Record<string, AttrValue>>): OperatorRule =>
  (n) => {
    checkOperandCount(n, 1);
    const type = typedInput(n, 0, allowed);
    return { outputs: [type], inPlace: [0], ...(attrs && { attrs: attrs(n) }) };
  };

/** Attributes that have been numbers with these defaults in every version. */
export const numbers =
  (defaults: Readonly<Record<string, number>>) =>
  (n: OpContext): Readonly<Record<string, AttrValue>> =>
    Object.fromEntries(
      Object.entries(defaults).map(([name, fallback]) => [name, numberValue(n.float(name, fallback))]),
    );

/** A number as an attribute: what JSON cannot hold is spelt out. */
export const numberValue = (x: number): number | string => {
  if (Number.isNaN(x)) return "nan";
  if (Number.isFinite(x)) return x;
  return x > 0 ? "inf" : "-inf";
};

/** How two operands come together: the result's shape, and operand 1's where it is reshaped first. */
interface Alignment {
  readonly shape: readonly number[];
  readonly attrs?: { readonly bShape: readonly number[] };
}

/**
 * Opsets before 7: operand 1 repeats over operand 0 only with `broadcast`, its dims lining up with
 * operand 0's from `axis` on (from the end without).
 */
function alignLegacy(n: OpContext, a: readonly number[], b: readonly number[]): Alignment {
  if (n.int("broadcast", 0) === 0) {
    if (!sameShape(a, b)) n.invalid(`shapes [${a}] and [${b}] differ and attribute broadcast is not set`);
    return { shape: a };
  }
  if (b.every((dim) => dim === 1)) return { shape: a, attrs: { bShape: [] } };
  const axis = n.intOrUndefined("axis");
  const start = axis === undefined ? a.length - b.length : n.axis(axis, a.length);
  const fits = start >= 0 && b.every((dim, d) => dim === 1 || dim === a[start + d]) && start + b.length <= a.length;
  if (!fits) n.invalid(`shape [${b}] does not line up with [${a}] from axis ${start}`);
  return { shape: a, attrs: { bShape: [...b, ...a.slice(start + b.length).map(() => 1)] } };
}

/** Result shape of two broadcast operands, in the opset's own way. */
export function align(n: OpContext, a: readonly number[], b: readonly number[]): Alignment {
  return n.version < 7 ? alignLegacy(n, a, b) : { shape: n.broadcast(a, b) };
}

/** Two operands of one dtype, a result of that dtype or of `resultDtype`. */
export const binaryRule =
  (
    allowed: readonly DType[],
    more: { resultDtype?: DType; attrs?: (n: OpContext, dtype: DType) => Readonly<Record<string, AttrValue>> } = {},
  ): OperatorRule =>
  (n): Meaning => {
    checkOperandCount(n, 2);
    const a = typedInput(n, 0, allowed);
    const b = typedInput(n, 1, allowed);
    if (a.dtype !== b.dtype) n.invalid(`operands must have one dtype, got ${a.dtype} and ${b.dtype}`);
    const { shape, attrs } = align(n, a.shape, b.shape);
    const type = { dtype: more.resultDtype ?? a.dtype, shape };
    return {
      outputs: [type],
      inPlace: reusable(n, type),
      attrs: { ...attrs, ...more.attrs?.(n, a.dtype) },
    };
  };
