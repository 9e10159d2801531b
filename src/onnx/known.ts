/**
 * Values known at compile time, found on demand: a rule that needs a shape operand asks, and the
 * chain of small nodes behind it is evaluated with the kernels. Nothing over MAX_KNOWN elements is
 * ever read or made, so no weights are folded and no model can make the compiler allocate.
 */
import { fromBase64, toBase64 } from "../ir/base64.ts";
import { shapeDependsOnData } from "../errors.ts";
import { elementCount } from "../ir/bytes.ts";
import type { ConstantSource, GraphNode, GraphValue, TensorType, ValueId } from "../ir/types.ts";
import { bytesOf, makeTensor, storageOn, tensorFromBytes } from "../kernels/access.ts";
import { kernelByName } from "../kernels/index.ts";
import { attrMap, type Tensor } from "../kernels/types.ts";
import type { TensorData } from "./model.ts";

/** Largest tensor, in elements, that is read or folded at compile time. */
export const MAX_KNOWN = 1024;
/** Longest chain of nodes that one question may evaluate: keeps recursion off the end of the stack. */
const MAX_DEPTH = 1000;

export interface KnownValues {
  /** The value's tensor where it is known, else undefined. */
  get(id: ValueId): Tensor | undefined;
  /** Tells how a result is made, so that it can be evaluated when somebody asks. */
  made(node: GraphNode): void;
  /** Gives an input its value: used as soon as something asks for it. */
  bind(id: ValueId, tensor: Tensor): void;
  /** Bound inputs that something asked for: the graph holds for these values only. */
  consulted(): readonly { readonly value: ValueId; readonly base64: string }[];
}

export const inlineSource = (tensor: Tensor): ConstantSource => ({
  kind: "inline",
  base64: toBase64(bytesOf(tensor)),
});

const isSmall = (type: TensorType): boolean => elementCount(type.shape) <= MAX_KNOWN && type.dtype !== "string";

export function knownValues(
  valueOf: (id: ValueId) => GraphValue,
  constants: ReadonlyMap<string, TensorData>,
): KnownValues {
  const memo = new Map<ValueId, Tensor | undefined>();
  const producers = new Map<ValueId, GraphNode>();
  const bound = new Map<ValueId, Tensor>();
  const consulted = new Set<ValueId>();

  const constant = (value: GraphValue & { kind: "constant" }): Tensor | undefined => {
    if (value.source.kind === "inline")
      return tensorFromBytes(value.dtype, value.shape, fromBase64(value.source.base64));
    const data = constants.get(value.source.name);
    return data?.source.kind === "inline" ? tensorFromBytes(value.dtype, value.shape, data.source.bytes()) : undefined;
  };

  const evaluateNode = (node: GraphNode, wanted: ValueId, depth: number): Tensor | undefined => {
    if (node.opaque || node.impure) return undefined;
    const kernel = node.view === null ? kernelByName(node.op) : undefined;
    if (node.view === null && kernel === undefined) return undefined;
    const types = node.outputs.map((id) => (id === null ? null : valueOf(id)));
    if (!types.every((type) => type === null || isSmall(type)) || !node.scratch.every(isSmall)) return undefined;
    const inputs: (Tensor | null)[] = [];
    for (const id of node.inputs) {
      const tensor = id === null ? null : evaluate(id, depth + 1);
      if (tensor === undefined) return undefined;
      inputs.push(tensor);
    }
    if (node.view !== null) {
      const { dtype, shape } = valueOf(wanted);
      const source = inputs[0]!;
      const data = storageOn(dtype, source.data.buffer, source.data.byteOffset + node.view, elementCount(shape));
      return { dtype, shape, data };
    }
    const outputs = types.map((type) => (type === null ? null : makeTensor(type.dtype, type.shape)));
    const scratch = node.scratch.map((type) => makeTensor(type.dtype, type.shape));
    kernel!({ inputs, outputs: [...outputs, ...scratch], attrs: attrMap(node.attrs) });
    node.outputs.forEach((id, i) => {
      if (id !== null) memo.set(id, outputs[i]!);
    });
    return memo.get(wanted);
  };

  const evaluate = (id: ValueId, depth: number): Tensor | undefined => {
    const known = bound.get(id);
    if (known !== undefined) {
      consulted.add(id);
      return known;
    }
    if (memo.has(id)) return memo.get(id);
    const value = valueOf(id);
    let tensor: Tensor | undefined;
    if (isSmall(value)) {
      if (value.kind === "constant") tensor = constant(value);
      else if (value.kind === "result") {
        const node = producers.get(id);
        if (depth > MAX_DEPTH)
          throw shapeDependsOnData(value.name, node?.op ?? "", `its value hangs on a chain of over ${MAX_DEPTH} nodes`);
        if (node !== undefined) tensor = evaluateNode(node, id, depth);
      }
    }
    memo.set(id, tensor);
    return tensor;
  };

  return {
    get: (id) => evaluate(id, 0),
    made: (node) => {
      for (const id of node.outputs) if (id !== null) producers.set(id, node);
    },
    bind: (id, tensor) => void bound.set(id, tensor),
    consulted: () =>
      [...consulted].sort((a, b) => a - b).map((value) => ({ value, base64: toBase64(bytesOf(bound.get(value)!)) })),
  };
}
