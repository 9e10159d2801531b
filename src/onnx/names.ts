/**
 * Names of a graph: each defined once, every read one defined, nodes in an order that runs. ONNX
 * wants nodes sorted; those that are not are sorted here, moving as little as possible.
 */
import { duplicateName, graphCycle, undefinedValue, unsupportedType } from "../errors.ts";
import type { AttributeValue, ModelGraph, ModelNode } from "./model.ts";

/** Names that a body reads from around it, with who reads them. */
type FreeNames = ReadonlyMap<string, string>;

interface Body {
  readonly nodes: readonly ModelNode[];
  /** Names defined before any node runs: inputs and initializers. */
  readonly given: Iterable<string>;
  readonly outputs: readonly string[];
  /** For errors. */
  readonly where: string;
}

interface OrderedBody {
  readonly nodes: readonly ModelNode[];
  readonly free: FreeNames;
}

/** How errors call a node: names are optional in ONNX. */
export const nodeLabel = (node: ModelNode): string =>
  node.name === "" ? `${node.op} of ${node.outputs[0] ?? "nothing"}` : node.name;

/**
 * The graph with its nodes, and those of its subgraphs, in topological order; unchanged where they
 * are. Throws InputError: `duplicate-name`, `undefined-value`, `graph-cycle`, and `unsupported-type`
 * where a sparse initializer is read.
 */
export function orderGraph(graph: ModelGraph, sparse: ReadonlySet<string>): ModelGraph {
  const { graph: ordered, free } = orderBody(graph);
  refuseFree(free, sparse);
  return ordered;
}

/** The same for the body of a function, which sees nothing around it. */
export function orderFunctionNodes(body: Body, sparse: ReadonlySet<string>): readonly ModelNode[] {
  const { nodes, free } = orderNodes(body);
  refuseFree(free, sparse);
  return nodes;
}

function refuseFree(free: FreeNames, sparse: ReadonlySet<string>): void {
  for (const [name, reader] of free)
    throw sparse.has(name) ? unsupportedType("sparse initializer", name) : undefinedValue(name, reader);
}

function orderBody(graph: ModelGraph): { graph: ModelGraph; free: FreeNames } {
  const { nodes, free } = orderNodes({
    nodes: graph.nodes,
    given: [...graph.inputs.map((input) => input.name), ...graph.initializers.keys()],
    outputs: graph.outputs.map((output) => output.name),
    where: `graph '${graph.name}'`,
  });
  return { graph: nodes === graph.nodes ? graph : { ...graph, nodes }, free };
}

function orderNodes(body: Body): OrderedBody {
  const kept = withoutReplacedConstants(body.nodes);
  const inner = kept.map(orderSubgraphs);
  const nodes = inner.some(({ node }, i) => node !== kept[i]) ? inner.map(({ node }) => node) : kept;
  const producers = producersOf(nodes, body);
  const free = new Map<string, string>();

  const waitsFor = nodes.map((node, i) => {
    const reads = new Set(node.inputs);
    for (const name of inner[i]?.free.keys() ?? []) reads.add(name);
    const producing: number[] = [];
    for (const name of reads) {
      if (name === "") continue;
      const producer = producers.get(name);
      if (producer === undefined) free.set(name, nodeLabel(node));
      else if (producer >= 0) producing.push(producer);
    }
    return producing;
  });
  for (const name of body.outputs) if (!producers.has(name)) free.set(name, `the outputs of ${body.where}`);

  const sorted = waitsFor.every((producing, i) => producing.every((producer) => producer < i));
  if (sorted) return { nodes, free };
  return { nodes: topologicalOrder(waitsFor, nodes, body.where).map((i) => nodes[i]!), free };
}

const isConstant = (node: ModelNode): boolean =>
  node.op === "Constant" && node.domain === "" && node.outputs.length === 1;

/**
 * Some tools change a constant by adding another Constant node of the same name. ONNX Runtime takes
 * the last one, for all readers, and so does this; every other second definition is refused.
 */
function withoutReplacedConstants(nodes: readonly ModelNode[]): readonly ModelNode[] {
  const last = new Map<string, ModelNode>();
  let replaced = 0;
  for (const node of nodes) {
    const name = node.outputs[0] ?? "";
    if (!isConstant(node) || name === "") continue;
    if (last.has(name)) replaced++;
    last.set(name, node);
  }
  return replaced === 0
    ? nodes
    : nodes.filter((node) => !isConstant(node) || (last.get(node.outputs[0] ?? "") ?? node) === node);
}

/** Index of the node that defines each name; -1 for names given from outside. */
function producersOf(nodes: readonly ModelNode[], body: Body): ReadonlyMap<string, number> {
  const producers = new Map<string, number>();
  for (const name of body.given) producers.set(name, -1);
  nodes.forEach((node, i) => {
    for (const name of node.outputs) {
      if (name === "") continue;
      if (producers.has(name)) throw duplicateName("value", name, `node '${nodeLabel(node)}' in ${body.where}`);
      producers.set(name, i);
    }
  });
  return producers;
}

/** Orders the bodies in a node's attributes, and collects what they read from around the node. */
function orderSubgraphs(node: ModelNode): { node: ModelNode; free: FreeNames } {
  const free = new Map<string, string>();
  const changed = new Map<string, AttributeValue>();
  for (const [name, attribute] of node.attributes) {
    if (attribute.kind !== "graph") continue;
    const body = orderBody(attribute.value);
    for (const [read, reader] of body.free) free.set(read, reader);
    if (body.graph !== attribute.value) changed.set(name, { kind: "graph", value: body.graph });
  }
  return { node: changed.size === 0 ? node : { ...node, attributes: new Map([...node.attributes, ...changed]) }, free };
}

/**
 * Depth-first: each node in file order, after what it waits for. Iterative, because a chain written
 * backwards is as deep as the file is long.
 */
function topologicalOrder(
  waitsFor: readonly (readonly number[])[],
  nodes: readonly ModelNode[],
  where: string,
): number[] {
  const order: number[] = [];
  const state = new Uint8Array(nodes.length);
  const [OPEN, DONE] = [1, 2];
  for (let first = 0; first < nodes.length; first++) {
    if (state[first] === DONE) continue;
    const path = [{ node: first, next: 0 }];
    state[first] = OPEN;
    for (let top = path.at(-1); top !== undefined; top = path.at(-1)) {
      const producer = waitsFor[top.node]?.[top.next++];
      if (producer === undefined) {
        state[top.node] = DONE;
        order.push(top.node);
        path.pop();
      } else if (state[producer] === OPEN) {
        const cycle = path.slice(path.findIndex((step) => step.node === producer));
        throw graphCycle(
          cycle.map((step) => nodeLabel(nodes[step.node]!)),
          where,
        );
      } else if (state[producer] !== DONE) {
        state[producer] = OPEN;
        path.push({ node: producer, next: 0 });
      }
    }
  }
  return order;
}
