/**
 * Purpose     Puts 2-D convolution networks into channels-last (NHWC) layout, which the kernels of
 *             TensorFlow.js want, without leaving the transposes that this costs in between.
 * Requires    Static shapes, resolved nodes (src/onnx/import.ts).
 * Guarantees  Same results; graph inputs and outputs keep their layout; a graph without 2-D
 *             convolutions or pools is returned as it is.
 * Method      One forward walk. Each rank-4 value is known in NCHW, NHWC or both. Convolutions and
 *             pools make NHWC values; operators that don't care for layout (elementwise, concat,
 *             reductions with their axes renamed) work in NHWC where an operand is only there; all
 *             others ask for NCHW, which is made on first demand. Filters are transposed at load.
 * Cost        Linear.
 * Limits      Rank 4 only; 1-D and 3-D convolutions stay as they are.
 */
import { attrsOf, compactGraph, uniqueNamer } from "../src/ir/build.ts";
import type { Attr, AttrValue, Graph, GraphNode, GraphValue, TensorType, ValueId } from "../src/ir/types.ts";

const TO_NHWC = [0, 2, 3, 1];
const TO_NCHW = [0, 3, 1, 2];
/** Where each NCHW axis goes in NHWC. */
const AXIS = [0, 3, 1, 2];

const CONVERTED = new Map([
  ["Conv", "ConvNHWC"],
  ["MaxPool", "MaxPoolNHWC"],
  ["AveragePool", "AveragePoolNHWC"],
  ["GlobalAveragePool", "GlobalAveragePoolNHWC"],
  ["BatchNormalization", "BatchNormalizationNHWC"],
]);

/** One tensor in, one tensor out, element by element. */
const UNARY = new Set(
  "Abs,Cast,Ceil,Celu,Clip,Elu,Erf,Exp,Floor,Gelu,HardSigmoid,HardSwish,LeakyRelu,Log,Mish,Neg,Reciprocal,Relu,Round,Selu,Shrink,Sigmoid,Sign,Softplus,Softsign,Sqrt,Swish,Tanh,ThresholdedRelu".split(
    ",",
  ),
);
const BINARY = new Set("Add,Sub,Mul,Div,Max,Min,Pow,Sum,Mean,PRelu".split(","));
const REDUCE = new Set("ReduceMean,ReduceSum,ReduceMax,ReduceMin".split(","));

const permute = (shape: readonly number[], perm: readonly number[]): number[] => perm.map((d) => shape[d]!);

interface Walk {
  readonly values: GraphValue[];
  readonly nodes: GraphNode[];
  /** NHWC twin of a value of the graph, and the value in NCHW (itself, or a transpose of the twin). */
  readonly nhwc: Map<ValueId, ValueId>;
  readonly nchw: Map<ValueId, ValueId>;
  readonly unique: (name: string) => string;
}

const attr = (node: GraphNode, name: string): AttrValue | undefined =>
  node.attrs.find((entry) => entry.name === name)?.value;

const withAttr = (attrs: readonly Attr[], name: string, value: AttrValue): Attr[] =>
  attrs.map((entry) => (entry.name === name ? { name, value } : entry));

/** Rewrites `graph` in channels-last layout. */
export function channelsLast(graph: Graph): Graph {
  if (!graph.nodes.some((node) => isConvertible(graph, node))) return graph;
  const unique = uniqueNamer();
  for (const value of graph.values) unique(value.name);
  const nodeNames = uniqueNamer();
  for (const node of graph.nodes) nodeNames(node.name);
  const walk: Walk = { values: [...graph.values], nodes: [], nhwc: new Map(), nchw: new Map(), unique };

  const addValue = (name: string, type: TensorType): ValueId => {
    const id = walk.values.length as ValueId;
    walk.values.push({ kind: "result", id, name: unique(name), dtype: type.dtype, shape: type.shape });
    return id;
  };
  const addTranspose = (from: ValueId, perm: readonly number[], name: string): ValueId => {
    const { dtype, shape } = walk.values[from]!;
    const to = permute(shape, perm);
    const id = addValue(name, { dtype, shape: to });
    const kept = perm.filter((d) => shape[d] !== 1);
    const moves = kept.some((d, i) => i > 0 && d < kept[i - 1]!);
    walk.nodes.push({
      name: nodeNames(`${name}/transpose`),
      op: moves ? "Transpose" : "Reshape",
      inputs: [from],
      outputs: [id],
      attrs: moves ? attrsOf({ perm }) : [],
      flops: 0,
      view: moves ? null : 0,
      inPlace: [],
      scratch: [],
      opaque: false,
      impure: false,
    });
    return id;
  };
  /** The value in its own (NCHW) layout. */
  const plain = (id: ValueId): ValueId => {
    const twin = walk.nhwc.get(id);
    const known = walk.nchw.get(id);
    if (known !== undefined) return known;
    if (twin === undefined) return id;
    const made = addTranspose(twin, TO_NCHW, walk.values[id]!.name);
    walk.nchw.set(id, made);
    return made;
  };
  /** The value in NHWC. */
  const last = (id: ValueId): ValueId => {
    const twin = walk.nhwc.get(id);
    if (twin !== undefined) return twin;
    const made = addTranspose(id, TO_NHWC, `${walk.values[id]!.name}/nhwc`);
    walk.nhwc.set(id, made);
    walk.nchw.set(id, id);
    return made;
  };
  const onlyLast = (id: ValueId): boolean => walk.nhwc.has(id) && !walk.nchw.has(id);
  /** Makes result 0 of `node` an NHWC value. */
  const emitLast = (node: GraphNode, op: string, inputs: readonly (ValueId | null)[], attrs: readonly Attr[]): void => {
    const [output] = node.outputs as [ValueId];
    const { name, dtype, shape } = walk.values[output]!;
    const id = addValue(`${name}/nhwc`, { dtype, shape: permute(shape, TO_NHWC) });
    walk.nhwc.set(output, id);
    walk.nodes.push({ ...node, op, inputs, outputs: [id], attrs });
  };
  const rank = (id: ValueId): number => walk.values[id]!.shape.length;
  const isConstant = (id: ValueId): boolean => walk.values[id]!.kind === "constant";

  const convert = (node: GraphNode): boolean => {
    const [x, filter, bias] = node.inputs as [ValueId, ValueId, ValueId | null | undefined];
    switch (node.op) {
      case "Conv": {
        const hwio = addTranspose(plain(filter), [2, 3, 1, 0], `${walk.values[filter]!.name}/hwio`);
        const attrs = attrsOf({
          strides: attr(node, "strides")!,
          pads: attr(node, "pads")!,
          dilations: attr(node, "dilations")!,
          group: attr(node, "group")!,
          activation: "none",
        });
        emitLast(
          node,
          "ConvNHWC",
          bias === undefined || bias === null ? [last(x), hwio] : [last(x), hwio, plain(bias)],
          attrs,
        );
        return true;
      }
      case "BatchNormalization":
        emitLast(
          node,
          "BatchNormalizationNHWC",
          [last(x), ...node.inputs.slice(1).map((id) => (id === null ? null : plain(id)))],
          node.attrs,
        );
        return true;
      default:
        emitLast(node, CONVERTED.get(node.op)!, [last(x)], node.attrs);
        return true;
    }
  };

  /** Operators that work as well in NHWC; true where one was emitted. */
  const follow = (node: GraphNode): boolean => {
    const operands = node.inputs.filter((id) => id !== null);
    const [output] = node.outputs;
    if (
      output === undefined ||
      output === null ||
      node.outputs.length !== 1 ||
      node.view !== null ||
      node.scratch.length > 0
    )
      return false;
    if (!operands.some(onlyLast)) return false;
    const [x] = operands as [ValueId];
    if (UNARY.has(node.op) && rank(output) === 4 && onlyLast(x) && operands.slice(1).every((id) => rank(id) === 0)) {
      emitLast(node, node.op, [last(x), ...node.inputs.slice(1)], node.attrs);
      return true;
    }
    if (
      BINARY.has(node.op) &&
      rank(output) === 4 &&
      operands.every((id) => rank(id) === 4 || rank(id) === 0 || isConstant(id))
    ) {
      emitLast(
        node,
        node.op,
        operands.map((id) => (rank(id) === 4 ? last(id) : broadcastLast(id))),
        node.attrs,
      );
      return true;
    }
    if (node.op === "Concat" && rank(output) === 4) {
      emitLast(node, "Concat", operands.map(last), withAttr(node.attrs, "axis", AXIS[Number(attr(node, "axis"))]!));
      return true;
    }
    if (REDUCE.has(node.op) && rank(x) === 4 && onlyLast(x)) return reduce(node, x, output);
    return false;
  };

  /** A constant of rank 1 to 3 that broadcasts against NCHW, as rank 4 in NHWC. */
  const broadcastLast = (id: ValueId): ValueId => {
    const { name, dtype, shape } = walk.values[id]!;
    if (shape.length === 0) return id;
    const full = [...Array.from({ length: 4 - shape.length }, () => 1), ...shape];
    const made = addValue(`${name}/rank4`, { dtype, shape: full });
    walk.nodes.push({
      name: nodeNames(`${name}/rank4`),
      op: "Reshape",
      inputs: [plain(id)],
      outputs: [made],
      attrs: [],
      flops: 0,
      view: 0,
      inPlace: [],
      scratch: [],
      opaque: false,
      impure: false,
    });
    return addTranspose(made, TO_NHWC, `${name}/nhwc`);
  };

  const reduce = (node: GraphNode, x: ValueId, output: ValueId): boolean => {
    const axes = attr(node, "axes");
    if (!Array.isArray(axes)) return false;
    const renamed = axes.map((axis) => AXIS[Number(axis)]!).sort((a, b) => a - b);
    const attrs = withAttr(node.attrs, "axes", renamed);
    if (rank(output) === 4) {
      emitLast(node, node.op, [last(x)], attrs);
      return true;
    }
    // Dims dropped: the result is the same in both layouts only where the kept ones keep their order.
    const kept = [0, 1, 2, 3].filter((axis) => !axes.includes(axis)).map((axis) => AXIS[axis]!);
    if (kept.some((axis, i) => i > 0 && axis < kept[i - 1]!)) return false;
    walk.nodes.push({ ...node, inputs: [last(x)], attrs });
    return true;
  };

  for (const node of graph.nodes) {
    if (isConvertible(graph, node) ? convert(node) : follow(node)) continue;
    if (node.op === "Transpose" && node.view === null && onlyLast(node.inputs[0]!)) {
      // Straight from NHWC: two permutations in one, or none at all.
      const perm = (attr(node, "perm") as readonly number[]).map((d) => AXIS[d]!);
      walk.nodes.push({ ...node, inputs: [last(node.inputs[0]!)], attrs: attrsOf({ perm }) });
      continue;
    }
    if (node.view !== null && node.view === 0 && isPointwiseView(walk, node)) {
      // One pixel an image: NCHW and NHWC are the same bytes.
      walk.nodes.push({ ...node, inputs: [walk.nhwc.get(node.inputs[0]!)!] });
      continue;
    }
    walk.nodes.push({ ...node, inputs: node.inputs.map((id) => (id === null ? null : plain(id))) });
  }
  const outputs = graph.outputs.map(plain);
  return compactGraph({
    ...graph,
    values: renameOutputs(walk.values, graph.outputs, outputs),
    nodes: walk.nodes,
    outputs,
  });
}

/** Outputs keep their names where a transpose made them anew. */
function renameOutputs(
  values: readonly GraphValue[],
  before: readonly ValueId[],
  after: readonly ValueId[],
): GraphValue[] {
  const renamed = [...values];
  before.forEach((old, i) => {
    const fresh = after[i]!;
    if (fresh === old) return;
    const wanted = values[old]!.name;
    renamed[fresh] = { ...renamed[fresh]!, name: wanted };
    renamed[old] = { ...renamed[old]!, name: `${wanted}/replaced` };
  });
  return renamed;
}

function isConvertible(graph: Graph, node: GraphNode): boolean {
  if (!CONVERTED.has(node.op) || node.view !== null) return false;
  const [x] = node.inputs;
  const [output] = node.outputs;
  if (x === undefined || x === null || output === undefined || output === null) return false;
  const type = graph.values[x]!;
  if (type.shape.length !== 4 || type.dtype !== "float32") return false;
  // Second results (indices, running statistics) are defined in NCHW.
  return node.outputs.slice(1).every((id) => id === null);
}

function isPointwiseView(walk: Walk, node: GraphNode): boolean {
  const x = node.inputs[0]!;
  if (!walk.nhwc.has(x)) return false;
  const [, , height, width] = walk.values[x]!.shape;
  return height === 1 && width === 1;
}
