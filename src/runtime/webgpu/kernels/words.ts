/**
 * Reading and writing elements of any type in word arrays, as WGSL source. Sub-word types are packed
 * low bits first; who writes a word must write all elements of it (see `elementsPerWord`).
 */
import type { DType } from "../../../ir/dtype.ts";

/** The scalar type in which a shader computes with elements of a dtype. */
export type ScalarType = "f32" | "i32" | "u32";

interface Packing {
  /** Bits of an element: 8, 16 or 32. */
  readonly bits: 8 | 16 | 32;
  readonly scalar: ScalarType;
  /** WGSL expression of the element in `word` (u32) at bit `shift` (u32). */
  readonly unpack: (word: string, shift: string) => string;
  /** WGSL expression (u32, in the low bits) of the element `value`. */
  readonly pack: (value: string) => string;
}

const signed = (bits: number) => (word: string, shift: string) =>
  `extractBits(bitcast<i32>(${word}), ${shift}, ${bits}u)`;
const unsigned = (bits: number) => (word: string, shift: string) => `extractBits(${word}, ${shift}, ${bits}u)`;
const low = (bits: number) => (value: string) => `(bitcast<u32>(${value}) & ${bits === 8 ? "0xffu" : "0xffffu"})`;

const PACKINGS: Partial<Record<DType, Packing>> = {
  float32: {
    bits: 32,
    scalar: "f32",
    unpack: (word) => `bitcast<f32>(${word})`,
    pack: (value) => `bitcast<u32>(${value})`,
  },
  int32: {
    bits: 32,
    scalar: "i32",
    unpack: (word) => `bitcast<i32>(${word})`,
    pack: (value) => `bitcast<u32>(${value})`,
  },
  uint32: { bits: 32, scalar: "u32", unpack: (word) => word, pack: (value) => value },
  float16: {
    bits: 16,
    scalar: "f32",
    unpack: (word, shift) => `unpack2x16float(${word} >> ${shift}).x`,
    pack: (value) => `f16Bits(${value})`,
  },
  bfloat16: {
    bits: 16,
    scalar: "f32",
    unpack: (word, shift) => `bitcast<f32>((${word} >> ${shift}) << 16u)`,
    pack: (value) => `bf16Bits(${value})`,
  },
  int16: { bits: 16, scalar: "i32", unpack: signed(16), pack: low(16) },
  uint16: { bits: 16, scalar: "u32", unpack: unsigned(16), pack: low(16) },
  int8: { bits: 8, scalar: "i32", unpack: signed(8), pack: low(8) },
  uint8: { bits: 8, scalar: "u32", unpack: unsigned(8), pack: low(8) },
  bool: { bits: 8, scalar: "u32", unpack: unsigned(8), pack: low(8) },
};

/** Whether shaders can compute with elements of this type (64-bit types can only be moved or specially treated). */
export const isComputable = (dtype: DType): boolean => PACKINGS[dtype] !== undefined;

export const packingOf = (dtype: DType): Packing => {
  const packing = PACKINGS[dtype];
  if (packing === undefined) throw new RangeError(`no WGSL packing of ${dtype}`);
  return packing;
};

/** Elements that share a word: 1, 2 or 4. */
export const elementsPerWord = (dtype: DType): number => 32 / packingOf(dtype).bits;

/**
 * WGSL functions of an operand `name`: `load_NAME(i: i32) -> scalar`, the element at flat index i.
 * The variable is `array<f32>` for float32 and `array<i32>` otherwise, one component.
 */
export function loadFunction(name: string, dtype: DType): string {
  const { bits, scalar, unpack } = packingOf(dtype);
  if (dtype === "float32" || dtype === "int32") return `fn load_${name}(i: i32) -> ${scalar} { return ${name}[i]; }`;
  if (bits === 32)
    return `fn load_${name}(i: i32) -> ${scalar} { return ${unpack(`bitcast<u32>(${name}[i])`, "0u")}; }`;
  const perWord = 32 / bits;
  const log = perWord === 2 ? 1 : 2;
  const unpacked = unpack(`bitcast<u32>(${name}[i >> ${log}u])`, `(u32(i & ${perWord - 1}) * ${bits}u)`);
  return `fn load_${name}(i: i32) -> ${scalar} { return ${unpacked}; }`;
}

/** WGSL value to assign to `result[word]` made of one scalar expression for each element of the word. */
export function wordOf(dtype: DType, elements: readonly string[]): string {
  const { bits, pack } = packingOf(dtype);
  if (dtype === "float32" || dtype === "int32") return elements[0]!;
  const parts = elements.map((element, k) => (k === 0 ? pack(element) : `(${pack(element)} << ${k * bits}u)`));
  return `bitcast<i32>(${parts.join(" | ")})`;
}

/**
 * WGSL of the rounding that `pack` of float16 and bfloat16 calls: to nearest even, in integers, so that no
 * driver's rounding mode matters, and without branches. Prepend it where such a result is written.
 */
export const roundingFunctions = `
fn f16Bits(value: f32) -> u32 {
  let bits = bitcast<u32>(value);
  let magnitude = bits & 0x7fffffffu;
  let normal = (magnitude - 0x38000000u + 0xfffu + ((magnitude >> 13u) & 1u)) >> 13u;
  let shift = 126u - clamp(magnitude >> 23u, 101u, 112u);
  let mantissa = (magnitude & 0x7fffffu) | 0x800000u;
  let subnormal = (mantissa + (1u << (shift - 1u)) - 1u + ((mantissa >> shift) & 1u)) >> shift;
  let finite = select(normal, subnormal, magnitude < 0x38800000u);
  let special = select(0x7c00u, 0x7e00u, magnitude > 0x7f800000u);
  return ((bits >> 16u) & 0x8000u) | select(finite, special, magnitude >= 0x477ff000u);
}
fn bf16Bits(value: f32) -> u32 {
  let bits = bitcast<u32>(value);
  let rounded = (bits + 0x7fffu + ((bits >> 16u) & 1u)) >> 16u;
  return select(rounded, (bits >> 16u) | 0x40u, (bits & 0x7fffffffu) > 0x7f800000u);
}
`;
