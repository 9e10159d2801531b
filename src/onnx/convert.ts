/** Decoded messages -> the records of src/onnx/model.ts. Names are checked after, in src/onnx/names.ts. */
import { duplicateName, invalidNode } from "../errors.ts";
import { attributeMap, type AttributeReading } from "./attributes.ts";
import type { RawAttribute, RawFunction, RawGraph, RawNode, RawOpset } from "./decoders/types.ts";
import type { ExternalFolder } from "./external-range.ts";
import type { ReadLimits } from "./limits.ts";
import type { AttributeValue, ModelFunction, ModelGraph, ModelNode, TensorData, ValueInfo } from "./model.ts";
import { opsetVersions } from "./opsets.ts";
import { tensorData } from "./tensor-data.ts";
import { valueInfo } from "./value-info.ts";

/** What converting one model needs besides its messages. */
export interface Reading {
  readonly limits: ReadLimits;
  readonly folder: ExternalFolder;
  /** Names of sparse initializers, filled while graphs are converted: refused where one is used. */
  readonly sparse: Set<string>;
}

/** `ai.onnx` is another name of the default domain. */
export const normalDomain = (domain: string | null | undefined): string => (domain === "ai.onnx" ? "" : (domain ?? ""));

const attributeReading = (reading: Reading): AttributeReading => ({
  tensor: (raw) => tensorData(raw, reading.limits, reading.folder),
  graph: (raw) => convertGraph(raw, reading),
});

/** Throws InputError as the parts do, and `duplicate-name` for two inputs or two initializers of one name. */
export function convertGraph(raw: RawGraph, reading: Reading): ModelGraph {
  const { limits, folder, sparse } = reading;
  const initializers = new Map<string, TensorData>();
  for (const message of raw.initializer ?? []) {
    const tensor = tensorData(message, limits, folder);
    if (initializers.has(tensor.name)) throw duplicateName("initializer", tensor.name);
    initializers.set(tensor.name, tensor);
  }
  for (const message of raw.sparseInitializer ?? []) sparse.add(message.values?.name ?? "");
  const inputs = (raw.input ?? []).map((message) => valueInfo(message, limits));
  const names = new Set<string>();
  for (const { name } of inputs) {
    if (names.has(name)) throw duplicateName("input", name);
    names.add(name);
  }
  return {
    name: raw.name ?? "",
    nodes: (raw.node ?? []).map((message) => convertNode(message, reading)),
    inputs: inputs.filter((input) => !initializers.has(input.name)),
    outputs: (raw.output ?? []).map((message) => valueInfo(message, limits)),
    initializers,
    valueInfo: new Map(
      (raw.valueInfo ?? []).map((message): [string, ValueInfo] => [message.name ?? "", valueInfo(message, limits)]),
    ),
  };
}

function convertNode(raw: RawNode, reading: Reading): ModelNode {
  const name = raw.name ?? "";
  const op = raw.opType ?? "";
  if (op === "") throw invalidNode(name, "", "the node names no operator");
  return {
    name,
    op,
    domain: normalDomain(raw.domain),
    overload: raw.overload ?? "",
    inputs: raw.input ?? [],
    outputs: raw.output ?? [],
    attributes: attributeMap(raw.attribute ?? [], { node: name, op }, attributeReading(reading)),
  };
}

/** `imported` are the model's opsets, for functions that import none. */
export function convertFunction(
  raw: RawFunction,
  imported: ReadonlyMap<string, number>,
  reading: Reading,
): ModelFunction {
  const name = raw.name ?? "";
  const own: readonly RawOpset[] = raw.opsetImport ?? [];
  return {
    name,
    domain: normalDomain(raw.domain),
    overload: raw.overload ?? "",
    inputs: raw.input ?? [],
    outputs: raw.output ?? [],
    attributes: raw.attribute ?? [],
    defaults: defaultsOf(raw.attributeProto ?? [], name, reading),
    nodes: (raw.node ?? []).map((message) => convertNode(message, reading)),
    opsets: own.length === 0 ? imported : opsetVersions(own, `function '${name}'`),
  };
}

const defaultsOf = (
  raws: readonly RawAttribute[],
  name: string,
  reading: Reading,
): ReadonlyMap<string, AttributeValue> => attributeMap(raws, { node: name, op: "function" }, attributeReading(reading));
