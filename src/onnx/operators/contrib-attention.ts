/** Rules of attention in com.microsoft: Attention, MultiHeadAttention, GroupQueryAttention, RotaryEmbedding. */
import { DTYPES } from "../../ir/dtype.ts";
import { elementCount } from "../../ir/bytes.ts";
import { attendScratch } from "../../kernels/attention-core.ts";
import { productScratch } from "../../kernels/matrix-product.ts";
import type { TensorType } from "../../ir/types.ts";
import type { Meaning, OpContext, OperatorTable } from "./types.ts";

const show = (shape: readonly number[]): string => `[${shape.join(",")}]`;

function floatOperand(n: OpContext, i: number, rank: number, what: string): readonly number[] {
  const { dtype, shape } = n.input(i);
  if (DTYPES[dtype].class !== "float" || DTYPES[dtype].bits < 16)
    return n.invalid(`${what} must be a float tensor, got ${dtype}`);
  return shape.length === rank ? shape : n.invalid(`${what} must have ${rank} dims, got ${show(shape)}`);
}

function expectShape(n: OpContext, i: number, what: string, ...expected: readonly (readonly number[])[]): void {
  if (!n.hasInput(i)) return;
  const own = show(n.input(i).shape);
  if (!expected.some((shape) => show(shape) === own))
    n.invalid(`${what} must be ${expected.map(show).join(" or ")}, got ${own}`);
}

function refuse(n: OpContext, names: readonly string[]): void {
  for (const name of names) if (n.int(name, 0) !== 0) n.unsupported(`${name} has no kernel`);
}

function positiveHeads(n: OpContext, name: string): number {
  const heads = n.requiredInt(name);
  return heads > 0 ? heads : n.invalid(`${name} must be positive, got ${heads}`);
}

function scaleOf(n: OpContext, size: number): number {
  return n.float("scale", 0) || 1 / Math.sqrt(size || 1);
}

/** Masks that the kernels read: see `paddingMask`. */
function checkPaddingMask(n: OpContext, i: number, batch: number, queries: number, keys: number): void {
  if (!n.hasInput(i)) return;
  const { shape, dtype } = n.input(i);
  if (dtype !== "int32") n.invalid(`the mask must be int32, got ${dtype}`);
  const forms = [[batch], [2 * batch], [batch, keys], [batch, queries, keys]];
  if (forms.some((form) => show(form) === show(shape))) return;
  if (shape.length === 4 || shape.length === 2 || (shape.length === 1 && shape[0] === 3 * batch + 2))
    n.unsupported(`a mask of ${show(shape)} has no kernel`);
  else n.invalid(`a mask of ${show(shape)} does not fit ${batch} rows of ${queries} queries and ${keys} keys`);
}

function checkScoreBias(n: OpContext, i: number, scores: readonly number[]): void {
  const [batch, heads, queries, keys] = scores as [number, number, number, number];
  expectShape(n, i, "attention_bias", ...[batch, 1].flatMap((b) => [heads, 1].map((h) => [b, h, queries, keys])));
}

function attention(n: OpContext): Meaning {
  const [batch, length, width] = floatOperand(n, 0, 3, "input") as [number, number, number];
  const weights = floatOperand(n, 1, 2, "weights");
  const { dtype } = n.input(0);
  refuse(n, ["do_rotary", "past_present_share_buffer"]);
  const heads = positiveHeads(n, "num_heads");
  const columns = weights[1]!;
  const hidden = n.ints("qkv_hidden_sizes") ?? [columns / 3, columns / 3, columns / 3];
  const [q, k, v] = hidden as [number, number, number];
  if (
    weights[0] !== width ||
    hidden.length !== 3 ||
    q + k + v !== columns ||
    q !== k ||
    ![q, v].every((size) => Number.isInteger(size / heads))
  )
    return n.invalid(`weights ${show(weights)} do not project ${width} to query, key and value of ${heads} heads`);
  const [size, valueSize] = [q / heads, v / heads];
  expectShape(n, 2, "bias", [columns]);
  let past = 0;
  if (n.hasInput(4)) {
    past = n.input(4).shape[3] ?? 0;
    expectShape(n, 4, "past", [2, batch, heads, past, size]);
  }
  const total = past + length;
  const scores = [batch, heads, length, total];
  checkPaddingMask(n, 3, batch, length, total);
  checkScoreBias(n, 5, scores);
  if ((n.hasInput(4) || n.hasOutput(1)) && size !== valueSize)
    return n.unsupported("a state whose keys and values differ in size has no kernel");
  return {
    outputs: [
      { dtype, shape: [batch, length, v] },
      { dtype, shape: [2, batch, heads, total, size] },
    ],
    kernel: "ContribAttention",
    reads: [0, 1, 2, 3, 4, 5],
    attrs: {
      heads,
      size,
      valueSize,
      scale: scaleOf(n, size),
      causal: n.int("unidirectional", 0) === 0 ? 0 : 1,
      maskFilter: n.float("mask_filter_value", -10000),
    },
    flops: 2 * batch * length * width * columns + 2 * elementCount(scores) * (size + valueSize),
    scratch: [
      productScratch(batch * length, columns, width),
      attendScratch(size, valueSize, total),
      { dtype: dtype === "float64" ? "float64" : "float32", shape: [batch, length, columns] },
    ],
  };
}

interface KeyValue {
  readonly length: number;
  readonly valueSize: number;
}

/** Where MultiHeadAttention has its keys and values: packed with the query, packed in `key`, or apart. */
function keysAndValues(n: OpContext, heads: number, size: number, batch: number): KeyValue {
  const query = n.input(0).shape;
  if (query.length === 5) return { length: query[1]!, valueSize: size };
  const key = n.input(1).shape;
  if (key.length === 5) {
    expectShape(n, 1, "key", [batch, key[1]!, heads, 2, size]);
    return { length: key[1]!, valueSize: size };
  }
  const value = n.input(2).shape;
  if (key.length === 4) {
    expectShape(n, 1, "key", [batch, heads, key[2]!, size]);
    expectShape(n, 2, "value", [batch, heads, key[2]!, value[3] ?? 0]);
    return { length: key[2]!, valueSize: value[3]! };
  }
  expectShape(n, 1, "key", [batch, key[1] ?? 0, heads * size]);
  expectShape(n, 2, "value", [batch, key[1]!, value[2] ?? 0]);
  if (value[2]! % heads !== 0) return n.invalid(`value ${show(value)} does not divide into ${heads} heads`);
  return { length: key[1]!, valueSize: value[2]! / heads };
}

function multiHeadAttention(n: OpContext): Meaning {
  const heads = positiveHeads(n, "num_heads");
  const { dtype, shape } = n.input(0);
  const isPacked = shape.length === 5;
  floatOperand(n, 0, isPacked ? 5 : 3, "query");
  const [batch, length] = shape as [number, number];
  const size = isPacked ? shape[4]! : shape[2]! / heads;
  if (isPacked) expectShape(n, 0, "query", [batch, length, heads, 3, size]);
  if (!Number.isInteger(size)) return n.invalid(`query ${show(shape)} does not divide into ${heads} heads`);
  if (n.hasInput(8) || n.hasInput(9)) return n.unsupported("past_sequence_length and cache_indirection have no kernel");
  const { length: fresh, valueSize } = keysAndValues(n, heads, size, batch);
  if (n.hasInput(6) !== n.hasInput(7)) return n.invalid("past_key and past_value go together");
  const past = n.hasInput(6) ? (n.input(6).shape[2] ?? 0) : 0;
  expectShape(n, 6, "past_key", [batch, heads, past, size]);
  expectShape(n, 7, "past_value", [batch, heads, past, valueSize]);
  expectShape(n, 3, "bias", [2 * heads * size + heads * valueSize]);
  const total = past + fresh;
  const scores = [batch, heads, length, total];
  checkPaddingMask(n, 4, batch, length, total);
  checkScoreBias(n, 5, scores);
  if (n.hasOutput(3)) return n.unsupported("the output of query times key has no kernel");
  return {
    outputs: [
      { dtype, shape: [batch, length, heads * valueSize] },
      { dtype, shape: [batch, heads, total, size] },
      { dtype, shape: [batch, heads, total, valueSize] },
    ],
    reads: [0, 1, 2, 3, 4, 5, 6, 7],
    attrs: {
      heads,
      size,
      valueSize,
      scale: scaleOf(n, size),
      causal: n.int("unidirectional", 0) === 0 ? 0 : 1,
      maskFilter: n.float("mask_filter_value", -10000),
    },
    flops: 2 * elementCount(scores) * (size + valueSize),
    scratch: [attendScratch(size, valueSize, total)],
  };
}

function groupQueryAttention(n: OpContext): Meaning {
  const [batch, length, width] = floatOperand(n, 0, 3, "query") as [number, number, number];
  const { dtype } = n.input(0);
  const [heads, kvHeads] = [positiveHeads(n, "num_heads"), positiveHeads(n, "kv_num_heads")];
  if (heads % kvHeads !== 0) return n.invalid(`${heads} query heads do not share ${kvHeads} heads of keys`);
  const isPacked = !n.hasInput(1);
  const size = width / (isPacked ? heads + 2 * kvHeads : heads);
  if (!Number.isInteger(size)) return n.invalid(`query of ${width} does not divide into ${heads} heads`);
  if (n.hasInput(2) === isPacked) return n.invalid("key and value go together");
  for (const i of [1, 2]) expectShape(n, i, i === 1 ? "key" : "value", [batch, length, kvHeads * size]);
  refuse(n, ["qk_output", "kv_cache_bit_width"]);
  for (const name of ["k_quant_type", "v_quant_type"])
    if (n.string(name, "NONE") !== "NONE") return n.unsupported(`${name} has no kernel`);
  if (!n.hasOutput(1) || !n.hasOutput(2))
    return n.unsupported("a call without present_key and present_value has no kernel");
  const past = n.hasInput(3) ? (n.input(3).shape[2] ?? 0) : 0;
  for (const i of [3, 4]) expectShape(n, i, "a past", [batch, kvHeads, past, size]);
  if (n.hasInput(3) !== n.hasInput(4)) return n.invalid("past_key and past_value go together");
  expectShape(n, 5, "seqlens_k", [batch], [batch, 1]);
  const total = n.knownInts(6, "total_sequence_length")[0] ?? n.invalid("total_sequence_length is empty");
  if (total < length) return n.invalid(`total_sequence_length ${total} is less than the ${length} queries`);
  const capacity = Math.max(past, total);
  const isRotary = n.int("do_rotary", 0) !== 0;
  if (isRotary) {
    const cache = floatOperand(n, 7, 2, "cos_cache");
    if (2 * cache[1]! > size) return n.invalid(`caches ${show(cache)} rotate more than the ${size} elements of a head`);
    expectShape(n, 8, "sin_cache", cache);
    expectShape(n, 9, "position_ids", [batch, length]);
  }
  // The cache may be longer than what is in use: a bias covers the part in use.
  if (n.hasInput(10)) checkScoreBias(n, 10, [batch, heads, length, total]);
  expectShape(n, 11, "head_sink", [heads]);
  const present: TensorType = { dtype, shape: [batch, kvHeads, capacity, size] };
  return {
    outputs: [{ dtype, shape: [batch, length, heads * size] }, present, present],
    reads: [0, 1, 2, 3, 4, 5, 7, 8, 9, 10, 11],
    attrs: {
      heads,
      kvHeads,
      size,
      scale: scaleOf(n, size),
      softcap: n.float("softcap", 0),
      window: Math.max(0, n.int("local_window_size", -1)),
      smooth: n.int("smooth_softmax", 0) === 1 ? 1 : 0,
      interleaved: n.int("rotary_interleaved", 0) === 0 ? 0 : 1,
      firstPrompt: total === length ? 1 : 0,
    },
    flops: 4 * elementCount([batch, heads, length, capacity]) * size,
    scratch: [
      attendScratch(size, size, capacity),
      ...(isRotary ? [{ dtype, shape: [batch, length, heads * size] }] : []),
    ],
  };
}

function rotaryEmbedding(n: OpContext): Meaning {
  const { dtype, shape } = n.input(0);
  if (shape.length !== 3 && shape.length !== 4) return n.invalid(`input must have 3 or 4 dims, got ${show(shape)}`);
  refuse(n, ["is_packed_batching"]);
  if (n.float("scale", 1) !== 1) return n.unsupported("a scale other than 1 has no kernel");
  const cache = floatOperand(n, 2, 2, "cos_cache");
  expectShape(n, 3, "sin_cache", cache);
  const rotated = 2 * cache[1]!;
  const asked = n.int("rotary_embedding_dim", 0);
  if (asked !== 0 && asked !== rotated) return n.invalid(`caches ${show(cache)} do not rotate ${asked} elements`);
  const hidden = shape.length === 4 ? shape[1]! * shape[3]! : shape[2]!;
  const heads = shape.length === 4 ? shape[1]! : n.int("num_heads", 0) || hidden / rotated;
  const size = hidden / heads;
  if (!Number.isInteger(heads) || !Number.isInteger(size) || rotated > size)
    return n.invalid(`${hidden} does not divide into heads that rotate ${rotated} elements`);
  const positions = [shape[0]!, shape[shape.length - 2]!];
  expectShape(n, 1, "position_ids", positions, [1], []);
  return {
    outputs: [{ dtype, shape }],
    reads: [0, 2, 3, 1],
    attrs: {
      heads,
      rotated,
      interleaved: n.int("interleaved", 0) === 0 ? 0 : 1,
      offsetIds: n.input(1).shape.length === 2 ? 0 : 1,
    },
    flops: 3 * elementCount(shape),
    inPlace: [0],
  };
}

/** Attention of com.microsoft, and what belongs to it. */
export const contribAttentionOperators: OperatorTable = {
  Attention: attention,
  GroupQueryAttention: groupQueryAttention,
  MultiHeadAttention: multiHeadAttention,
  RotaryEmbedding: rotaryEmbedding,
};
