/**
 * WGSL kernels of our own: a kernel is a pure function from shapes to the dispatches that compute it.
 * Shapes are baked into the code as literals, so that index arithmetic folds; equal forms share a pipeline.
 *
 * Values lie on the device exactly as everywhere else: dense little-endian bytes, padded with
 * up to 3 bytes to whole words. Types of 1 and 2 bytes are packed, of 8 bytes are two words
 * (low word first). A shader sees `array<f32>` (float32) or `array<i32>` (any other type: words).
 */
import type { CallShape, OperandShape } from "../../../ir/dispatch.ts";

export type { CallShape, OperandShape };

/** A tensor of the call: operand, result, or hidden temporary of this kernel. */
export type Ref = { readonly input: number } | { readonly output: number } | { readonly temporary: number };

export interface DispatchRead {
  /** Name of the storage variable in `code`. */
  readonly name: string;
  readonly from: Ref;
  /** Components of an array element: 1 (f32/i32), 2 or 4 (vec4<f32>/vec4<i32>); the byte size must be a multiple of it. */
  readonly components?: 1 | 2 | 4;
  /** This read may share its bytes with the result: each invocation reads only elements that it alone then writes. */
  readonly overwrite?: boolean;
}

export interface WgslDispatch {
  /** For people and profiles, e.g. "LayerNormalization/statistics". */
  readonly label: string;
  /** The one result; bound as `result`, read_write. */
  readonly writes: Ref;
  readonly writeComponents?: 1 | 2 | 4;
  readonly reads: readonly DispatchRead[];
  readonly workgroupSize: readonly [number, number, number];
  readonly workgroups: readonly [number, number, number];
  /**
   * WGSL of `fn kernel(index: i32)` and what it needs. `index` is the flat invocation number over the
   * whole grid (it may exceed the work: check it). Also there: `workgroupId`, `localId`, `globalId`,
   * `numWorkgroups` (vec3<u32>) and `localIndex` (u32). No barrier in control flow that depends on these.
   */
  readonly code: string;
  /** The result is `array<atomic<i32>>`. */
  readonly atomic?: boolean;
}

export interface WgslCall {
  /** Hidden temporaries; every one is written by a dispatch before it is read. */
  readonly temporaries: readonly OperandShape[];
  /** In order. Every non-null result must be written completely. */
  readonly dispatches: readonly WgslDispatch[];
}

/** The dispatches for this form of the call, or undefined where the kernel does not cover it (the host does then). */
export type WgslKernel = (call: CallShape) => WgslCall | undefined;

/** By our kernel names (those of src/kernels). */
export type WgslTable = Readonly<Record<string, WgslKernel>>;
