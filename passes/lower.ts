/**
 * Purpose     Turns a Graph into a Program for one target: kernel steps over values with exact sizes.
 * Requires    Static shapes; channels-last first where the target's kernels want it.
 * Guarantees  Steps in graph order; views explicit; what depends on constants alone is computed
 *             once at load (`init`), so that it costs no step and no arena byte.
 * Method      One step a node; scratch becomes `temporary` values; seconds by the target's roofline.
 * Cost        Linear.
 * Limits      A view never changes its bytes' meaning: packed types need a whole-byte offset.
 */
import { broken, invariant } from "../src/errors.ts";
import { uniqueNamer } from "../src/ir/build.ts";
import { byteSize } from "../src/ir/bytes.ts";
import type { CallShape, OperandShape } from "../src/ir/dispatch.ts";
import type {
  Graph,
  GraphNode,
  KernelStep,
  Program,
  ProgramValue,
  TensorType,
  ValueId,
  ValueKind,
} from "../src/ir/types.ts";
import { stepSeconds } from "../src/target/cost.ts";
import { constantValues } from "./constant-values.ts";
import type { Target } from "../src/target/schema.ts";

interface Lowering {
  readonly graph: Graph;
  readonly target: Target;
  readonly native: NativeScratch | undefined;
  readonly constant: ReadonlySet<ValueId>;
  readonly values: ProgramValue[];
  /** Program value of a graph value, once made. */
  readonly made: Map<ValueId, ValueId>;
  readonly uniqueName: (name: string) => string;
}

function addValue(
  state: Lowering,
  name: string,
  type: TensorType,
  kind: ValueKind,
  more: Partial<ProgramValue> = {},
): ValueId {
  const id = state.values.length as ValueId;
  const { dtype, shape } = type;
  state.values.push({
    id,
    name: state.uniqueName(name),
    kind,
    dtype,
    shape,
    bytes: byteSize(dtype, shape),
    storage: { value: id, offset: 0 },
    ...more,
  });
  return id;
}

function operand(state: Lowering, id: ValueId): ValueId {
  const made = state.made.get(id);
  if (made === undefined) throw broken(`value ${state.graph.values[id]?.name ?? id} is read before it is made`);
  return made;
}

function addView(state: Lowering, node: GraphNode, kind: ValueKind): void {
  const [output] = node.outputs;
  const [input] = node.inputs;
  invariant(
    output !== undefined && output !== null && input !== undefined && input !== null && node.view !== null,
    `view ${node.name} has no operand`,
  );
  const shown = operand(state, input);
  const base = state.values[shown]!.storage;
  const type = state.graph.values[output]!;
  state.made.set(
    output,
    addValue(state, type.name, type, kind, {
      viewOf: shown,
      storage: { value: base.value, offset: base.offset + node.view },
    }),
  );
}

function addStep(
  state: Lowering,
  node: GraphNode,
  kindOf: (id: ValueId) => ValueKind,
  scratch: readonly TensorType[],
): KernelStep {
  const absentReads = node.inputs.flatMap((id, i) => (id === null ? [i] : []));
  const absentWrites = node.outputs.flatMap((id, i) => (id === null ? [i] : []));
  const reads = node.inputs.flatMap((id) => (id === null ? [] : [operand(state, id)]));
  const writes: ValueId[] = [];
  for (const id of node.outputs) {
    if (id === null) continue;
    const type = state.graph.values[id]!;
    const made = addValue(state, type.name, type, kindOf(id));
    state.made.set(id, made);
    writes.push(made);
  }
  scratch.forEach((type, i) => writes.push(addValue(state, `${node.name}/scratch${i}`, type, "temporary")));
  const bytes = [...new Set(reads), ...writes].reduce((sum, id) => sum + state.values[id]!.bytes, 0);
  return {
    kind: "kernel",
    kernel: node.op,
    node: node.name,
    reads,
    writes,
    absentReads,
    absentWrites,
    attrs: node.attrs,
    mayOverwrite:
      node.outputs[0] === null ? [] : node.inPlace.map((i) => i - absentReads.filter((absent) => absent < i).length),
    flops: node.flops,
    seconds: stepSeconds(state.target, { flops: node.flops, bytes }),
  };
}

/** What the backend's own kernel needs, or else the reference kernel. */
function scratchOf({ graph, native }: Lowering, node: GraphNode): readonly TensorType[] {
  const typeOf = (id: ValueId | null): OperandShape | null => (id === null ? null : graph.values[id]!);
  const shape: CallShape = {
    inputs: node.inputs.map(typeOf),
    outputs: node.outputs.map(typeOf),
    attrs: new Map(node.attrs.map(({ name, value }) => [name, value])),
  };
  return native?.(node.op, shape) ?? node.scratch;
}

/** Scratch of the kernel that a backend has for a call; undefined where it has none of its own. */
export type NativeScratch = (kernel: string, call: CallShape) => readonly TensorType[] | undefined;

/** Lowers `graph` for `target`. */
export function lower(graph: Graph, target: Target, native?: NativeScratch): Program {
  const constant = constantValues(graph);
  const state: Lowering = { graph, target, native, constant, values: [], made: new Map(), uniqueName: uniqueNamer() };
  const outputs = new Set(graph.outputs);
  // A constant that a step (or the caller) reads is a weight; one that only load-time steps read is not kept.
  const kept = new Set<ValueId>(graph.outputs.filter((id) => constant.has(id)));
  for (const node of graph.nodes) {
    if (node.outputs.every((id) => id === null || constant.has(id))) continue;
    for (const id of node.inputs) if (id !== null && constant.has(id)) kept.add(id);
  }
  const constantKind = (id: ValueId): ValueKind => (kept.has(id) ? "weight" : "temporary");
  const stepKind = (id: ValueId): ValueKind => (outputs.has(id) ? "output" : "activation");

  for (const id of graph.inputs)
    state.made.set(id, addValue(state, graph.values[id]!.name, graph.values[id]!, "input"));
  for (const value of graph.values) {
    if (value.kind === "constant")
      state.made.set(value.id, addValue(state, value.name, value, constantKind(value.id), { source: value.source }));
  }
  const init: KernelStep[] = [];
  const steps: KernelStep[] = [];
  for (const node of graph.nodes) {
    const atLoad = node.outputs.every((id) => id === null || constant.has(id));
    const kindOf = atLoad ? constantKind : stepKind;
    if (node.view !== null) addView(state, node, kindOf(node.outputs[0]!));
    // The reference kernels compute at load.
    else if (atLoad) init.push(addStep(state, node, kindOf, node.scratch));
    else steps.push(addStep(state, node, kindOf, scratchOf(state, node)));
  }
  return {
    stage: "program",
    name: graph.name,
    target: target.name,
    dims: graph.dims,
    values: keepRoots(state.values),
    init,
    steps,
    copies: [],
    calls: [],
    inputs: graph.inputs.map((id) => operand(state, id)),
    outputs: graph.outputs.map((id) => operand(state, id)),
    specialized: graph.specialized.map((entry) => ({ ...entry, value: operand(state, entry.value) })),
  };
}

/** What a weight shows must itself be kept, through all views down to the bytes. */
function keepRoots(values: readonly ProgramValue[]): ProgramValue[] {
  const kept = new Set<ValueId>();
  for (const value of values) {
    for (
      let at = value.kind === "weight" ? value : undefined;
      at !== undefined;
      at = at.viewOf === undefined ? undefined : values[at.viewOf]
    )
      kept.add(at.id);
  }
  return values.map((value) =>
    value.kind === "temporary" && kept.has(value.id) ? { ...value, kind: "weight" } : value,
  );
}
