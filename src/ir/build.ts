/**
 * Builders: the only place where ids are made. Names are made unique here, so that printed text
 * never depends on ids.
 */
import { broken, invariant } from "../errors.ts";
import type { Attr, AttrValue, ConstantSource, Graph, GraphNode, GraphValue, TensorType, ValueId } from "./types.ts";

/** Attributes as records in name order. */
export const attrsOf = (record: Readonly<Record<string, AttrValue>>): Attr[] =>
  Object.keys(record)
    .sort()
    .map((name) => ({ name, value: record[name]! }));

export interface NodeParts {
  readonly name: string;
  readonly op: string;
  readonly inputs: readonly (ValueId | null)[];
  readonly attrs?: readonly Attr[];
  readonly flops?: number;
  readonly view?: number | null;
  readonly inPlace?: readonly number[];
  readonly scratch?: readonly TensorType[];
  readonly opaque?: boolean;
  readonly impure?: boolean;
}

export interface GraphBuilder {
  input(name: string, type: TensorType): ValueId;
  constant(name: string, type: TensorType, source: ConstantSource): ValueId;
  /** Adds a node and its results; a null in `results` is a result that nobody wants. */
  node(
    parts: NodeParts,
    results: readonly ({ readonly name: string; readonly type: TensorType } | null)[],
  ): (ValueId | null)[];
  value(id: ValueId): GraphValue;
  /** The node added last. */
  lastNode(): GraphNode;
  /** Number of nodes so far. */
  nodeCount(): number;
  valueCount(): number;
  finish(outputs: readonly ValueId[], dims: Graph["dims"], specialized: Graph["specialized"]): Graph;
}

/** A namer that gives back `name`, or `name_1`, `name_2`, ... where it is taken. */
export function uniqueNamer(): (name: string) => string {
  const taken = new Map<string, number>();
  return (name) => {
    let count = taken.get(name);
    if (count === undefined) {
      taken.set(name, 0);
      return name;
    }
    let candidate: string;
    do {
      count++;
      candidate = `${name}_${count}`;
    } while (taken.has(candidate));
    taken.set(name, count);
    taken.set(candidate, 0);
    return candidate;
  };
}

/** Makes a {@link Graph} value by value, in execution order. */
export function graphBuilder(name: string): GraphBuilder {
  const values: GraphValue[] = [];
  const nodes: GraphNode[] = [];
  const inputs: ValueId[] = [];
  const uniqueValue = uniqueNamer();
  const uniqueNode = uniqueNamer();
  const nextId = (): ValueId => values.length as ValueId;

  return {
    input(wanted, { dtype, shape }) {
      const id = nextId();
      values.push({ kind: "input", id, name: uniqueValue(wanted), dtype, shape });
      inputs.push(id);
      return id;
    },
    constant(wanted, { dtype, shape }, source) {
      const id = nextId();
      values.push({ kind: "constant", id, name: uniqueValue(wanted), dtype, shape, source });
      return id;
    },
    node(parts, results) {
      for (const id of parts.inputs)
        invariant(
          id === null || (id >= 0 && id < values.length),
          `node ${parts.name} reads a value that is not there yet`,
        );
      const outputs = results.map((result) => {
        if (result === null) return null;
        const id = nextId();
        values.push({
          kind: "result",
          id,
          name: uniqueValue(result.name),
          dtype: result.type.dtype,
          shape: result.type.shape,
        });
        return id;
      });
      nodes.push({
        name: uniqueNode(parts.name),
        op: parts.op,
        inputs: parts.inputs,
        outputs,
        attrs: parts.attrs ?? [],
        flops: parts.flops ?? 0,
        view: parts.view ?? null,
        inPlace: parts.inPlace ?? [],
        scratch: parts.scratch ?? [],
        opaque: parts.opaque ?? false,
        impure: parts.impure ?? false,
      });
      return outputs;
    },
    value(id) {
      const value = values[id];
      if (value === undefined) throw broken(`no value ${id}`);
      return value;
    },
    lastNode() {
      const node = nodes.at(-1);
      if (node === undefined) throw broken("no node yet");
      return node;
    },
    nodeCount: () => nodes.length,
    valueCount: () => values.length,
    finish: (outputs, dims, specialized) => ({
      stage: "graph",
      name,
      dims,
      values,
      nodes,
      inputs,
      outputs,
      specialized,
    }),
  };
}

/**
 * A graph with the values that nothing reads taken out and ids made anew, dense and in order:
 * inputs, then constants, then results as nodes make them. Every graph pass ends with it.
 */
export function compactGraph(graph: Graph): Graph {
  const live = new Set<ValueId>(graph.outputs);
  const nodes: GraphNode[] = [];
  for (let i = graph.nodes.length - 1; i >= 0; i--) {
    const node = graph.nodes[i]!;
    if (!node.outputs.some((id) => id !== null && live.has(id))) continue;
    for (const id of node.inputs) if (id !== null) live.add(id);
    nodes.push(node);
  }
  nodes.reverse();
  const order: ValueId[] = [...graph.inputs];
  const listed = new Set(order);
  const list = (id: ValueId | null): void => {
    if (id === null || listed.has(id)) return;
    listed.add(id);
    order.push(id);
  };
  for (const value of graph.values) if (value.kind === "constant" && live.has(value.id)) list(value.id);
  for (const node of nodes) for (const id of node.outputs) if (id !== null && live.has(id)) list(id);
  const renumbered = new Map(order.map((id, index) => [id, index as ValueId]));
  const to = (id: ValueId): ValueId => {
    const fresh = renumbered.get(id);
    if (fresh === undefined) throw broken(`value ${id} is read but never made`);
    return fresh;
  };
  return {
    ...graph,
    values: order.map((id) => ({ ...graph.values[id]!, id: to(id) })),
    nodes: nodes.map((node) => ({
      ...node,
      inputs: node.inputs.map((id) => (id === null ? null : to(id))),
      outputs: node.outputs.map((id) => (id === null || !live.has(id) ? null : to(id))),
    })),
    inputs: graph.inputs.map(to),
    outputs: graph.outputs.map(to),
    specialized: graph.specialized.map((entry) => ({ ...entry, value: to(entry.value) })),
  };
}
