/**
 * What a GPU backend makes of a kernel call: dispatches of compute shaders over operands, results and
 * hidden temporaries. Passes see this much of it; the shaders stay with the runtime, which makes them
 * again from the same call and compares digests.
 */
import type { DType } from "./dtype.ts";
import type { AttrValue } from "./types.ts";

export interface OperandShape {
  readonly dtype: DType;
  readonly shape: readonly number[];
}

/** A kernel's call as shapes: operands and results in their positions, null where left out. */
export interface CallShape {
  readonly inputs: readonly (OperandShape | null)[];
  /** Results, then scratch tensors. */
  readonly outputs: readonly (OperandShape | null)[];
  readonly attrs: ReadonlyMap<string, AttrValue>;
}

/** A tensor of a call: operand, result, hidden temporary, or constant that the kernel brings along. */
export type CallRef =
  | { readonly input: number }
  | { readonly output: number }
  | { readonly temporary: number }
  | { readonly constant: number };

export interface Dispatch {
  /** For people and profiles. */
  readonly label: string;
  readonly writes: CallRef;
  readonly reads: readonly CallRef[];
  /** WGSL element type of the result and of each read: two bindings can be one only where these agree. */
  readonly writeType: string;
  readonly readTypes: readonly string[];
  /** Positions in `reads` whose bytes the result may share. */
  readonly overwrite: readonly number[];
}

export interface DispatchedCall {
  readonly temporaries: readonly OperandShape[];
  readonly constants: readonly { readonly type: OperandShape; readonly base64: string }[];
  readonly dispatches: readonly Dispatch[];
  /** SHA-256 over everything that the dispatches are: code, uniforms, grid, operands. */
  readonly digest: string;
}

export interface DispatchSource {
  /** The dispatches of a call, or undefined where the GPU has no kernel for it and the host runs it. */
  dispatch(kernel: string, call: CallShape): DispatchedCall | undefined;
  /** Device limits under which the choice of kernels was made; a device must offer at least these. */
  readonly limits: Readonly<Record<string, number>>;
  /** One digest of the calls' digests, in order. */
  digest(calls: readonly string[]): string;
}
