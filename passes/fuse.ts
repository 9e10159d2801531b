/**
 * Purpose     Puts one kernel where exporters wrote several: activations into the convolution before them,
 *             Gelu, LayerNormalization and RMSNormalization out of their parts.
 * Requires    Static shapes; after channels-last, as only its convolutions take an activation.
 * Guarantees  The same function up to rounding; a part that anything else reads is left alone.
 * Method      Matching backwards from the last operator of each pattern; constants must be exactly those
 *             of the definitions (0.5, 1, sqrt 2, ...), which stand in the graph.
 * Cost        Linear.
 * Limits      float32 and float16; normalisation over the last axis.
 */
import { attrsOf, compactGraph } from "../src/ir/build.ts";
import type { Attr, AttrValue, Graph, GraphNode, ValueId } from "../src/ir/types.ts";

interface Matcher {
  readonly graph: Graph;
  readonly maker: ReadonlyMap<ValueId, GraphNode>;
  readonly readers: ReadonlyMap<ValueId, number>;
}

/** Node that made `id`, if it is `op` and nothing else reads its result (`shared` allows other readers). */
function madeBy(
  { maker, readers }: Matcher,
  id: ValueId | null | undefined,
  op: string,
  shared = 1,
): GraphNode | undefined {
  if (id == null) return undefined;
  const node = maker.get(id);
  return node?.op === op && (readers.get(id) ?? 0) <= shared ? node : undefined;
}

/** The number that a one-element float constant holds. */
function scalar({ graph }: Matcher, id: ValueId | null | undefined): number | undefined {
  const value = id == null ? undefined : graph.values[id];
  if (value?.kind !== "constant" || value.source.kind !== "inline" || value.dtype !== "float32") return undefined;
  if (value.shape.some((dim) => dim !== 1)) return undefined;
  const bytes = Uint8Array.from(atob(value.source.base64), (c) => c.charCodeAt(0));
  return bytes.length === 4 ? new DataView(bytes.buffer).getFloat32(0, true) : undefined;
}

const is = (value: number | undefined, wanted: number): boolean =>
  value !== undefined && Math.abs(value - wanted) <= 1e-6 * Math.abs(wanted);

/** The other operand of a two-operand node whose one operand is the constant `wanted`. */
function besides(matcher: Matcher, node: GraphNode | undefined, wanted: number): ValueId | undefined {
  if (node === undefined) return undefined;
  const [a, b] = node.inputs;
  if (a != null && is(scalar(matcher, b), wanted)) return a;
  return b != null && is(scalar(matcher, a), wanted) ? b : undefined;
}

const attr = (node: GraphNode, name: string): AttrValue | undefined =>
  node.attrs.find((entry) => entry.name === name)?.value;

type Replacement = Pick<GraphNode, "op" | "inputs" | "attrs" | "outputs" | "inPlace">;

/** x * 0.5 * (1 + erf(x / sqrt 2)), in whichever order it is multiplied. */
function geluErf(m: Matcher, node: GraphNode): Replacement | undefined {
  if (node.op !== "Mul") return undefined;
  for (const [cdf, x] of factors(m, node)) {
    const erf = madeBy(m, besides(m, madeBy(m, cdf, "Add"), 1), "Erf");
    const input = erf?.inputs[0];
    const divided =
      besides(m, madeBy(m, input, "Div"), Math.SQRT2) ?? besides(m, madeBy(m, input, "Mul"), Math.SQRT1_2);
    if (divided === x) return gelu(node, x, "none");
  }
  return undefined;
}

/** x * 0.5 * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 x^3))). */
function geluTanh(m: Matcher, node: GraphNode): Replacement | undefined {
  if (node.op !== "Mul") return undefined;
  for (const [cdf, x] of factors(m, node)) {
    const tanh = madeBy(m, besides(m, madeBy(m, cdf, "Add"), 1), "Tanh");
    const inner = besides(m, madeBy(m, tanh?.inputs[0], "Mul"), Math.sqrt(2 / Math.PI));
    const sum = madeBy(m, inner, "Add");
    const cube = sum?.inputs.find((id) => id !== x);
    const power = madeBy(m, besides(m, madeBy(m, cube, "Mul"), 0.044715), "Pow");
    if (sum?.inputs.includes(x) === true && power?.inputs[0] === x && is(scalar(m, power.inputs[1]), 3))
      return gelu(node, x, "tanh");
  }
  return undefined;
}

const gelu = (node: GraphNode, x: ValueId, approximate: string): Replacement => ({
  op: "Gelu",
  inputs: [x],
  outputs: node.outputs,
  attrs: attrsOf({ approximate }),
  inPlace: [0],
});

/** Ways to read a product as (cdf, x) with 0.5 taken out somewhere: (x*0.5)*cdf, (x*cdf)*0.5, x*(cdf*0.5). */
function factors(m: Matcher, node: GraphNode): readonly (readonly [cdf: ValueId, x: ValueId])[] {
  const found: [ValueId, ValueId][] = [];
  const both = (a: ValueId | null | undefined, b: ValueId | null | undefined): void => {
    if (a != null && b != null) found.push([a, b], [b, a]);
  };
  const whole = madeBy(m, besides(m, node, 0.5), "Mul");
  if (whole !== undefined) both(whole.inputs[0], whole.inputs[1]);
  const [a, b] = node.inputs;
  for (const [half, other] of [
    [a, b],
    [b, a],
  ] as const)
    both(besides(m, madeBy(m, half, "Mul"), 0.5), other);
  return found;
}

/** (x - mean) / sqrt(mean((x - mean)^2) + epsilon) * scale + bias, over the last axis. */
function layerNorm(m: Matcher, node: GraphNode): Replacement | undefined {
  if (node.op !== "Add") return undefined;
  for (const [product, bias] of operands(node)) {
    const scaled = madeBy(m, product, "Mul");
    if (scaled === undefined) continue;
    for (const [quotient, scale] of operands(scaled)) {
      const normal = madeBy(m, quotient, "Div");
      const centred = madeBy(m, normal?.inputs[0], "Sub", 3);
      const variance = epsilonRoot(m, normal?.inputs[1]);
      const square = lastMean(m, variance?.under);
      const x = centred?.inputs[0];
      if (x == null || square === undefined || variance === undefined || !isSquare(m, square, centred!.outputs[0]!))
        continue;
      if (lastMean(m, centred!.inputs[1]) !== x || !isVector(m, scale, x) || !isVector(m, bias, x)) continue;
      return {
        op: "LayerNormalization",
        inputs: [x, scale, bias],
        outputs: [node.outputs[0]!, null, null],
        attrs: attrsOf({ axis: m.graph.values[x]!.shape.length - 1, epsilon: variance.epsilon }),
        inPlace: [0],
      };
    }
  }
  return undefined;
}

/** x / sqrt(mean(x^2) + epsilon) * scale, over the last axis; also written x * (1 / sqrt(...)). */
function rmsNorm(m: Matcher, node: GraphNode): Replacement | undefined {
  if (node.op !== "Mul") return undefined;
  for (const [normal, scale] of operands(node)) {
    const divided = madeBy(m, normal, "Div");
    const multiplied = madeBy(m, normal, "Mul");
    const pairs: (readonly [ValueId | null | undefined, ValueId | null | undefined])[] = [];
    if (divided !== undefined) pairs.push([divided.inputs[0], divided.inputs[1]]);
    for (const [x, inverse] of multiplied === undefined ? [] : operands(multiplied)) {
      const reciprocal = madeBy(m, inverse, "Reciprocal") ?? onlyOneOver(m, inverse);
      if (reciprocal !== undefined) pairs.push([x, reciprocal.inputs.at(-1)]);
    }
    for (const [x, root] of pairs) {
      const mean = epsilonRoot(m, root);
      const square = lastMean(m, mean?.under);
      if (x == null || mean === undefined || square === undefined || !isSquare(m, square, x) || !isVector(m, scale, x))
        continue;
      return {
        op: "RMSNormalization",
        inputs: [x, scale],
        outputs: [node.outputs[0]!, null],
        attrs: attrsOf({ axis: m.graph.values[x]!.shape.length - 1, epsilon: mean.epsilon }),
        inPlace: [0],
      };
    }
  }
  return undefined;
}

function onlyOneOver(m: Matcher, id: ValueId): GraphNode | undefined {
  const node = madeBy(m, id, "Div");
  return is(scalar(m, node?.inputs[0]), 1) ? node : undefined;
}

const operands = ({ inputs: [a, b] }: GraphNode): readonly (readonly [ValueId, ValueId])[] =>
  a == null || b == null
    ? []
    : [
        [a, b],
        [b, a],
      ];

/** sqrt(under + epsilon). */
function epsilonRoot(m: Matcher, id: ValueId | null | undefined): { under: ValueId; epsilon: number } | undefined {
  const sum = madeBy(m, madeBy(m, id, "Sqrt")?.inputs[0], "Add");
  if (sum === undefined) return undefined;
  for (const [under, constant] of operands(sum)) {
    const epsilon = scalar(m, constant);
    if (epsilon !== undefined) return { under, epsilon };
  }
  return undefined;
}

/** What a mean over the last axis, kept as a dim of 1, is taken of. */
function lastMean(m: Matcher, id: ValueId | null | undefined): ValueId | undefined {
  const node = madeBy(m, id, "ReduceMean");
  const [x] = node?.inputs ?? [];
  if (node === undefined || x == null) return undefined;
  const from = m.graph.values[x]!.shape;
  const to = m.graph.values[id!]!.shape;
  const last = from.length - 1;
  return to.length === from.length && to.every((dim, d) => dim === (d === last ? 1 : from[d])) && from[last] !== 1
    ? x
    : undefined;
}

/** Whether `id` is x^2 or x * x. */
function isSquare(m: Matcher, id: ValueId, x: ValueId): boolean {
  const power = madeBy(m, id, "Pow");
  if (power !== undefined) return power.inputs[0] === x && is(scalar(m, power.inputs[1]), 2);
  const product = madeBy(m, id, "Mul");
  return product !== undefined && product.inputs.every((input) => input === x);
}

const isVector = ({ graph }: Matcher, id: ValueId, x: ValueId): boolean => {
  const { shape, dtype } = graph.values[id]!;
  return shape.length === 1 && shape[0] === graph.values[x]!.shape.at(-1) && dtype === graph.values[x]!.dtype;
};

const ACTIVATION = new Map<string, (m: Matcher, node: GraphNode) => string | undefined>([
  ["Relu", () => "relu"],
  ["Clip", (m, node) => (bounds(m, node).join() === "0,6" ? "relu6" : undefined)],
]);

function bounds(m: Matcher, node: GraphNode): (number | undefined)[] {
  const [min, max] = [attr(node, "min"), attr(node, "max")];
  return [
    typeof min === "number" ? min : scalar(m, node.inputs[1]),
    typeof max === "number" ? max : scalar(m, node.inputs[2]),
  ];
}

/** An activation that the convolution before it can apply to its sums. */
function activation(m: Matcher, node: GraphNode): Replacement | undefined {
  const named = ACTIVATION.get(node.op)?.(m, node);
  const conv = named === undefined ? undefined : madeBy(m, node.inputs[0], "ConvNHWC");
  if (conv === undefined || named === undefined || attr(conv, "activation") !== "none") return undefined;
  const attrs: readonly Attr[] = conv.attrs.map((entry) =>
    entry.name === "activation" ? { name: "activation", value: named } : entry,
  );
  return { op: conv.op, inputs: conv.inputs, attrs, outputs: node.outputs, inPlace: [] };
}

const PATTERNS = [activation, geluErf, geluTanh, layerNorm, rmsNorm];

/** Fuses every pattern that it finds. */
export function fuse(graph: Graph): Graph {
  const maker = new Map<ValueId, GraphNode>();
  const readers = new Map<ValueId, number>();
  const read = (id: ValueId): void => void readers.set(id, (readers.get(id) ?? 0) + 1);
  for (const node of graph.nodes) {
    for (const id of node.outputs) if (id !== null) maker.set(id, node);
    for (const id of new Set(node.inputs)) if (id !== null) read(id);
  }
  graph.outputs.forEach(read);
  const matcher: Matcher = { graph, maker, readers };
  let found = false;
  const nodes = graph.nodes.map((node) => {
    for (const pattern of PATTERNS) {
      const replaced = pattern(matcher, node);
      if (replaced === undefined) continue;
      found = true;
      const conv = replaced.op === "ConvNHWC" ? maker.get(node.inputs[0]!) : undefined;
      return { ...node, ...replaced, flops: node.flops + (conv?.flops ?? 0), view: null, scratch: conv?.scratch ?? [] };
    }
    return node;
  });
  return found ? compactGraph({ ...graph, nodes }) : graph;
}
