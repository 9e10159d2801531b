/**
 * The intermediate representations: plain readonly data, no classes, no methods.
 *
 * A {@link Graph} has ONNX meaning; a {@link Program} is an ordered list of kernel calls over
 * values with exact byte sizes for one target. Ids are indices into `values`, and are made only
 * by src/ir/build.ts.
 */
import type { DType } from "./dtype.ts";

/** Something worth telling the user that stops nothing. */
export interface Diagnostic {
  readonly severity: "warning" | "remark";
  /** Stable, kebab-case, like error codes. */
  readonly code: string;
  readonly message: string;
  readonly where?: string;
}

declare const valueBrand: unique symbol;
/** Index of a value in its Graph or Program. */
export type ValueId = number & { readonly [valueBrand]: "ValueId" };

/** What an attribute may hold: all of it survives JSON, so infinities are strings "inf", "-inf", "nan". */
export type AttrValue = number | string | boolean | readonly number[] | readonly string[];

/** Attributes are records in name order, never objects keyed by names that a model chose. */
export interface Attr {
  readonly name: string;
  readonly value: AttrValue;
}

export interface TensorType {
  readonly dtype: DType;
  /** Dims after `--dim` binding; every one a safe integer >= 0. */
  readonly shape: readonly number[];
}

/** Where the bytes of a constant come from. Weight bytes are never part of the IR. */
export type ConstantSource =
  /** A named constant of the model file (initializer or Constant node), found again by name at load. */
  | { readonly kind: "model"; readonly name: string }
  /** A small constant made by the compiler: its bytes, little-endian, in base64. */
  | { readonly kind: "inline"; readonly base64: string };

export type GraphValue =
  | ({ readonly kind: "input"; readonly id: ValueId; readonly name: string } & TensorType)
  | ({
      readonly kind: "constant";
      readonly id: ValueId;
      readonly name: string;
      readonly source: ConstantSource;
    } & TensorType)
  | ({ readonly kind: "result"; readonly id: ValueId; readonly name: string } & TensorType);

/**
 * An operator with its meaning resolved: the kernel that computes it, its run-time operands, and
 * attributes free of opset versions (axes non-negative, pads explicit). Operands that only decided
 * shapes are gone: their values are in the attributes.
 */
export interface GraphNode {
  readonly name: string;
  /** Kernel name: for most operators the ONNX operator's own name. */
  readonly op: string;
  /** Run-time operands in kernel order; null where an optional one is left out. */
  readonly inputs: readonly (ValueId | null)[];
  /** Results; null where nobody wants one. */
  readonly outputs: readonly (ValueId | null)[];
  readonly attrs: readonly Attr[];
  readonly flops: number;
  /** Byte offset in operand 0 whose bytes result 0 shows, or null where the node computes something. */
  readonly view: number | null;
  /** Operand positions whose storage result 0 may overwrite. */
  readonly inPlace: readonly number[];
  /** Scratch tensors that the kernel gets after its results. */
  readonly scratch: readonly TensorType[];
  /** True where Strata knows no kernel: planned by its declared shapes, not executable. */
  readonly opaque: boolean;
  /** True where the result must not be computed at load even if every operand is constant. */
  readonly impure: boolean;
}

export interface Graph {
  readonly stage: "graph";
  readonly name: string;
  /** Bound symbolic dims, in name order. */
  readonly dims: readonly { readonly name: string; readonly size: number }[];
  readonly values: readonly GraphValue[];
  /** In execution order: every operand is an input, a constant or a result of an earlier node. */
  readonly nodes: readonly GraphNode[];
  readonly inputs: readonly ValueId[];
  readonly outputs: readonly ValueId[];
  /** Inputs whose values decided shapes: a plan made from this graph holds for these values only. */
  readonly specialized: readonly { readonly value: ValueId; readonly base64: string }[];
}

export type ValueKind = "input" | "output" | "weight" | "activation" | "temporary";

export interface ProgramValue extends TensorType {
  readonly id: ValueId;
  readonly name: string;
  /**
   * `weight` is filled once at load; `temporary` lives inside one step;
   * an `output` is an activation that the caller reads at the end.
   */
  readonly kind: ValueKind;
  readonly bytes: number;
  /** Storage that holds the bytes: itself at 0, or another value's (a view, or an in-place write). */
  readonly storage: { readonly value: ValueId; readonly offset: number };
  /** For a view: the value whose bytes it shows. No step writes a view. */
  readonly viewOf?: ValueId;
  /** For a weight that is read straight from the model file, or is inline; others come from `init`. */
  readonly source?: ConstantSource;
}

export interface KernelStep {
  readonly kind: "kernel";
  readonly kernel: string;
  /** Name of the graph node that it came from. */
  readonly node: string;
  /** Operands in kernel order (a value may stand twice). */
  readonly reads: readonly ValueId[];
  /** Results in kernel order, then scratch (`temporary`) values. */
  readonly writes: readonly ValueId[];
  /** Positions of optional operands left out, counted in the full operand list. */
  readonly absentReads: readonly number[];
  /** Positions of optional results left out, counted in the full result list. */
  readonly absentWrites: readonly number[];
  readonly attrs: readonly Attr[];
  /** Operands (positions in `reads`) whose storage result 0 may overwrite; the in-place pass decides. */
  readonly mayOverwrite: readonly number[];
  readonly flops: number;
  /** Cost on the target, seconds (roofline; simulated). */
  readonly seconds: number;
  /** For one GPU dispatch of a kernel call: which call, and which of its dispatches. */
  readonly dispatch?: { readonly call: number; readonly index: number };
}

/** A kernel call that runs as GPU dispatches: what must be known to make their shaders again. */
export interface CallRecord {
  readonly kernel: string;
  readonly node: string;
  readonly reads: readonly ValueId[];
  readonly writes: readonly ValueId[];
  readonly absentReads: readonly number[];
  readonly absentWrites: readonly number[];
  readonly attrs: readonly Attr[];
  /** SHA-256 of its dispatches (src/ir/dispatch.ts). */
  readonly digest: string;
}

/** A copy of a value's storage between memories (an offload or its return), before a step. */
export interface StorageCopy {
  /** A storage root. */
  readonly value: ValueId;
  readonly from: string;
  readonly to: string;
  /** Index in `steps` that it comes before. */
  readonly before: number;
}

export interface Program {
  readonly stage: "program";
  readonly name: string;
  /** Name of the target it was lowered for. */
  readonly target: string;
  readonly dims: Graph["dims"];
  readonly values: readonly ProgramValue[];
  /**
   * Steps that run once at load, on the host, to make weights out of model constants (transposed
   * filters, expanded constants). Their results are `weight` values; nothing here is in the arena.
   */
  readonly init: readonly KernelStep[];
  readonly steps: readonly KernelStep[];
  /** In the order in which they happen; none where everything stays where it is. */
  readonly copies: readonly StorageCopy[];
  /** Calls that steps are dispatches of; none but for GPU targets. */
  readonly calls: readonly CallRecord[];
  readonly inputs: readonly ValueId[];
  readonly outputs: readonly ValueId[];
  readonly specialized: Graph["specialized"];
}
