/** What an operator's rule sees of its node: operand types, known values, attributes, and ways to refuse. */
import { invalidNode, shapeDependsOnData, unsupportedForm } from "../errors.ts";
import type { TensorType } from "../ir/types.ts";
import { bigReader, toNumbers, reader, sizeOf, tensorFromBytes } from "../kernels/access.ts";
import type { Tensor } from "../kernels/types.ts";
import { DTYPES } from "../ir/dtype.ts";
import type { AttributeValue } from "./model.ts";
import type { OpContext } from "./operators/types.ts";

export interface ContextParts {
  readonly node: string;
  readonly op: string;
  readonly version: number;
  readonly inputs: readonly (TensorType | null)[];
  /** Names of the results; empty where nobody wants one. */
  readonly outputs: readonly string[];
  readonly attributes: ReadonlyMap<string, AttributeValue>;
  known(i: number): Tensor | undefined;
  declared(name: string): TensorType | undefined;
}

const BIG_LIMIT = BigInt(Number.MAX_SAFE_INTEGER);

/** Integers of a tensor; those past 2^53 (exporters' sentinels, such as 2^63 - 1 in Slice) saturate. */
function integers(tensor: Tensor): number[] {
  if (DTYPES[tensor.dtype].bits < 64) return toNumbers(tensor);
  const read = bigReader(tensor);
  return Array.from({ length: sizeOf(tensor.shape) }, (_, i) => {
    const value = read(i);
    return Number(value > BIG_LIMIT ? BIG_LIMIT : value < -BIG_LIMIT ? -BIG_LIMIT : value);
  });
}

export function opContext(parts: ContextParts): OpContext {
  const { node, op, inputs, outputs, attributes } = parts;
  const invalid = (message: string): never => {
    throw invalidNode(node, op, message);
  };
  const attribute = <K extends AttributeValue["kind"]>(
    name: string,
    kind: K,
  ): (AttributeValue & { kind: K }) | undefined => {
    const found = attributes.get(name);
    if (found === undefined) return undefined;
    if (found.kind !== kind) return invalid(`attribute '${name}' must be of kind ${kind}, got ${found.kind}`);
    return found as AttributeValue & { kind: K };
  };
  const input = (i: number): TensorType => inputs[i] ?? invalid(`operand ${i} is missing`);
  const needKnown = (i: number, what: string): Tensor => {
    input(i);
    const tensor = parts.known(i);
    if (tensor === undefined) throw shapeDependsOnData(node, op, `${what} (operand ${i}) is known only at run time`);
    return tensor;
  };

  return {
    op,
    version: parts.version,
    inputs,
    outputCount: outputs.length,
    hasOutput: (i) => (outputs[i] ?? "") !== "",
    declared: (i) => (outputs[i] === undefined ? undefined : parts.declared(outputs[i])),
    input,
    hasInput: (i) => (inputs[i] ?? null) !== null,
    known: (i) => ((inputs[i] ?? null) === null ? undefined : parts.known(i)),
    knownInts(i, what) {
      const tensor = needKnown(i, what);
      if (!["int", "uint"].includes(DTYPES[tensor.dtype].class))
        return invalid(`${what} (operand ${i}) must be integers, got ${tensor.dtype}`);
      return integers(tensor);
    },
    knownFloats: (i, what) => {
      const tensor = needKnown(i, what);
      const read = reader(tensor);
      return Array.from({ length: sizeOf(tensor.shape) }, (_, k) => read(k));
    },
    int: (name, fallback) => attribute(name, "int")?.value ?? fallback,
    intOrUndefined: (name) => attribute(name, "int")?.value,
    float: (name, fallback) => attribute(name, "float")?.value ?? fallback,
    floatOrUndefined: (name) => attribute(name, "float")?.value,
    string: (name, fallback) => attribute(name, "string")?.value ?? fallback,
    ints: (name) => attribute(name, "ints")?.value,
    floats: (name) => attribute(name, "floats")?.value,
    strings: (name) => attribute(name, "strings")?.value,
    tensor(name) {
      const found = attribute(name, "tensor")?.value;
      if (found === undefined) return undefined;
      if (found.source.kind !== "inline" || sizeOf(found.shape) > 1024)
        return invalid(`attribute '${name}' must be a small tensor inside the model`);
      return tensorFromBytes(found.dtype, found.shape, found.source.bytes());
    },
    requiredInt: (name) => attribute(name, "int")?.value ?? invalid(`attribute '${name}' is missing`),
    axis(axis, rank) {
      if (!Number.isInteger(axis) || axis < -rank || axis >= rank)
        return invalid(`axis ${axis} is outside [${-rank}, ${rank})`);
      return axis < 0 ? axis + rank : axis;
    },
    broadcast(...shapes) {
      const rank = Math.max(0, ...shapes.map((shape) => shape.length));
      return Array.from({ length: rank }, (_, d) => {
        let dim = 1;
        for (const shape of shapes) {
          const own = shape[d - (rank - shape.length)] ?? 1;
          if (own === 1 || own === dim) continue;
          if (dim !== 1)
            return invalid(`shapes ${shapes.map((s) => `[${s.join(",")}]`).join(" and ")} do not broadcast`);
          dim = own;
        }
        return dim;
      });
    },
    invalid,
    unsupported(message) {
      throw unsupportedForm(node, op, message);
    },
  };
}
