/**
 * A small builder of ONNX graphs. Every method adds nodes and returns the name of its result, with
 * names as exporters give them. Weights are seeded, or only declared (as external data without a
 * file), so that a graph of any size can be made and planned.
 */
import type { ModelMessage } from "../src/onnx/encode.ts";
import { seededWeights, type Fill } from "./weights.ts";

type Node = NonNullable<NonNullable<ModelMessage["graph"]>["node"]>[number];
type Tensor = NonNullable<NonNullable<ModelMessage["graph"]>["initializer"]>[number];
type Value = NonNullable<NonNullable<ModelMessage["graph"]>["input"]>[number];
type Attribute = NonNullable<Node["attribute"]>[number];

/** A size, or the name of a symbolic dim. */
export type Dim = number | string;
export type AttrValue = number | string | readonly number[] | { readonly float: number };

export interface BuilderOptions {
  readonly weights: "seeded" | "none";
  readonly seed: number;
}

const FLOAT = 1;
const INT64 = 7;
const BOOL = 9;
export const TYPES = { float: FLOAT, int64: INT64, bool: BOOL };

function attribute(name: string, value: AttrValue): Attribute {
  if (typeof value === "string") return { name, type: 3, s: new TextEncoder().encode(value) };
  if (typeof value === "number") return { name, type: 2, i: value };
  if ("float" in value) return { name, type: 1, f: value.float };
  return { name, type: 7, ints: [...value] };
}

const valueInfo = (name: string, elemType: number, dims: readonly Dim[]): Value => ({
  name,
  type: {
    tensorType: {
      elemType,
      shape: { dim: dims.map((dim) => (typeof dim === "string" ? { dimParam: dim } : { dimValue: dim })) },
    },
  },
});

export interface Builder {
  input(name: string, type: keyof typeof TYPES, dims: readonly Dim[]): string;
  output(name: string, from: string, type: keyof typeof TYPES, dims: readonly Dim[]): void;
  /** A float32 weight. `fanIn` scales its uniform values. */
  weight(name: string, shape: readonly number[], fill?: Fill, fanIn?: number): string;
  ints(values: readonly number[], shape?: readonly number[]): string;
  scalar(value: number): string;
  /** Adds one operator; returns its first result. */
  op(type: string, inputs: readonly string[], name: string, attrs?: Readonly<Record<string, AttrValue>>): string;
  /** Adds one operator with several results. */
  ops(
    type: string,
    inputs: readonly string[],
    names: readonly string[],
    attrs?: Readonly<Record<string, AttrValue>>,
  ): string[];
  /** x @ w + b with w [inputs, outputs]. */
  linear(x: string, name: string, inputs: number, outputs: number, bias?: boolean): string;
  layerNorm(x: string, name: string, size: number, epsilon?: number): string;
  reshape(x: string, shape: readonly number[], name: string): string;
  transpose(x: string, perm: readonly number[], name: string): string;
  /** Weights' elements so far. */
  parameters(): number;
  finish(name: string): ModelMessage;
}

export function builder({ weights, seed }: BuilderOptions): Builder {
  const nodes: Node[] = [];
  const initializers: Tensor[] = [];
  const inputs: Value[] = [];
  const outputs: Value[] = [];
  const constants = new Map<string, string>();
  let parameters = 0;
  let external = 0;

  const constant = (key: string, make: (name: string) => Tensor): string => {
    const known = constants.get(key);
    if (known !== undefined) return known;
    const name = `const_${constants.size}`;
    constants.set(key, name);
    initializers.push(make(name));
    return name;
  };
  const bytesOf = (array: Float32Array | BigInt64Array): Uint8Array =>
    new Uint8Array(array.buffer, array.byteOffset, array.byteLength);

  const self: Builder = {
    input(name, type, dims) {
      inputs.push(valueInfo(name, TYPES[type], dims));
      return name;
    },
    output(name, from, type, dims) {
      nodes.push({ opType: "Identity", name: `${name}/output`, input: [from], output: [name] });
      outputs.push(valueInfo(name, TYPES[type], dims));
    },
    weight(
      name,
      shape,
      fill = "uniform",
      fanIn = shape.length > 2 ? shape.slice(1).reduce((a, b) => a * b, 1) : Math.min(...shape),
    ) {
      const count = shape.reduce((a, b) => a * b, 1);
      parameters += count;
      if (weights === "seeded")
        initializers.push({
          name,
          dataType: FLOAT,
          dims: [...shape],
          rawData: bytesOf(seededWeights(name, shape, fill, fanIn, seed)),
        });
      else {
        const entries = { location: "weights.bin", offset: String(external), length: String(4 * count) };
        initializers.push({
          name,
          dataType: FLOAT,
          dims: [...shape],
          dataLocation: 1,
          externalData: Object.entries(entries).map(([key, value]) => ({ key, value })),
        });
        external += 4 * count;
      }
      return name;
    },
    ints: (values, shape = [values.length]) =>
      constant(`i${shape.join(",")}:${values.join(",")}`, (name) => ({
        name,
        dataType: INT64,
        dims: [...shape],
        rawData: bytesOf(BigInt64Array.from(values, BigInt)),
      })),
    scalar: (value) =>
      constant(`f${value}`, (name) => ({ name, dataType: FLOAT, dims: [], rawData: bytesOf(Float32Array.of(value)) })),
    op: (type, operands, name, attrs = {}) => self.ops(type, operands, [name], attrs)[0]!,
    ops(type, operands, names, attrs = {}) {
      nodes.push({
        opType: type,
        name: names[0]!,
        input: [...operands],
        output: [...names],
        attribute: Object.entries(attrs).map(([key, value]) => attribute(key, value)),
      });
      return [...names];
    },
    linear(x, name, from, to, bias = true) {
      const product = self.op(
        "MatMul",
        [x, self.weight(`${name}.weight`, [from, to], "uniform", from)],
        `${name}/MatMul`,
      );
      return bias ? self.op("Add", [product, self.weight(`${name}.bias`, [to], "zeros")], `${name}/Add`) : product;
    },
    layerNorm: (x, name, size, epsilon = 1e-5) =>
      self.op(
        "LayerNormalization",
        [x, self.weight(`${name}.weight`, [size], "ones"), self.weight(`${name}.bias`, [size], "zeros")],
        `${name}/LayerNormalization`,
        { axis: -1, epsilon: { float: epsilon } },
      ),
    reshape: (x, shape, name) => self.op("Reshape", [x, self.ints(shape)], name),
    transpose: (x, perm, name) => self.op("Transpose", [x], name, { perm }),
    parameters: () => parameters,
    finish: (name) => ({
      irVersion: 10,
      producerName: "strata",
      opsetImport: [{ domain: "", version: 21 }],
      graph: { name, node: nodes, initializer: initializers, input: inputs, output: outputs },
    }),
  };
  return self;
}
