/** Values that depend on constants alone, by pure kernels: known once the weights are. */
import type { Graph, ValueId } from "../src/ir/types.ts";

export function constantValues(graph: Graph): ReadonlySet<ValueId> {
  const constant = new Set<ValueId>();
  for (const value of graph.values) if (value.kind === "constant") constant.add(value.id);
  for (const node of graph.nodes) {
    if (node.impure || node.opaque) continue;
    if (node.inputs.every((id) => id === null || constant.has(id)))
      for (const id of node.outputs) if (id !== null) constant.add(id);
  }
  return constant;
}
