/**
 * Units: what one invocation reads or writes at once, 1, 2 or 4 neighbouring elements as an f32, vec2 or
 * vec4 whatever the float type in memory. A kernel written over units is vectorised where sizes allow.
 */
import type { DType } from "../../../ir/dtype.ts";
import { sizeOf } from "../../../kernels/access.ts";
import type { DispatchRead, OperandShape, Ref, WgslDispatch } from "./types.ts";
import { elementsPerWord, isComputable, loadFunction, packingOf, roundingFunctions, wordOf } from "./words.ts";

export type UnitSize = 1 | 2 | 4;

/** Most workgroups that every device takes in one dimension. */
const MOST_WORKGROUPS = 65535;

/** Invocations of a workgroup where nothing is shared. */
export const PLAIN_WORKGROUP = 64;

/** WGSL literal of a finite number, rounded to f32; parenthesised where it is negative. */
export function literal(value: number): string {
  const rounded = Math.fround(value);
  if (!Number.isFinite(rounded)) throw new RangeError(`${value} has no WGSL literal`);
  return rounded < 0 || Object.is(rounded, -0) ? `(-${-rounded}f)` : `${rounded}f`;
}

/** WGSL type of a unit. */
export const unitType = (unit: UnitSize): string => (unit === 1 ? "f32" : `vec${unit}<f32>`);

/** Whether a type is one of the floats that shaders compute with. */
export const isShaderFloat = (dtype: DType): boolean =>
  dtype === "float32" || dtype === "float16" || dtype === "bfloat16";

/** Array components of a unit of that type in memory; undefined where a unit would split a word. */
function componentsOf(dtype: DType, unit: UnitSize): 1 | 2 | 4 | undefined {
  if (dtype === "float32") return unit;
  return isShaderFloat(dtype) && unit > 1 ? (unit === 4 ? 2 : 1) : undefined;
}

/** The largest unit in which all these types can be accessed at multiples of it that divide `count`. */
export function largestUnit(dtypes: readonly DType[], count: number): UnitSize | undefined {
  return ([4, 2, 1] as const).find(
    (unit) => count % unit === 0 && dtypes.every((dtype) => componentsOf(dtype, unit) !== undefined),
  );
}

/** An operand as a shader reads it: the binding, and `unit_NAME(u) -> unit`. */
export interface UnitRead {
  readonly read: DispatchRead;
  readonly code: string;
}

/**
 * Reads operand `type` in units; `unit_NAME(u)` is elements u * unit and on. Types that can't be read
 * so directly (or whose size is no multiple of a unit) are read element by element.
 */
export function unitRead(
  name: string,
  from: Ref,
  type: OperandShape,
  unit: UnitSize,
  options: { readonly overwrite?: boolean } = {},
): UnitRead {
  const components = sizeOf(type.shape) % unit === 0 ? componentsOf(type.dtype, unit) : undefined;
  const overwrite = options.overwrite === true ? { overwrite: true } : {};
  const head = `fn unit_${name}(u: i32) -> ${unitType(unit)}`;
  if (components === undefined) {
    const elements = Array.from({ length: unit }, (_, k) => `f32(load_${name}(u * ${unit} + ${k}))`);
    return {
      read: { name, from, ...overwrite },
      code: `${loadFunction(name, type.dtype)}\n${head} { return ${unitType(unit)}(${elements.join(", ")}); }`,
    };
  }
  return { read: { name, from, components, ...overwrite }, code: `${head} { ${unpackUnit(name, type.dtype, unit)} }` };
}

function unpackUnit(name: string, dtype: DType, unit: UnitSize): string {
  if (dtype === "float32") return `return ${name}[u];`;
  const half = (word: string): string =>
    dtype === "float16"
      ? `unpack2x16float(${word})`
      : `vec2<f32>(bitcast<f32>(${word} << 16u), bitcast<f32>(${word} & 0xffff0000u))`;
  if (unit === 2) return `let w = bitcast<u32>(${name}[u]); return ${half("w")};`;
  return `let w = bitcast<vec2<u32>>(${name}[u]); return vec4<f32>(${half("w.x")}, ${half("w.y")});`;
}

/** `fn store(u, v)`: writes a unit of the result, rounded once. */
export function unitStore(dtype: DType, unit: UnitSize): { readonly components: 1 | 2 | 4; readonly code: string } {
  const components = componentsOf(dtype, unit);
  if (components === undefined) throw new RangeError(`${dtype} can't be written in units of ${unit}`);
  const head = `fn store(u: i32, v: ${unitType(unit)})`;
  if (dtype === "float32") return { components, code: `${head} { result[u] = v; }` };
  const round = dtype === "float16" ? "f16Bits" : "bf16Bits";
  const word = (low: string, high: string): string => `bitcast<i32>(${round}(${low}) | (${round}(${high}) << 16u))`;
  const value = unit === 2 ? word("v.x", "v.y") : `vec2<i32>(${word("v.x", "v.y")}, ${word("v.z", "v.w")})`;
  return { components, code: `${roundingFunctions}\n${head} { result[u] = ${value}; }` };
}

/** Reads an operand of any computable type one element at a time: `load_NAME(i)`. */
export const elementRead = (name: string, from: Ref, { dtype }: OperandShape, overwrite = false): UnitRead => ({
  read: { name, from, ...(overwrite ? { overwrite: true } : {}) },
  code: loadFunction(name, dtype),
});

/** A grid of at least `groups` workgroups that no device refuses. */
export function gridOf(groups: number): [number, number, number] {
  const wanted = Math.max(1, groups);
  if (wanted <= MOST_WORKGROUPS) return [wanted, 1, 1];
  const rows = Math.ceil(wanted / MOST_WORKGROUPS);
  if (rows <= MOST_WORKGROUPS) return [Math.ceil(wanted / rows), rows, 1];
  const planes = Math.ceil(rows / MOST_WORKGROUPS);
  const perPlane = Math.ceil(wanted / planes);
  return [Math.ceil(perPlane / MOST_WORKGROUPS), MOST_WORKGROUPS, planes];
}

export interface Pointwise {
  readonly label: string;
  readonly writes: Ref;
  readonly type: OperandShape;
  /** Bindings and code of a given unit, which must have `fn compute(u: i32) -> unit`. */
  readonly body: (unit: UnitSize) => { readonly reads: readonly UnitRead[]; readonly code: string };
  /** The largest unit that the body can do; size of the result by default. */
  readonly divisor?: number;
}

/** A dispatch in which every unit of a float result is computed by itself. Of odd packed sizes, every word. */
export function pointwise({ label, writes, type, body, divisor }: Pointwise): WgslDispatch {
  const { dtype } = type;
  const size = sizeOf(type.shape);
  const unit = isShaderFloat(dtype) ? largestUnit([dtype], greatestCommonDivisor(size, divisor ?? size)) : undefined;
  if (unit === undefined) return elementwise({ label, writes, type, ...scalarBody(body) });
  const { reads, code } = body(unit);
  const stored = unitStore(dtype, unit);
  const units = size / unit;
  return {
    label,
    writes,
    writeComponents: stored.components,
    reads: reads.map(({ read }) => read),
    workgroupSize: [PLAIN_WORKGROUP, 1, 1],
    workgroups: gridOf(Math.ceil(units / PLAIN_WORKGROUP)),
    code: `${reads.map((read) => read.code).join("\n")}\n${stored.code}\n${code}
fn kernel(index: i32) { if (index < ${units}) { store(index, compute(index)); } }`,
  };
}

const scalarBody = (body: Pointwise["body"]): { reads: readonly UnitRead[]; code: string } => {
  const { reads, code } = body(1);
  // Invocations of a word read elements that others of it write only through themselves: still their own.
  return { reads, code: `${code}\nfn element(i: i32) -> f32 { return compute(i); }` };
};

export interface Elementwise {
  readonly label: string;
  readonly writes: Ref;
  readonly type: OperandShape;
  readonly reads: readonly UnitRead[];
  /** Must have `fn element(i: i32)` that returns the type's scalar. */
  readonly code: string;
}

/** A dispatch in which an invocation computes all elements of one word of the result. */
export function elementwise({ label, writes, type, reads, code }: Elementwise): WgslDispatch {
  const size = sizeOf(type.shape);
  const perWord = elementsPerWord(type.dtype);
  const words = Math.ceil(size / perWord);
  // Past the end of a last word the last element comes again: no index that the body doesn't expect.
  const at = (k: number): string => (size % perWord === 0 ? `i + ${k}` : `min(i + ${k}, ${size - 1})`);
  const elements = Array.from({ length: perWord }, (_, k) => `element(${k === 0 ? "i" : at(k)})`);
  const rounding = type.dtype === "float16" || type.dtype === "bfloat16" ? roundingFunctions : "";
  return {
    label,
    writes,
    reads: reads.map(({ read }) => read),
    workgroupSize: [PLAIN_WORKGROUP, 1, 1],
    workgroups: gridOf(Math.ceil(words / PLAIN_WORKGROUP)),
    code: `${reads.map((read) => read.code).join("\n")}\n${rounding}${code}
fn kernel(index: i32) { if (index < ${words}) { let i = index * ${perWord}; result[index] = ${stored(type.dtype, elements)}; } }`,
  };
}

/** uint32 results are words of i32. */
const stored = (dtype: DType, elements: readonly string[]): string => wordOf(dtype, elements);

/** The elements of a hidden f32 tensor, rounded to the result's type. */
export function convert(label: string, from: Ref, writes: Ref, type: OperandShape): WgslDispatch {
  const source: OperandShape = { dtype: "float32", shape: type.shape };
  return pointwise({
    label,
    writes,
    type,
    body: (unit) => ({
      reads: [unitRead("x", from, source, unit)],
      code: `fn compute(u: i32) -> ${unitType(unit)} { return unit_x(u); }`,
    }),
  });
}

/** Whether all are there and of types that shaders compute with. */
export const areComputable = (...operands: readonly (OperandShape | null | undefined)[]): boolean =>
  operands.every((operand) => !operand || isComputable(operand.dtype));

/** Whether all that are there are floats of 16 or 32 bits. */
export const areFloats = (...operands: readonly (OperandShape | null | undefined)[]): boolean =>
  operands.every((operand) => !operand || isShaderFloat(operand.dtype));

/** Scalar type of `load_NAME`. */
export const scalarOf = (dtype: DType): string => packingOf(dtype).scalar;

export function greatestCommonDivisor(a: number, b: number): number {
  let [x, y] = [a, b];
  while (y !== 0) [x, y] = [y, x % y];
  return x;
}

/** Sum of the elements of a unit. */
export const sumOf = (unit: UnitSize, v: string): string =>
  unit === 1 ? v : unit === 2 ? `(${v}.x + ${v}.y)` : `((${v}.x + ${v}.y) + (${v}.z + ${v}.w))`;

/** Largest element of a unit. */
export const maxOf = (unit: UnitSize, v: string): string =>
  unit === 1 ? v : unit === 2 ? `max(${v}.x, ${v}.y)` : `max(max(${v}.x, ${v}.y), max(${v}.z, ${v}.w))`;
