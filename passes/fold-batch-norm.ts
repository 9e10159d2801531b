/**
 * Purpose     Folds batch normalisation into the convolution before it: one pass over the activations less.
 * Requires    Static shapes; before channels-last.
 * Guarantees  The same function up to rounding. Nothing is computed at run time for it: filters and bias
 *             are scaled once, when the weights are loaded.
 * Method      w' = w * f, b' = (b - mean) * f + shift with f = scale / sqrt(variance + epsilon), one a
 *             filter (Ioffe & Szegedy 2015, section 3.1), as nodes over constants.
 * Cost        Linear.
 * Limits      float32; all four parameters constant; the convolution has no other reader.
 */
import { attrsOf, compactGraph, uniqueNamer } from "../src/ir/build.ts";
import type { Graph, GraphNode, GraphValue, TensorType, ValueId } from "../src/ir/types.ts";
import { constantValues } from "./constant-values.ts";

/** Folds every batch normalisation that can be. */
export function foldBatchNorm(graph: Graph): Graph {
  const constant = constantValues(graph);
  const readers = new Map<ValueId, number>();
  for (const node of graph.nodes)
    for (const id of node.inputs) if (id !== null) readers.set(id, (readers.get(id) ?? 0) + 1);
  for (const id of graph.outputs) readers.set(id, (readers.get(id) ?? 0) + 1);
  const maker = new Map<ValueId, GraphNode>();
  for (const node of graph.nodes) if (node.op === "Conv" && node.outputs[0] != null) maker.set(node.outputs[0], node);

  const folded = new Map<GraphNode, GraphNode>();
  for (const node of graph.nodes) {
    const conv = node.op === "BatchNormalization" && node.inputs[0] != null ? maker.get(node.inputs[0]) : undefined;
    if (conv === undefined || readers.get(node.inputs[0]!) !== 1) continue;
    if (node.outputs.slice(1).some((id) => id !== null)) continue;
    const parameters = [...node.inputs.slice(1, 5), ...conv.inputs.slice(1)];
    const isFloat = (id: ValueId | null): boolean => id === null || graph.values[id]!.dtype === "float32";
    if (parameters.every((id) => isFloat(id) && (id === null || constant.has(id)))) folded.set(node, conv);
  }
  if (folded.size === 0) return graph;

  const unique = uniqueNamer();
  for (const value of graph.values) unique(value.name);
  const values: GraphValue[] = [...graph.values];
  const nodes: GraphNode[] = [];
  const dropped = new Set(folded.values());
  const add = (name: string, type: TensorType, more: object): ValueId => {
    const id = values.length as ValueId;
    values.push({
      kind: "result",
      id,
      name: unique(name),
      dtype: type.dtype,
      shape: type.shape,
      ...more,
    } as GraphValue);
    return id;
  };
  const compute = (
    op: string,
    inputs: readonly ValueId[],
    name: string,
    shape: readonly number[],
    view: number | null = null,
  ): ValueId => {
    const id = add(name, { dtype: "float32", shape }, {});
    nodes.push({
      name: `${name}/${op}`,
      op,
      inputs,
      outputs: [id],
      attrs: attrsOf({}),
      flops: 0,
      view,
      inPlace: [],
      scratch: [],
      opaque: false,
      impure: false,
    });
    return id;
  };

  for (const node of graph.nodes) {
    if (dropped.has(node)) continue;
    const conv = folded.get(node);
    if (conv === undefined) {
      nodes.push(node);
      continue;
    }
    const [, scale, shift, mean, variance] = node.inputs as ValueId[];
    const [x, w, bias] = conv.inputs as [ValueId, ValueId, ValueId | null | undefined];
    const filters = values[w]!.shape[0]!;
    const name = node.name;
    const epsilon = Number(node.attrs.find((entry) => entry.name === "epsilon")?.value ?? 1e-5);
    const epsilonId = add(
      `${name}/epsilon`,
      { dtype: "float32", shape: [] },
      {
        kind: "constant",
        source: { kind: "inline", base64: float32Base64(epsilon) },
      },
    );
    const deviation = compute(
      "Sqrt",
      [compute("Add", [variance!, epsilonId], `${name}/variance`, [filters])],
      `${name}/deviation`,
      [filters],
    );
    const factor = compute("Div", [scale!, deviation], `${name}/factor`, [filters]);
    const column = compute(
      "Reshape",
      [factor],
      `${name}/factors`,
      [filters, ...values[w]!.shape.slice(1).map(() => 1)],
      0,
    );
    const scaled = compute("Mul", [w, column], `${name}/filter`, values[w]!.shape);
    const centred = bias == null ? undefined : compute("Sub", [bias, mean!], `${name}/centred`, [filters]);
    const moved =
      centred === undefined
        ? compute("Sub", [shift!, compute("Mul", [mean!, factor], `${name}/mean`, [filters])], `${name}/bias`, [
            filters,
          ])
        : compute("Add", [compute("Mul", [centred, factor], `${name}/scaled`, [filters]), shift!], `${name}/bias`, [
            filters,
          ]);
    nodes.push({ ...conv, inputs: [x, scaled, moved], outputs: [node.outputs[0]!] });
  }
  return compactGraph({ ...graph, values, nodes });
}

const float32Base64 = (value: number): string => bytesBase64(new Uint8Array(Float32Array.of(value).buffer));

const bytesBase64 = (bytes: Uint8Array): string => btoa(String.fromCharCode(...bytes));
