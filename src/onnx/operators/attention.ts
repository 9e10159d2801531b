/** Rules of Attention (opsets 23 to 25), RotaryEmbedding (23) and LinearAttention (27). */
import { DTYPES, dtypeFromOnnx, type DType } from "../../ir/dtype.ts";
import { elementCount } from "../../ir/bytes.ts";
import { attendScratch } from "../../kernels/attention-core.ts";
import type { TensorType } from "../../ir/types.ts";
import type { Meaning, OpContext, OperatorTable } from "./types.ts";

const show = (shape: readonly number[]): string => `[${shape.join(",")}]`;

const checkFloat = (n: OpContext, i: number): TensorType => {
  const type = n.input(i);
  return DTYPES[type.dtype].class === "float" && DTYPES[type.dtype].bits >= 16
    ? type
    : n.invalid(`operand ${i} must be a float tensor, got ${type.dtype}`);
};

interface Heads {
  readonly batch: number;
  readonly heads: number;
  readonly length: number;
  readonly size: number;
}

/** (batch, heads, length, size), or (batch, length, heads * size) with the number of heads given. */
function headsOf(n: OpContext, i: number, attribute: string): Heads {
  const { shape } = checkFloat(n, i);
  if (shape.length === 4) {
    const [batch, heads, length, size] = shape as [number, number, number, number];
    if (n.intOrUndefined(attribute) !== undefined && n.version >= 25)
      return n.invalid(`attribute '${attribute}' is for 3-D operands`);
    return { batch, heads, length, size };
  }
  if (shape.length !== 3) return n.invalid(`operand ${i} must have 3 or 4 dims, got ${show(shape)}`);
  const [batch, length, hidden] = shape as [number, number, number];
  const heads = n.requiredInt(attribute);
  if (heads <= 0 || hidden % heads !== 0)
    return n.invalid(`operand ${i}: ${hidden} does not divide into ${heads} heads`);
  return { batch, heads, length, size: hidden / heads };
}

function checkMask(n: OpContext, dims: readonly number[]): void {
  const { shape, dtype } = n.input(3);
  const total = dims[3]!;
  if (["string", "complex"].includes(DTYPES[dtype].class)) n.invalid(`attn_mask must be bool or numeric, got ${dtype}`);
  const length = shape.at(-1);
  if (length === undefined || shape.length > 4) n.invalid(`attn_mask must have 1 to 4 dims, got ${show(shape)}`);
  // From opset 24 on a shorter mask keeps the keys past its end out.
  else if (length > total || (n.version < 24 && length !== 1 && length !== total))
    n.invalid(`attn_mask covers ${length} of ${total} keys`);
  const lead = dims.slice(0, 3);
  if (show(n.broadcast(shape.slice(0, -1), lead)) !== show(lead))
    n.invalid(`attn_mask ${show(shape)} does not broadcast to ${show(dims)}`);
}

function checkPast(n: OpContext, i: number, own: Heads): number {
  const { shape } = checkFloat(n, i);
  if (shape.length !== 4 || shape[0] !== own.batch || shape[1] !== own.heads || shape[3] !== own.size)
    return n.invalid(`operand ${i} (past) is ${show(shape)}, expected [${own.batch},${own.heads},past,${own.size}]`);
  return shape[2]!;
}

const PRECISIONS: readonly DType[] = ["float32", "float16", "float64", "bfloat16"];

function softmaxPrecision(n: OpContext, dtype: DType): string {
  const code = n.intOrUndefined("softmax_precision");
  if (code === undefined) return "";
  const precision = dtypeFromOnnx(code);
  if (precision === undefined || !PRECISIONS.includes(precision))
    return n.invalid(`softmax_precision ${code} is no float type`);
  // Doubles hold everything that a wider type would.
  return DTYPES[precision].bits < DTYPES[dtype].bits ? precision : "";
}

function windowSize(n: OpContext, name: string): number {
  const size = n.version >= 25 ? n.int(name, -1) : -1;
  return size >= -1 ? size : n.invalid(`${name} must be -1 or more, got ${size}`);
}

function attention(n: OpContext): Meaning {
  const q = headsOf(n, 0, "q_num_heads");
  const k = headsOf(n, 1, "kv_num_heads");
  const v = headsOf(n, 2, "kv_num_heads");
  const rank = n.input(0).shape.length;
  if (n.input(1).shape.length !== rank || n.input(2).shape.length !== rank)
    return n.invalid("Q, K and V must have the same rank");
  if (n.input(1).dtype !== n.input(0).dtype) return n.invalid(`K is ${n.input(1).dtype}, Q is ${n.input(0).dtype}`);
  if (k.batch !== q.batch || v.batch !== q.batch || v.heads !== k.heads || v.length !== k.length || k.size !== q.size)
    return n.invalid(
      `Q ${show(n.input(0).shape)}, K ${show(n.input(1).shape)} and V ${show(n.input(2).shape)} do not fit`,
    );
  if (k.heads === 0 || q.heads % k.heads !== 0)
    return n.invalid(`${q.heads} query heads do not share ${k.heads} heads of keys`);
  if (n.hasInput(4) !== n.hasInput(5)) return n.invalid("past_key and past_value go together");
  if (n.hasInput(4) && n.hasInput(6)) return n.invalid("nonpad_kv_seqlen cannot be combined with a past");
  const past = n.hasInput(4) ? checkPast(n, 4, k) : 0;
  if (n.hasInput(5) && checkPast(n, 5, v) !== past) return n.invalid("past_key and past_value differ in length");
  if (n.hasInput(4) && (n.input(4).dtype !== n.input(1).dtype || n.input(5).dtype !== n.input(2).dtype))
    return n.invalid("a past must have the dtype of what it continues");
  const total = past + k.length;
  if (n.hasInput(6) && show(n.input(6).shape) !== show([q.batch]))
    return n.invalid(`nonpad_kv_seqlen must be [${q.batch}], got ${show(n.input(6).shape)}`);
  const scores = [q.batch, q.heads, q.length, total];
  if (n.hasInput(3)) checkMask(n, scores);
  const mode = n.int("qk_matmul_output_mode", 0);
  if (mode < 0 || mode > 3) return n.invalid(`qk_matmul_output_mode ${mode} is not 0, 1, 2 or 3`);

  const { dtype } = n.input(0);
  const present = (own: Heads, i: number): TensorType => ({
    dtype: n.input(i).dtype,
    shape: [own.batch, own.heads, total, own.size],
  });
  return {
    outputs: [
      { dtype, shape: rank === 4 ? [q.batch, q.heads, q.length, v.size] : [q.batch, q.length, q.heads * v.size] },
      present(k, 1),
      present(v, 2),
      { dtype, shape: scores },
    ],
    reads: [0, 1, 2, 3, 4, 5, 6],
    attrs: {
      heads: q.heads,
      kvHeads: k.heads,
      size: q.size,
      valueSize: v.size,
      scale: n.float("scale", q.size === 0 ? 1 : 1 / Math.sqrt(q.size)),
      softcap: n.float("softcap", 0),
      causal: n.int("is_causal", 0) === 0 ? 0 : 1,
      left: windowSize(n, "left_window_size"),
      right: windowSize(n, "right_window_size"),
      mode,
      precision: softmaxPrecision(n, dtype),
      repeatMask: n.version < 24 ? 1 : 0,
    },
    flops: 2 * elementCount(scores) * (q.size + v.size),
    scratch: [attendScratch(q.size, v.size, total)],
  };
}

function rotaryEmbedding(n: OpContext): Meaning {
  const { dtype, shape } = checkFloat(n, 0);
  const heads = shape.length === 4 ? shape[1]! : n.requiredInt("num_heads");
  if (shape.length === 3 && (heads <= 0 || shape[2]! % heads !== 0))
    return n.invalid(`${shape[2]} does not divide into ${heads} heads`);
  if (shape.length !== 3 && shape.length !== 4) return n.invalid(`X must have 3 or 4 dims, got ${show(shape)}`);
  const size = shape.length === 4 ? shape[3]! : shape[2]! / heads;
  const rotated = n.int("rotary_embedding_dim", 0) || size;
  if (rotated < 0 || rotated > size || rotated % 2 !== 0)
    return n.invalid(`${rotated} of ${size} elements cannot be rotated in pairs`);
  const positions = [shape[0]!, shape[shape.length - 2]!];
  const cache = n.input(1).shape;
  if (show(cache) !== show(n.input(2).shape))
    return n.invalid(`caches ${show(cache)} and ${show(n.input(2).shape)} differ`);
  if (n.hasInput(3)) {
    if (cache.length !== 2 || cache[1] !== rotated / 2)
      return n.invalid(`caches must be [rows,${rotated / 2}], got ${show(cache)}`);
    if (show(n.input(3).shape) !== show(positions))
      return n.invalid(`position_ids must be ${show(positions)}, got ${show(n.input(3).shape)}`);
  } else if (show(cache) !== show([...positions, rotated / 2]))
    return n.invalid(`caches must be ${show([...positions, rotated / 2])}, got ${show(cache)}`);
  return {
    outputs: [{ dtype, shape }],
    attrs: { heads, rotated, interleaved: n.int("interleaved", 0) === 0 ? 0 : 1, offsetIds: 0 },
    flops: 3 * elementCount(shape),
    // A pair is read whole before either half is written.
    inPlace: [0],
  };
}

const RULES: readonly string[] = ["linear", "gated", "delta", "gated_delta"];

function linearAttention(n: OpContext): Meaning {
  const rule = n.string("update_rule", "gated_delta");
  if (!RULES.includes(rule)) return n.invalid(`update_rule '${rule}' is not one of ${RULES.join(", ")}`);
  for (const i of [0, 1, 2])
    if (checkFloat(n, i).shape.length !== 3)
      return n.invalid(`operand ${i} must have 3 dims, got ${show(n.input(i).shape)}`);
  const q = headsOf(n, 0, "q_num_heads");
  const k = headsOf(n, 1, "kv_num_heads");
  const v = headsOf(n, 2, "kv_num_heads");
  if (q.heads % k.heads !== 0) return n.invalid(`${q.heads} query heads do not share ${k.heads} heads of keys`);
  if (k.size !== q.size || [k, v].some((own) => own.batch !== q.batch || own.length !== q.length))
    return n.invalid("query, key and value do not fit");
  const isGated = rule.startsWith("gated");
  const isDelta = rule.endsWith("delta");
  if (n.hasInput(4) !== isGated) return n.invalid(`update_rule '${rule}' ${isGated ? "needs" : "forbids"} a decay`);
  if (n.hasInput(5) !== isDelta) return n.invalid(`update_rule '${rule}' ${isDelta ? "needs" : "forbids"} a beta`);
  const fits = (i: number, widths: readonly number[]): boolean =>
    widths.some((width) => show(n.input(i).shape) === show([q.batch, q.length, width]));
  if (isGated && !fits(4, [k.heads, k.heads * k.size]))
    return n.invalid(`decay ${show(n.input(4).shape)} does not fit`);
  if (isDelta && !fits(5, [k.heads, 1])) return n.invalid(`beta ${show(n.input(5).shape)} does not fit`);
  const state = [q.batch, k.heads, k.size, v.size];
  if (n.hasInput(3) && show(n.input(3).shape) !== show(state))
    return n.invalid(`past_state must be ${show(state)}, got ${show(n.input(3).shape)}`);
  const { dtype } = n.input(0);
  return {
    outputs: [
      { dtype, shape: [q.batch, q.length, q.heads * v.size] },
      { dtype: n.hasInput(3) ? n.input(3).dtype : dtype, shape: state },
    ],
    reads: [0, 1, 2, 3, 4, 5],
    attrs: {
      heads: q.heads,
      kvHeads: k.heads,
      size: k.size,
      valueSize: v.size,
      scale: n.float("scale", 0) || 1 / Math.sqrt(k.size || 1),
    },
    flops: 2 * elementCount(state) * q.length * ((isDelta ? 2 : 1) + (isGated ? 1 : 0) + q.heads / k.heads),
    scratch: [{ dtype: "float64", shape: [k.size * v.size] }],
  };
}

export const attentionOperators: OperatorTable = {
  Attention: attention,
  LinearAttention: linearAttention,
  RotaryEmbedding: rotaryEmbedding,
};
