/**
 * A walk over protobuf's wire format before anything is decoded: one pass, no recursion, nothing
 * allocated per message. It refuses broken lengths, groups and runaway nesting, and counts what the
 * decoder would have to allocate, so that a small file can't make it exhaust the stack or the heap.
 */
import { malformedModel } from "../errors.ts";
import { overLimit, type ReadLimits } from "./limits.ts";

/** Messages of onnx.proto by what they contain: field number of each submessage and its kind. */
const MESSAGES = {
  model: { 7: "graph", 8: "leaf", 14: "leaf", 20: "training", 25: "function", 26: "leaf" },
  graph: { 1: "node", 5: "tensor", 11: "value", 12: "value", 13: "value", 14: "annotation", 15: "sparse", 16: "leaf" },
  node: { 5: "attribute", 9: "leaf", 10: "placement" },
  attribute: { 5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 14: "type", 15: "type", 22: "sparse", 23: "sparse" },
  tensor: { 3: "leaf", 13: "leaf", 16: "leaf" },
  sparse: { 1: "tensor", 2: "tensor" },
  value: { 2: "type", 4: "leaf" },
  type: { 1: "tensorType", 4: "wrapper", 5: "mapType", 7: "leaf", 8: "tensorType", 9: "wrapper" },
  tensorType: { 2: "shape" },
  wrapper: { 1: "type" },
  mapType: { 2: "type" },
  shape: { 1: "dimension" },
  dimension: {},
  function: { 7: "node", 9: "leaf", 11: "attribute", 12: "value", 14: "leaf" },
  training: { 1: "graph", 2: "graph", 3: "leaf", 4: "leaf" },
  annotation: { 2: "leaf" },
  placement: { 2: "sharding" },
  sharding: { 3: "leaf", 4: "shardedDim" },
  shardedDim: { 2: "leaf" },
  /** Key-value entries, operator set ids and the like: scalars only. */
  leaf: {},
} as const;

export type MessageKind = keyof typeof MESSAGES;

/** Fields that hold names or attribute strings, which have a length limit. */
const NAMES: Partial<Record<MessageKind, readonly number[]>> = {
  graph: [2],
  node: [1, 2, 3, 4, 7, 8],
  attribute: [1, 4, 9, 21],
  tensor: [8],
  value: [1],
  dimension: [2],
  function: [1, 4, 5, 6, 10, 13],
};

const KINDS = Object.keys(MESSAGES) as MessageKind[];
const kindOf = (name: MessageKind): number => KINDS.indexOf(name);
const [GRAPH, NODE, TENSOR, VALUE] = [kindOf("graph"), kindOf("node"), kindOf("tensor"), kindOf("value")];

/** Field numbers of ONNX are all below this; others are unknown fields, skipped whole. */
const FIELDS = 32;
/** In CHILD: a submessage's kind + 1. */
const CHILD = new Uint8Array(KINDS.length * FIELDS);
const IS_NAME = new Uint8Array(KINDS.length * FIELDS);
for (const [k, name] of KINDS.entries()) {
  for (const [field, child] of Object.entries(MESSAGES[name])) CHILD[k * FIELDS + Number(field)] = kindOf(child) + 1;
  for (const field of NAMES[name] ?? []) IS_NAME[k * FIELDS + field] = 1;
}

/** About what the decoder allocates for a message besides its bytes: those with many lists take more. */
const HEAP_BYTES = Uint16Array.from(KINDS, (name) =>
  name === "node" || name === "attribute" || name === "tensor" || name === "graph" || name === "function" ? 400 : 120,
);
const FREE_HEAP_BYTES = 64 * 2 ** 20;

/**
 * Walks `bytes` as one message of kind `root`. Throws InputError: `malformed-model` with the byte
 * offset, or `limit-exceeded`. `where` names the file in both.
 */
export function scanWire(bytes: Uint8Array, root: MessageKind, limits: ReadLimits, where: string): void {
  const ends = new Float64Array(limits.depth + 1);
  const kinds = new Uint8Array(limits.depth + 1);
  // Inputs and outputs seen of the node at each level.
  const inputs = new Int32Array(limits.depth + 1);
  const outputs = new Int32Array(limits.depth + 1);
  const counts = new Float64Array(KINDS.length);
  const heapLimit = limits.expansion * bytes.length + FREE_HEAP_BYTES;
  let heap = 0;
  let graphs = 0;
  let level = 0;
  let pos = 0;
  ends[0] = bytes.length;
  kinds[0] = kindOf(root);

  const broken = (message: string, at: number) => malformedModel(message, where, at);

  /** Reads a varint of at most `most` bytes; the value is exact below 2^53. */
  const varint = (most: number, what: string): number => {
    const start = pos;
    let value = 0;
    let scale = 1;
    for (let i = 0; i < most; i++) {
      if (pos >= ends[level]!) throw broken(`${what} is cut short`, start);
      const byte = bytes[pos++]!;
      value += (byte & 127) * scale;
      if (byte < 128) return value;
      scale *= 128;
    }
    throw broken(`${what} has too many bytes`, start);
  };

  const skip = (count: number, what: string, start: number): void => {
    if (count > ends[level]! - pos) throw broken(`${what} of ${count} bytes passes the end of what contains it`, start);
    pos += count;
  };

  const enter = (kind: number, length: number, start: number): void => {
    if (length > ends[level]! - pos)
      throw broken(`a message of ${length} bytes passes the end of what contains it`, start);
    if (level === limits.depth) throw overLimit(limits, "depth", where);
    level++;
    ends[level] = pos + length;
    kinds[level] = kind;
    inputs[level] = 0;
    outputs[level] = 0;
    const count = ++counts[kind]!;
    if (kind === NODE && count > limits.nodes) throw overLimit(limits, "nodes", where);
    if (kind === TENSOR && count > limits.initializers) throw overLimit(limits, "initializers", where);
    if (kind === VALUE && count > limits.values) throw overLimit(limits, "values", where);
    // The model's own graph is the first; only those inside it count as nested.
    if (kind === GRAPH && ++graphs > limits.subgraphDepth + 1) throw overLimit(limits, "subgraphDepth", where);
    heap += HEAP_BYTES[kind]!;
    if (heap > heapLimit) throw overLimit(limits, "expansion", where);
  };

  const countOperands = (field: number): void => {
    if (field === 1 && ++inputs[level]! > limits.operands) throw overLimit(limits, "operands", where);
    if (field === 2 && ++outputs[level]! > limits.operands) throw overLimit(limits, "operands", where);
  };

  for (;;) {
    while (pos === ends[level]) {
      if (level === 0) return;
      if (kinds[level] === GRAPH) graphs--;
      level--;
    }
    const start = pos;
    const tag = varint(5, "a field tag");
    const field = Math.floor(tag / 8);
    if (field === 0 || tag >= 2 ** 32) throw broken(`field number ${field} does not exist`, start);
    switch (tag % 8) {
      case 0:
        varint(10, "a number");
        break;
      case 1:
        skip(8, "a number", start);
        break;
      case 2: {
        const length = varint(5, "a length");
        if (length >= 2 ** 31) throw broken(`a length of ${length} bytes`, start);
        const kind = kinds[level]!;
        const slot = field < FIELDS ? kind * FIELDS + field : -1;
        const child = slot < 0 ? 0 : CHILD[slot]!;
        if (child > 0) {
          enter(child - 1, length, start);
          break;
        }
        if (slot >= 0 && IS_NAME[slot] === 1 && length > limits.nameBytes) throw overLimit(limits, "nameBytes", where);
        if (kind === NODE) countOperands(field);
        skip(length, "a field", start);
        break;
      }
      case 3:
      case 4:
        throw broken("a protobuf group, which ONNX does not have", start);
      case 5:
        skip(4, "a number", start);
        break;
      default:
        throw broken(`wire type ${tag % 8} does not exist`, start);
    }
  }
}
