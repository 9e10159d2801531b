/**
 * A decoded ONNX model, before shapes: what src/onnx/read.ts makes of the protobuf bytes.
 * Names are only ever keys of Maps. Weight bytes are views on the input, or not read at all.
 */
import type { DType } from "../ir/dtype.ts";

export interface TensorData {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: readonly number[];
  /** Bytes of the dense tensor, little-endian, packed as in the IR (see src/ir/bytes.ts). */
  readonly byteLength: number;
  readonly source:
    /** `bytes()` is lazy: a view where raw_data lets it be, a conversion of the typed fields elsewhere. */
    | { readonly kind: "inline"; bytes(): Uint8Array }
    /** Checked (src/onnx/external.ts), not read: `bytes()` reads exactly offset..offset+length of the file. */
    | {
        readonly kind: "external";
        readonly location: string;
        readonly offset: number;
        readonly length: number;
        bytes(): Uint8Array;
      }
    /** Elements of a string tensor. */
    | { readonly kind: "strings"; readonly values: readonly string[] };
}

/** One dim as declared: a size, a symbolic name, or nothing known. */
export type DeclaredDim = number | string | null;

/** A value's declared type; `type` tells tensors from what Strata refuses by name. */
export interface ValueInfo {
  readonly name: string;
  readonly type: "tensor" | "sparse-tensor" | "sequence" | "optional" | "map" | "unknown";
  readonly dtype: DType | undefined;
  /** Undefined where even the rank is not declared. */
  readonly dims: readonly DeclaredDim[] | undefined;
}

export type AttributeValue =
  | { readonly kind: "int"; readonly value: number }
  | { readonly kind: "float"; readonly value: number }
  | { readonly kind: "string"; readonly value: string }
  | { readonly kind: "ints"; readonly value: readonly number[] }
  | { readonly kind: "floats"; readonly value: readonly number[] }
  | { readonly kind: "strings"; readonly value: readonly string[] }
  | { readonly kind: "tensor"; readonly value: TensorData }
  | { readonly kind: "graph"; readonly value: ModelGraph }
  /** In a function body: the attribute of the call, by name. */
  | { readonly kind: "reference"; readonly to: string }
  /** Sparse tensors, type protos, lists of tensors or graphs: named in the refusal. */
  | { readonly kind: "other"; readonly what: string };

export interface ModelNode {
  /** As in the file; may be empty. */
  readonly name: string;
  readonly op: string;
  /** `""` for ONNX's own (`ai.onnx` is normalised to it). */
  readonly domain: string;
  readonly overload: string;
  /** Empty strings stand for optional operands left out. */
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  /** int64 attribute values are numbers: those past 2^53 are saturated to +-(2^53 - 1). */
  readonly attributes: ReadonlyMap<string, AttributeValue>;
}

export interface ModelGraph {
  readonly name: string;
  readonly nodes: readonly ModelNode[];
  /** Inputs that are also initializers are only in `initializers` (their default is taken). */
  readonly inputs: readonly ValueInfo[];
  readonly outputs: readonly ValueInfo[];
  readonly initializers: ReadonlyMap<string, TensorData>;
  readonly valueInfo: ReadonlyMap<string, ValueInfo>;
}

export interface ModelFunction {
  readonly name: string;
  readonly domain: string;
  readonly overload: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  /** Attributes without default, by name. */
  readonly attributes: readonly string[];
  /** Attributes with their default. */
  readonly defaults: ReadonlyMap<string, AttributeValue>;
  readonly nodes: readonly ModelNode[];
  readonly opsets: ReadonlyMap<string, number>;
}

export interface Model {
  readonly irVersion: number;
  readonly producer: string;
  /** Versions by domain (`ai.onnx` under `""`). */
  readonly opsets: ReadonlyMap<string, number>;
  /** By `${domain}::${name}` and, with an overload, `${domain}::${name}::${overload}`. */
  readonly functions: ReadonlyMap<string, ModelFunction>;
  readonly graph: ModelGraph;
  /** Hex digest of the model file's bytes (external data not included). */
  readonly sha256: string;
  /** Path as given, or undefined for a model given as bytes. */
  readonly file: string | undefined;
  readonly byteLength: number;
}
