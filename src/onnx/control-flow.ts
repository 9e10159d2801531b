/**
 * If, Loop and Scan, where they resolve at compile time: the taken branch is inlined, loops are
 * unrolled. What does not resolve is refused by name: a static plan cannot hold it.
 */
import { controlFlow, invalidNode, limitExceeded } from "../errors.ts";
import type { ValueId } from "../ir/types.ts";
import { bigReader, makeTensor, reader, tensorOf } from "../kernels/access.ts";
import type { Importer } from "./import.ts";
import type { AttributeValue, ModelGraph, ModelNode } from "./model.ts";
import type { Scope } from "./scope.ts";

const OPERATORS = new Set(["If", "Loop", "Scan"]);
/** Most iterations that are unrolled. */
const MAX_ITERATIONS = 10_000;

export const isControlFlow = (node: ModelNode): boolean => node.domain === "" && OPERATORS.has(node.op);

export function importControlFlow(
  importer: Importer,
  scope: Scope,
  node: ModelNode,
  attributes: ReadonlyMap<string, AttributeValue>,
  label: string,
): void {
  if (node.op === "If") return importIf(importer, scope, node, attributes, label);
  const body = graphAttribute(attributes, "body", node, label);
  if (node.op === "Loop") return importLoop(importer, scope, node, body, label);
  importScan(importer, scope, node, body, attributes, label);
}

function graphAttribute(
  attributes: ReadonlyMap<string, AttributeValue>,
  name: string,
  node: ModelNode,
  label: string,
): ModelGraph {
  const attribute = attributes.get(name);
  if (attribute?.kind !== "graph") throw invalidNode(label, node.op, `attribute '${name}' must be a graph`);
  return attribute.value;
}

const truth = (importer: Importer, id: ValueId): boolean | undefined => {
  const tensor = importer.known.get(id);
  return tensor === undefined ? undefined : reader(tensor)(0) !== 0;
};

/** Imports one body with its inputs bound; returns the values of its outputs. */
function inlineBody(
  importer: Importer,
  scope: Scope,
  body: ModelGraph,
  inputs: readonly ValueId[],
  prefix: string,
  label: string,
): ValueId[] {
  const inner = importer.bodyScope(scope, body, prefix);
  body.inputs.forEach((input, i) => {
    const id = inputs[i];
    if (id !== undefined) inner.values.set(input.name, id);
  });
  importer.importNodes(inner, body.nodes);
  return body.outputs.map((output) => importer.resolve(inner, output.name, label));
}

function define(scope: Scope, names: readonly string[], ids: readonly ValueId[]): void {
  names.forEach((name, i) => {
    const id = ids[i];
    if (name !== "" && id !== undefined) scope.values.set(name, id);
  });
}

function importIf(
  importer: Importer,
  scope: Scope,
  node: ModelNode,
  attributes: ReadonlyMap<string, AttributeValue>,
  label: string,
): void {
  const condition = truth(importer, importer.resolve(scope, node.inputs[0] ?? "", label));
  if (condition === undefined) throw controlFlow(label, "If", "its condition is known only at run time");
  const branch = graphAttribute(attributes, condition ? "then_branch" : "else_branch", node, label);
  define(scope, node.outputs, inlineBody(importer, scope, branch, [], `${label}/`, label));
}

function importLoop(importer: Importer, scope: Scope, node: ModelNode, body: ModelGraph, label: string): void {
  const tripName = node.inputs[0] ?? "";
  const conditionName = node.inputs[1] ?? "";
  let trips = Infinity;
  if (tripName !== "") {
    const tensor = importer.known.get(importer.resolve(scope, tripName, label));
    if (tensor === undefined) throw controlFlow(label, "Loop", "its trip count is known only at run time");
    trips = Number(bigReader(tensor)(0));
  }
  let goOn = true;
  if (conditionName !== "") {
    const first = truth(importer, importer.resolve(scope, conditionName, label));
    if (first === undefined) throw controlFlow(label, "Loop", "its condition is known only at run time");
    goOn = first;
  }
  let carried = node.inputs.slice(2).map((name) => importer.resolve(scope, name, label));
  const scans: ValueId[][] = body.outputs.slice(1 + carried.length).map(() => []);
  const always = importer.inlineConstant(`${label}/condition`, tensorOf("bool", [], [1]));
  for (let i = 0; goOn && i < trips; i++) {
    if (i >= MAX_ITERATIONS) throw limitExceeded("loop iterations", MAX_ITERATIONS, undefined);
    const index = importer.inlineConstant(`${label}/${i}/iteration`, tensorOf("int64", [], [i]));
    const results = inlineBody(importer, scope, body, [index, always, ...carried], `${label}/${i}/`, label);
    carried = results.slice(1, 1 + carried.length);
    results.slice(1 + carried.length).forEach((id, s) => scans[s]!.push(id));
    const next = truth(importer, results[0]!);
    if (next === undefined)
      throw controlFlow(label, "Loop", `its condition after iteration ${i} is known only at run time`);
    goOn = next;
  }
  const stacked = scans.map((ids, s) => {
    const declared = body.outputs[1 + carried.length + s];
    return stack(importer, scope, ids, 0, `${label}/scan${s}`, () => {
      const type = importer.declaredType(scope, declared);
      if (type === undefined)
        throw controlFlow(label, "Loop", "it runs zero times and a scan output has no declared shape");
      return importer.inlineConstant(`${label}/scan${s}`, makeTensor(type.dtype, [0, ...type.shape]));
    });
  });
  define(scope, node.outputs, [...carried, ...stacked]);
}

/** Unsqueezes each value at `axis` and concatenates them there. */
function stack(
  importer: Importer,
  scope: Scope,
  ids: readonly ValueId[],
  axis: number,
  name: string,
  empty: () => ValueId,
): ValueId {
  if (ids.length === 0) return empty();
  const axes = importer.inlineConstant(`${name}/axis`, tensorOf("int64", [1], [axis]));
  const parts = ids.map((id, i) => importer.emit(scope, "Unsqueeze", [id, axes], {}, `${name}/${i}`));
  return parts.length === 1
    ? parts[0]!
    : importer.emit(scope, "Concat", parts, { axis: { kind: "int", value: axis } }, name);
}

const intsOf = (attributes: ReadonlyMap<string, AttributeValue>, name: string, count: number): readonly number[] => {
  const found = attributes.get(name);
  return found?.kind === "ints" ? found.value : Array.from({ length: count }, () => 0);
};

function importScan(
  importer: Importer,
  scope: Scope,
  node: ModelNode,
  body: ModelGraph,
  attributes: ReadonlyMap<string, AttributeValue>,
  label: string,
): void {
  const version = scope.opsets.get("") ?? 1;
  const counted = attributes.get("num_scan_inputs");
  if (counted?.kind !== "int") throw invalidNode(label, "Scan", "attribute 'num_scan_inputs' is missing");
  const scanCount = counted.value;
  // Scan 8 has an optional sequence_lens first, and a batch dim before the scanned one.
  const names = version < 9 ? node.inputs.slice(1) : node.inputs;
  if (version < 9 && (node.inputs[0] ?? "") !== "") throw controlFlow(label, "Scan", "opset 8 with sequence_lens");
  const operands = names.map((name) => importer.resolve(scope, name, label));
  const batch = version < 9 ? importer.builder.value(operands.at(-1)!).shape[0] : undefined;
  if (batch !== undefined && batch !== 1)
    throw controlFlow(label, "Scan", `opset 8 with batch ${batch}: only batch 1 is unrolled`);
  const squeezed =
    batch === undefined ? operands : operands.map((id, i) => squeezeFirst(importer, scope, id, `${label}/batch${i}`));

  let carried = squeezed.slice(0, squeezed.length - scanCount);
  const scanned = squeezed.slice(squeezed.length - scanCount);
  const stateCount = carried.length;
  const outputCount = body.outputs.length - stateCount;
  const inputAxes = intsOf(attributes, "scan_input_axes", scanCount);
  const inputDirections = intsOf(attributes, version < 9 ? "directions" : "scan_input_directions", scanCount);
  const outputAxes = intsOf(attributes, "scan_output_axes", outputCount);
  const outputDirections = intsOf(attributes, "scan_output_directions", outputCount);

  const shapes = scanned.map((id) => importer.builder.value(id).shape);
  const axes = shapes.map((shape, k) => ((inputAxes[k] ?? 0) + shape.length) % Math.max(1, shape.length));
  const length = shapes[0]?.[axes[0]!] ?? 0;
  if (length > MAX_ITERATIONS) throw limitExceeded("loop iterations", MAX_ITERATIONS, undefined);
  const collected: ValueId[][] = Array.from({ length: outputCount }, () => []);
  for (let i = 0; i < length; i++) {
    const slices = scanned.map((id, k) => {
      const at = inputDirections[k] === 1 ? length - 1 - i : i;
      const index = importer.inlineConstant(`${label}/${i}/index${k}`, tensorOf("int64", [], [at]));
      return importer.emit(
        scope,
        "Gather",
        [id, index],
        { axis: { kind: "int", value: axes[k]! } },
        `${label}/${i}/slice${k}`,
      );
    });
    const results = inlineBody(importer, scope, body, [...carried, ...slices], `${label}/${i}/`, label);
    carried = results.slice(0, stateCount);
    results.slice(stateCount).forEach((id, k) => collected[k]!.push(id));
  }
  const stacked = collected.map((ids, k) => {
    const ordered = outputDirections[k] === 1 ? [...ids].reverse() : ids;
    const rank = ids.length === 0 ? 1 : importer.builder.value(ids[0]!).shape.length + 1;
    const axis = ((outputAxes[k] ?? 0) + rank) % rank;
    return stack(importer, scope, ordered, axis, `${label}/scan${k}`, () => {
      throw controlFlow(label, "Scan", "it runs zero times");
    });
  });
  const results = [...carried, ...stacked];
  define(
    scope,
    node.outputs,
    batch === undefined ? results : results.map((id, i) => unsqueezeFirst(importer, scope, id, `${label}/result${i}`)),
  );
}

const firstAxis = (importer: Importer, name: string): ValueId =>
  importer.inlineConstant(`${name}/axis`, tensorOf("int64", [1], [0]));

const squeezeFirst = (importer: Importer, scope: Scope, id: ValueId, name: string): ValueId =>
  importer.emit(scope, "Squeeze", [id, firstAxis(importer, name)], {}, name);

const unsqueezeFirst = (importer: Importer, scope: Scope, id: ValueId, name: string): ValueId =>
  importer.emit(scope, "Unsqueeze", [id, firstAxis(importer, name)], {}, name);
