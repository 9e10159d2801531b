/** AttributeProto -> AttributeValue, for every type that onnx.proto has. */
import { invalidNode } from "../errors.ts";
import { present, type RawAttribute, type RawGraph, type RawTensor } from "./decoders/types.ts";
import { saturatedInt } from "./int64.ts";
import type { AttributeValue, ModelGraph, TensorData } from "./model.ts";

/** How the messages inside attributes are converted. */
export interface AttributeReading {
  tensor(raw: RawTensor): TensorData;
  graph(raw: RawGraph): ModelGraph;
}

/** Whom an error is about. */
export interface Owner {
  readonly node: string;
  readonly op: string;
}

/** AttributeProto.AttributeType by number. */
const TYPES = [
  "undefined",
  "float",
  "int",
  "string",
  "tensor",
  "graph",
  "floats",
  "ints",
  "strings",
  "tensors",
  "graphs",
  "sparse tensor",
  "sparse tensors",
  "type",
  "types",
] as const;
type TypeName = (typeof TYPES)[number];

const decodeUtf8 = new TextDecoder();
const text = (bytes: Uint8Array): string => decodeUtf8.decode(bytes);

/** Models of IR 1 name no type: it is that of the field which is set. */
function inferredType(raw: RawAttribute): TypeName {
  if (present(raw, "f")) return "float";
  if (present(raw, "i")) return "int";
  if (present(raw, "s")) return "string";
  if (present(raw, "t")) return "tensor";
  if (present(raw, "g")) return "graph";
  if ((raw.floats ?? []).length > 0) return "floats";
  if ((raw.ints ?? []).length > 0) return "ints";
  if ((raw.strings ?? []).length > 0) return "strings";
  if ((raw.tensors ?? []).length > 0) return "tensors";
  return (raw.graphs ?? []).length > 0 ? "graphs" : "undefined";
}

/** The attributes of a node by name. Throws InputError `invalid-node` where one makes no sense. */
export function attributeMap(
  raws: readonly RawAttribute[],
  owner: Owner,
  reading: AttributeReading,
): ReadonlyMap<string, AttributeValue> {
  const attributes = new Map<string, AttributeValue>();
  for (const raw of raws) {
    const name = raw.name ?? "";
    if (name === "") throw invalidNode(owner.node, owner.op, "an attribute has no name");
    if (attributes.has(name)) throw invalidNode(owner.node, owner.op, `attribute '${name}' is given twice`);
    attributes.set(name, attributeValue(raw, owner, reading));
  }
  return attributes;
}

function attributeValue(raw: RawAttribute, owner: Owner, reading: AttributeReading): AttributeValue {
  const reference = raw.refAttrName ?? "";
  if (reference !== "") return { kind: "reference", to: reference };
  const code = raw.type ?? 0;
  const type = code === 0 ? inferredType(raw) : TYPES[code];
  // A scalar that is left out is its default: writers of protobuf 3 leave out zeros.
  switch (type) {
    case "float":
      return { kind: "float", value: raw.f ?? 0 };
    case "int":
      return { kind: "int", value: saturatedInt(raw.i ?? 0) };
    case "string":
      return { kind: "string", value: text(raw.s ?? new Uint8Array()) };
    case "tensor":
      if (raw.t === null || raw.t === undefined)
        throw invalidNode(owner.node, owner.op, `attribute '${raw.name}' has no tensor`);
      return { kind: "tensor", value: reading.tensor(raw.t) };
    case "graph":
      if (raw.g === null || raw.g === undefined)
        throw invalidNode(owner.node, owner.op, `attribute '${raw.name}' has no graph`);
      return { kind: "graph", value: reading.graph(raw.g) };
    case "floats":
      return { kind: "floats", value: raw.floats ?? [] };
    case "ints":
      return { kind: "ints", value: (raw.ints ?? []).map(saturatedInt) };
    case "strings":
      return { kind: "strings", value: (raw.strings ?? []).map(text) };
    case "tensors":
    case "graphs":
    case "sparse tensor":
    case "sparse tensors":
    case "type":
    case "types":
      return { kind: "other", what: type };
    case "undefined":
      return { kind: "other", what: "attribute without type or value" };
    case undefined:
      throw invalidNode(owner.node, owner.op, `attribute '${raw.name}' has type ${code}, which does not exist`);
    default:
      return type satisfies never;
  }
}
