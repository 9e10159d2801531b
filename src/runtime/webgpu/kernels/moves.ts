/**
 * One dispatch that puts every unit of a result in place, bit for bit. A unit is as many elements as
 * always move together, up to 16 bytes; smaller units than a word are put together by who writes the word.
 */
import { DTYPES, type DType } from "../../../ir/dtype.ts";
import { sizeOf } from "../../../kernels/access.ts";
import { invocations } from "./grid.ts";
import { grouped, isGrouped, merged, offsetOf, type Walk } from "./layout.ts";
import type { DispatchRead, OperandShape, Ref, WgslCall, WgslDispatch } from "./types.ts";

export interface MoveSource {
  readonly from: Ref;
  /** As of DispatchRead: each unit is read only for the same unit of the result. */
  readonly overwrite?: boolean;
}

export interface IndexSource {
  readonly from: Ref;
  readonly dtype: DType;
}

export interface Move {
  readonly label: string;
  readonly writes: Ref;
  readonly dtype: DType;
  readonly shape: readonly number[];
  /** Bits of a unit, from `unitBits`. */
  readonly bits: number;
  /** Read as `load_in0(unit: i32)`, `load_in1`, ... */
  readonly sources: readonly MoveSource[];
  /** int32 or int64 tensors, read as `index_at0(i: i32) -> i32`, ... */
  readonly indices?: readonly IndexSource[];
  /** WGSL of the body of `fn unit(e: u32) -> Unit`, e the result's unit; `Unit()` is zeros. */
  readonly body: string;
}

/** Bits of the largest unit that divides runs of `run` elements that lie together on both sides. */
export function unitBits(dtype: DType, run: number): number {
  const { bits } = DTYPES[dtype];
  let unit = bits;
  while (unit < 128 && (run * bits) % (2 * unit) === 0) unit *= 2;
  return unit;
}

/** Elements of a unit. */
export const unitElements = (dtype: DType, bits: number): number => bits / DTYPES[dtype].bits;

export function move({ label, writes, dtype, shape, bits, sources, indices = [], body }: Move): WgslDispatch {
  const base = dtype === "float32" ? "f32" : "i32";
  const components = bits === 128 ? 4 : bits === 64 ? 2 : 1;
  const unit = bits < 32 ? "u32" : components === 1 ? base : `vec${components}<${base}>`;
  const units = Math.ceil((sizeOf(shape) * DTYPES[dtype].bits) / bits);
  const perWord = Math.max(1, 32 / bits);
  const groups = Math.ceil(units / perWord);
  const reads: DispatchRead[] = [
    ...sources.map(({ from, overwrite }, n): DispatchRead => ({
      name: `in${n}`,
      from,
      components,
      ...(overwrite === true ? { overwrite } : {}),
    })),
    ...indices.map(({ from, dtype: type }, n): DispatchRead => ({
      name: `at${n}`,
      from,
      components: type === "int64" ? 2 : 1,
    })),
  ];
  const shift = Math.log2(perWord);
  const loaders = sources.map((_, n) =>
    bits < 32
      ? `fn load_in${n}(i: i32) -> u32 { return extractBits(bitcast<u32>(in${n}[i >> ${shift}u]), u32(i & ${perWord - 1}) * ${bits}u, ${bits}u); }`
      : `fn load_in${n}(i: i32) -> Unit { return in${n}[i]; }`,
  );
  const indexers = indices.map(
    ({ dtype: type }, n) => `fn index_at${n}(i: i32) -> i32 { return at${n}[i]${type === "int64" ? ".x" : ""}; }`,
  );
  // The last word may have units past the end: their value does not matter, so they repeat the last one.
  const element = (k: number): string => `unit(min(first + ${k}u, ${units - 1}u))`;
  const value =
    perWord === 1
      ? "unit(u32(index))"
      : `bitcast<${base}>(${Array.from({ length: perWord }, (_, k) => (k === 0 ? element(0) : `(${element(k)} << ${k * bits}u)`)).join(" | ")})`;
  return {
    label,
    writes,
    writeComponents: components,
    reads,
    ...invocations(groups),
    code: `alias Unit = ${unit};
${[...loaders, ...indexers].join("\n")}
fn wrapped(i: i32, size: i32) -> i32 { return clamp(select(i, i + size, i < 0), 0, size - 1); }
fn unit(e: u32) -> Unit { ${body} }
fn kernel(index: i32) {
  if (index >= ${groups}) { return; }
  ${perWord === 1 ? "" : `let first = u32(index) * ${perWord}u;`}
  result[index] = ${value};
}`,
  };
}

/** A dispatch that copies by strides. */
export function stridedMove(
  label: string,
  from: Ref,
  writes: Ref,
  { dtype, shape }: OperandShape,
  walk: Walk,
): WgslDispatch {
  // The longest run that keeps all strides whole.
  const { shape: dims, strides, base } = merged(walk);
  const row = strides.at(-1) === 1 ? dims.at(-1)! : 1;
  let run = Math.min(128, row);
  while (run > 1 && !(Number.isInteger(Math.log2(run)) && isGrouped({ shape: dims, strides, base }, run))) run--;
  let bits = unitBits(dtype, run);
  // A scalar walk has no row to group.
  if (dims.length === 0) bits = DTYPES[dtype].bits;
  const elements = unitElements(dtype, bits);
  const units = elements === 1 ? walk : grouped(walk, elements);
  return move({
    label,
    writes,
    dtype,
    shape,
    bits,
    sources: [{ from }],
    body: `return load_in0(${offsetOf(units, "e")});`,
  });
}

/** A call of one dispatch. */
export const single = (dispatch: WgslDispatch): WgslCall => ({ temporaries: [], dispatches: [dispatch] });

/** WGSL of a unit that repeats one element's bytes. */
export function unitLiteral(dtype: DType, bits: number, element: Uint8Array): string {
  if (DTYPES[dtype].bits < 8) throw new RangeError(`no unit of packed ${dtype}`);
  const bytes = Uint8Array.from({ length: 16 }, (_, i) => element[i % element.length]!);
  const words = new Uint32Array(bytes.buffer);
  const base = dtype === "float32" ? "f32" : "i32";
  const word = (k: number): string => `bitcast<${base}>(fixed(0x${words[k]!.toString(16)}u))`;
  if (bits < 32) return `0x${(bits === 8 ? words[0]! & 0xff : words[0]! & 0xffff).toString(16)}u`;
  return bits === 32 ? word(0) : `Unit(${Array.from({ length: bits / 32 }, (_, k) => word(k)).join(", ")})`;
}

/** What `unitLiteral` calls: a literal must not be NaN, a value from a variable may. */
export const fixedFunction = "fn fixed(bits: u32) -> u32 { var copy = bits; return copy; }\n";
