/**
 * The operator table: one record for each ONNX operator gives its shape rule, its meaning (the
 * kernel that computes it, with normalised attributes) and its cost, in one function.
 */
import type { AttrValue, TensorType } from "../../ir/types.ts";
import type { Tensor } from "../../kernels/types.ts";

/** What a rule may ask about the node that it is applied to. */
export interface OpContext {
  readonly op: string;
  /** Opset version of the node's domain. */
  readonly version: number;
  /** Operand types by position; null where left out. Positions past the end read as undefined. */
  readonly inputs: readonly (TensorType | null)[];
  /** Number of results that the node names (some may be null). */
  readonly outputCount: number;
  /** Whether result `i` is named, so that somebody may read it. */
  hasOutput(i: number): boolean;
  /** Declared dims of result `i` by the model's value_info, where there are any and all are static. */
  declared(i: number): TensorType | undefined;

  /** Type of operand `i`, which must be there (invalid-node otherwise). */
  input(i: number): TensorType;
  hasInput(i: number): boolean;
  /** Value of operand `i` where it is known at compile time (at most 1,024 elements). */
  known(i: number): Tensor | undefined;
  /** Like `known`, as integers; throws shape-depends-on-data where it is not known. */
  knownInts(i: number, what: string): readonly number[];
  /** Like `known`, as doubles; throws shape-depends-on-data where it is not known. */
  knownFloats(i: number, what: string): readonly number[];

  // Attributes. Those with a default never throw for absence; a wrong type is invalid-node.
  int(name: string, fallback: number): number;
  intOrUndefined(name: string): number | undefined;
  float(name: string, fallback: number): number;
  floatOrUndefined(name: string): number | undefined;
  string(name: string, fallback: string): string;
  ints(name: string): readonly number[] | undefined;
  floats(name: string): readonly number[] | undefined;
  strings(name: string): readonly string[] | undefined;
  /** A tensor attribute (`value` of ConstantOfShape); undefined where absent. At most 1,024 elements. */
  tensor(name: string): Tensor | undefined;
  /** Attribute `name` that must be there, as an integer. */
  requiredInt(name: string): number;

  /** `axis` made non-negative; invalid-node where it is outside [-rank, rank). */
  axis(axis: number, rank: number): number;
  /** NumPy broadcasting of shapes; invalid-node where they don't broadcast. */
  broadcast(...shapes: readonly (readonly number[])[]): readonly number[];

  /** The node is malformed. */
  invalid(message: string): never;
  /** The node is fine, but Strata has no kernel for this form of it. Refused, never guessed. */
  unsupported(message: string): never;
}

/** What a node means: the types of its results and how they are computed. */
export interface Meaning {
  /** One for each result of the operator that this form has, in order (missing trailing ones may be left out). */
  readonly outputs: readonly TensorType[];
  /** Kernel that computes it (see src/kernels); the operator's name where left out. */
  readonly kernel?: string;
  /** Operand positions that the kernel reads at run time, in kernel order; all present ones where left out. */
  readonly reads?: readonly number[];
  /** Attributes as the kernel wants them: axes non-negative, pads explicit, defaults filled in, version differences gone. */
  readonly attrs?: Readonly<Record<string, AttrValue>>;
  /** Floating-point operations, for the roofline; 1 an output element where left out. */
  readonly flops?: number;
  /** Result 0 is operand 0's bytes at this byte offset: no kernel, no copy. */
  readonly view?: number;
  /** Operand positions (node positions) whose storage result 0 may overwrite: same bytes, each element read before it is written. */
  readonly inPlace?: readonly number[];
  /** Scratch tensors that the kernel needs, passed after its results. */
  readonly scratch?: readonly TensorType[];
  /** Results known already from shapes alone (Shape, Size); undefined where not. */
  readonly known?: readonly (Tensor | undefined)[];
  /** Draws random numbers or otherwise may not be folded at compile or load time. */
  readonly impure?: boolean;
}

/** Shape rule, meaning and cost of one operator, for every opset version that Strata reads. */
export type OperatorRule = (n: OpContext) => Meaning;

/** Rules by operator name, one table for each family and domain. */
export type OperatorTable = Readonly<Record<string, OperatorRule>>;
