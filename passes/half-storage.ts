/**
 * Purpose     Stores float32 tensors as float16: half the bytes, planned as such.
 * Requires    A source of dispatches, which says for each call whether the GPU computes it on such tensors
 *             (its kernels widen on reading, sum in float32 and round once on writing).
 * Guarantees  Graph inputs and outputs keep their type. What the GPU has no such kernel for computes on
 *             float32, with casts where it meets halves.
 * Method      One forward walk. `weights`: large constants of matrix products and convolutions, and tables that
 *             rows are gathered from (the rows are widened), rounded once at load. `all`: every call that the
 *             GPU takes in halves gets and makes halves.
 * Cost        Linear.
 * Limits      Rounding errors of 2^-11 relative per stored value; magnitudes above 65504 overflow.
 */
import type { CallShape, DispatchSource, OperandShape } from "../src/ir/dispatch.ts";
import { attrsOf, compactGraph, uniqueNamer } from "../src/ir/build.ts";
import type { Graph, GraphNode, GraphValue, ValueId } from "../src/ir/types.ts";
import { constantValues } from "./constant-values.ts";

export interface HalfStorageOptions {
  /** Activations too, not only weights. */
  readonly activations: boolean;
}

/** Weights below this are not worth a rounding: biases, scales. */
const LEAST_WEIGHT_BYTES = 4096;

/** Kernels that take a weight of another type than their activations. */
const MIXED = new Set(["MatMul", "Gemm", "Conv", "ConvNHWC", "ConvTranspose"]);

interface Walk {
  readonly values: GraphValue[];
  readonly nodes: GraphNode[];
  readonly unique: (name: string) => string;
  /** Each value in float32 and in float16, as far as it was made. */
  readonly whole: Map<ValueId, ValueId>;
  readonly half: Map<ValueId, ValueId>;
}

/** Rewrites `graph` with values stored in float16. */
export function halfStorage(graph: Graph, source: DispatchSource, { activations }: HalfStorageOptions): Graph {
  const constant = constantValues(graph);
  const walk: Walk = {
    values: [...graph.values],
    nodes: [],
    unique: uniqueNamer(),
    whole: new Map(),
    half: new Map(),
  };
  for (const value of graph.values) walk.unique(value.name);
  for (const value of graph.values) if (value.kind !== "result") walk.whole.set(value.id, value.id);
  for (const node of graph.nodes) {
    if (node.outputs.every((id) => id === null || constant.has(id))) {
      walk.nodes.push(node);
      for (const id of node.outputs) if (id !== null) walk.whole.set(id, id);
    } else if (node.view !== null) follow(graph, walk, node, node.view);
    else if ((activations || isTable(graph, node, constant)) && takesHalves(graph, node, source))
      inHalves(graph, walk, node);
    else inWhole(graph, walk, node, constant, source);
  }
  const outputs = graph.outputs.map((id) => wholeOf(walk, id));
  return compactGraph({ ...graph, values: walk.values, nodes: walk.nodes, outputs });
}

/** Whether the constant is worth a rounding. */
const isLarge = (graph: Graph, id: ValueId | null, constant: ReadonlySet<ValueId>): boolean =>
  id !== null &&
  constant.has(id) &&
  4 * graph.values[id]!.shape.reduce((product, dim) => product * dim, 1) >= LEAST_WEIGHT_BYTES;

/** Rows gathered from a large constant: an embedding. */
const isTable = (graph: Graph, { op, inputs }: GraphNode, constant: ReadonlySet<ValueId>): boolean =>
  op === "Gather" && isLarge(graph, inputs[0] ?? null, constant);

const isFloat = (graph: Graph, id: ValueId | null): boolean => id !== null && graph.values[id]!.dtype === "float32";

function callOf(graph: Graph, node: GraphNode, half: (id: ValueId) => boolean): CallShape {
  const typeOf = (id: ValueId | null): OperandShape | null =>
    id === null
      ? null
      : {
          dtype: isFloat(graph, id) && half(id) ? "float16" : graph.values[id]!.dtype,
          shape: graph.values[id]!.shape,
        };
  return {
    inputs: node.inputs.map(typeOf),
    outputs: node.outputs.map(typeOf),
    attrs: new Map(node.attrs.map(({ name, value }) => [name, value])),
  };
}

/** Whether the GPU computes `node` with all its float32 operands and results in halves. */
function takesHalves(graph: Graph, node: GraphNode, source: DispatchSource): boolean {
  // A Cast is about types: it stays what it says.
  if (node.opaque || node.op === "Cast" || !node.outputs.some((id) => isFloat(graph, id))) return false;
  return (
    source.dispatch(
      node.op,
      callOf(graph, node, () => true),
    ) !== undefined
  );
}

function addResult(walk: Walk, name: string, dtype: GraphValue["dtype"], shape: readonly number[]): ValueId {
  const id = walk.values.length as ValueId;
  walk.values.push({ kind: "result", id, name: walk.unique(name), dtype, shape });
  return id;
}

function cast(walk: Walk, id: ValueId, dtype: "float16" | "float32", name: string): ValueId {
  const made = addResult(walk, name, dtype, walk.values[id]!.shape);
  walk.nodes.push({
    name,
    op: "Cast",
    inputs: [id],
    outputs: [made],
    attrs: attrsOf({ round_mode: "up", saturate: true }),
    flops: 0,
    view: null,
    inPlace: [],
    scratch: [],
    opaque: false,
    impure: false,
  });
  return made;
}

function halfOf(walk: Walk, id: ValueId): ValueId {
  let half = walk.half.get(id);
  if (half === undefined) {
    half = cast(walk, walk.whole.get(id)!, "float16", `${walk.values[id]!.name}/half`);
    walk.half.set(id, half);
  }
  return half;
}

function wholeOf(walk: Walk, id: ValueId): ValueId {
  let whole = walk.whole.get(id);
  if (whole === undefined) {
    // The value itself keeps its name and its type.
    whole = id;
    const { name } = walk.values[id]!;
    walk.nodes.push({
      name: `${name}/whole`,
      op: "Cast",
      inputs: [walk.half.get(id)!],
      outputs: [id],
      attrs: attrsOf({ round_mode: "up", saturate: true }),
      flops: 0,
      view: null,
      inPlace: [],
      scratch: [],
      opaque: false,
      impure: false,
    });
    walk.whole.set(id, whole);
  }
  return whole;
}

function inHalves(graph: Graph, walk: Walk, node: GraphNode): void {
  const inputs = node.inputs.map((id) =>
    id === null ? null : isFloat(graph, id) ? halfOf(walk, id) : wholeOf(walk, id),
  );
  const outputs = node.outputs.map((id) => {
    if (id === null) return null;
    if (!isFloat(graph, id)) {
      walk.whole.set(id, id);
      return id;
    }
    const half = addResult(walk, `${graph.values[id]!.name}/half`, "float16", graph.values[id]!.shape);
    walk.half.set(id, half);
    return half;
  });
  walk.nodes.push({ ...node, inputs, outputs });
}

function inWhole(
  graph: Graph,
  walk: Walk,
  node: GraphNode,
  constant: ReadonlySet<ValueId>,
  source: DispatchSource,
): void {
  const large = (id: ValueId): boolean => isLarge(graph, id, constant);
  const mixed =
    MIXED.has(node.op) &&
    node.inputs.some((id) => isFloat(graph, id) && large(id!)) &&
    source.dispatch(node.op, callOf(graph, node, large)) !== undefined;
  const inputs = node.inputs.map((id) =>
    id === null ? null : mixed && isFloat(graph, id) && large(id) ? halfOf(walk, id) : wholeOf(walk, id),
  );
  walk.nodes.push({ ...node, inputs });
  for (const id of node.outputs) if (id !== null) walk.whole.set(id, id);
}

/** A view shows whatever its operand is stored as. */
function follow(graph: Graph, walk: Walk, node: GraphNode, offset: number): void {
  const [shown, ...others] = node.inputs;
  const [output] = node.outputs as [ValueId];
  const half = walk.half.get(shown!);
  if (half === undefined || walk.whole.has(shown!)) {
    walk.nodes.push({ ...node, inputs: [wholeOf(walk, shown!), ...others] });
    walk.whole.set(output, output);
    return;
  }
  const { name, shape } = graph.values[output]!;
  const made = addResult(walk, `${name}/half`, "float16", shape);
  walk.half.set(output, made);
  walk.nodes.push({ ...node, inputs: [half, ...others], outputs: [made], view: offset / 2 });
}
