/**
 * What a kernel is: a pure function from operand bytes to result bytes, on static shapes.
 * The kernels of this folder are the reference meaning of every operator; they know no backend,
 * allocate no tensor, and are also what the constant folder runs on small tensors.
 */
import type { Attr, AttrValue } from "../ir/types.ts";
import type { DType } from "../ir/dtype.ts";

/**
 * Raw storage by dtype. float16, bfloat16: Uint16Array of bits. float8*: Uint8Array of bits.
 * bool: Uint8Array of 0 and 1. 4- and 2-bit types: Uint8Array, packed, low bits first.
 * complex: interleaved real, imaginary.
 */
export type Storage =
  | Float32Array
  | Float64Array
  | Int8Array
  | Int16Array
  | Int32Array
  | BigInt64Array
  | Uint8Array
  | Uint16Array
  | Uint32Array
  | BigUint64Array;

export interface Tensor {
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly data: Storage;
}

export interface KernelCall {
  /** Operands by position; null where an optional one is left out. */
  readonly inputs: readonly (Tensor | null)[];
  /** Results to fill, by position; null where nobody wants one. Scratch tensors follow the results. */
  readonly outputs: readonly (Tensor | null)[];
  /** Normalised by the operator's rule: axes non-negative, pads explicit, defaults filled in. */
  readonly attrs: ReadonlyMap<string, AttrValue>;
}

/**
 * Fills every non-null output completely. Must not keep references, read a clock or draw random
 * numbers. Throws only where the *data* is bad (an index out of range): use `badData`.
 */
export type Kernel = (call: KernelCall) => void;

/** Kernels by name, one table for each family. */
export type KernelTable = Readonly<Record<string, Kernel>>;

export const attrMap = (attrs: readonly Attr[]): ReadonlyMap<string, AttrValue> =>
  new Map(attrs.map((attr) => [attr.name, attr.value]));
