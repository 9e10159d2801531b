import { describe, expect, test } from "vitest";
import { tensorOf } from "../../kernels/access.ts";
import type { Tensor } from "../../kernels/types.ts";
import { differsFromRuntime, randomTensor, runOperator, type OperatorCase } from "./runtime-differential.test-util.ts";

const domain = "com.microsoft";
const [batch, heads, size, length] = [2, 2, 4, 3];
const hidden = heads * size;
const f32 = (shape: readonly number[], seed: number): Tensor => randomTensor(shape, seed);
const i32 = (shape: readonly number[], values: readonly number[]): Tensor => tensorOf("int32", shape, values);

interface Titled extends OperatorCase {
  readonly title: string;
}

const attention = (
  title: string,
  rest: {
    mask?: Tensor;
    past?: number;
    scoreBias?: Tensor;
    ints?: OperatorCase["ints"];
    floats?: OperatorCase["floats"];
  },
): Titled => ({
  title,
  op: "Attention",
  domain,
  ints: { num_heads: heads, ...rest.ints },
  floats: rest.floats ?? {},
  inputs: [
    f32([batch, length, 5], 1),
    f32([5, 3 * hidden], 2),
    f32([3 * hidden], 3),
    rest.mask ?? null,
    rest.past === undefined ? null : f32([2, batch, heads, rest.past, size], 4),
    rest.scoreBias ?? null,
  ],
  outputs: rest.past === undefined ? ["float32"] : ["float32", "float32"],
});

const multiHead = (title: string, rest: Partial<Titled>, inputs: readonly (Tensor | null)[], outputs = 1): Titled => ({
  title,
  op: "MultiHeadAttention",
  domain,
  ints: { num_heads: heads, ...rest.ints },
  inputs,
  outputs: Array.from({ length: outputs }, () => "float32" as const),
});

const kvLength = 5;
const query = f32([batch, length, hidden], 1);
const key = f32([batch, kvLength, hidden], 2);
const value = f32([batch, kvLength, heads * 3], 3);

const group = (
  title: string,
  {
    past = 0,
    fresh = 1,
    ...rest
  }: {
    past?: number;
    fresh?: number;
    rotary?: boolean;
    ints?: OperatorCase["ints"];
    floats?: OperatorCase["floats"];
    packed?: boolean;
    lengths?: readonly number[];
  },
): Titled => {
  const [queryHeads, kvHeads, headSize] = [4, 2, 16];
  const total = past + fresh;
  return {
    title,
    op: "GroupQueryAttention",
    domain,
    ints: { num_heads: queryHeads, kv_num_heads: kvHeads, ...(rest.rotary && { do_rotary: 1 }), ...rest.ints },
    floats: rest.floats ?? {},
    inputs: [
      f32([batch, fresh, (rest.packed ? queryHeads + 2 * kvHeads : queryHeads) * headSize], 1),
      rest.packed ? null : f32([batch, fresh, kvHeads * headSize], 2),
      rest.packed ? null : f32([batch, fresh, kvHeads * headSize], 3),
      past > 0 ? f32([batch, kvHeads, past, headSize], 4) : null,
      past > 0 ? f32([batch, kvHeads, past, headSize], 5) : null,
      i32([batch], rest.lengths ?? [total - 1, total - 1]),
      i32([1], [total]),
      ...(rest.rotary ? [f32([16, headSize / 2], 6), f32([16, headSize / 2], 7)] : []),
    ],
    outputs: ["float32", "float32", "float32"],
  };
};

const cases: readonly Titled[] = [
  attention("Attention plain", {}),
  attention("Attention causal", { ints: { unidirectional: 1 } }),
  attention("Attention with lengths", { mask: i32([batch], [2, 3]) }),
  attention("Attention with ends and starts", { mask: i32([2 * batch], [3, 2, 1, 0]) }),
  attention("Attention with a row mask", { mask: i32([batch, length], [1, 0, 1, 0, 0, 1]) }),
  attention("Attention with a full mask", {
    mask: i32([batch, length, length], [1, 0, 1, 1, 1, 0, 0, 0, 1, 1, 1, 1, 0, 1, 0, 1, 0, 0]),
  }),
  attention("Attention causal with a row mask", {
    mask: i32([batch, length], [1, 0, 1, 1, 1, 0]),
    ints: { unidirectional: 1 },
  }),
  attention("Attention with a past", { past: 2 }),
  attention("Attention causal with a past and a mask", {
    past: 2,
    mask: i32([batch, length + 2], [1, 1, 0, 1, 1, 0, 1, 1, 1, 1]),
    ints: { unidirectional: 1 },
  }),
  attention("Attention with a score bias", { scoreBias: f32([batch, heads, length, length], 9) }),
  attention("Attention with a scale and a weak filter", {
    mask: i32([batch, length], [1, 0, 1, 0, 0, 1]),
    floats: { scale: 0.7, mask_filter_value: -2 },
  }),
  multiHead("MultiHeadAttention cross", {}, [query, key, value]),
  multiHead("MultiHeadAttention with bias and lengths", {}, [
    query,
    key,
    f32([batch, kvLength, hidden], 3),
    f32([3 * hidden], 4),
    i32([batch], [4, 5]),
  ]),
  multiHead("MultiHeadAttention with a row mask", {}, [
    query,
    key,
    value,
    null,
    i32([batch, kvLength], [1, 1, 0, 1, 0, 0, 0, 1, 1, 1]),
  ]),
  multiHead("MultiHeadAttention with a shared score bias", {}, [
    query,
    key,
    value,
    null,
    null,
    f32([1, heads, length, kvLength], 8),
  ]),
  multiHead("MultiHeadAttention of a cross cache", {}, [
    query,
    f32([batch, heads, kvLength, size], 2),
    f32([batch, heads, kvLength, size], 3),
  ]),
  multiHead(
    "MultiHeadAttention with a past",
    {},
    [
      query,
      f32([batch, length, hidden], 2),
      f32([batch, length, hidden], 3),
      f32([3 * hidden], 4),
      null,
      null,
      f32([batch, heads, 2, size], 5),
      f32([batch, heads, 2, size], 6),
    ],
    3,
  ),
  multiHead("MultiHeadAttention causal", { ints: { unidirectional: 1 } }, [
    query,
    f32([batch, length, hidden], 2),
    f32([batch, length, hidden], 3),
  ]),
  group("GroupQueryAttention first prompt", { fresh: 4 }),
  group("GroupQueryAttention decode", { past: 5 }),
  group("GroupQueryAttention decode of ragged rows", { past: 5, lengths: [3, 5] }),
  group("GroupQueryAttention rotary prompt", { fresh: 4, rotary: true }),
  group("GroupQueryAttention rotary decode, interleaved", { past: 5, rotary: true, ints: { rotary_interleaved: 1 } }),
  group("GroupQueryAttention packed", { past: 3, packed: true, rotary: true }),
  group("GroupQueryAttention window", { past: 6, ints: { local_window_size: 3 } }),
  group("GroupQueryAttention window in a prompt", { fresh: 6, ints: { local_window_size: 2 } }),
  group("GroupQueryAttention softcap and scale", { past: 3, floats: { softcap: 2, scale: 0.9 } }),
  group("GroupQueryAttention smooth softmax", { past: 3, ints: { smooth_softmax: 1 } }),
  {
    title: "RotaryEmbedding of packed heads",
    op: "RotaryEmbedding",
    domain,
    inputs: [
      f32([batch, length, hidden], 1),
      tensorOf("int64", [batch, length], [0, 1, 2, 4, 5, 7]),
      f32([8, size / 2], 2),
      f32([8, size / 2], 3),
    ],
    outputs: ["float32"],
  },
  {
    title: "RotaryEmbedding from an offset",
    op: "RotaryEmbedding",
    domain,
    ints: { interleaved: 1 },
    inputs: [
      f32([batch, heads, length, size], 1),
      tensorOf("int64", [1], [2]),
      f32([8, size / 2], 2),
      f32([8, size / 2], 3),
    ],
    outputs: ["float32"],
  },
  {
    title: "RotaryEmbedding of a part",
    op: "RotaryEmbedding",
    domain,
    ints: { rotary_embedding_dim: 2, num_heads: heads },
    inputs: [f32([batch, length, hidden], 1), tensorOf("int64", [1], [0]), f32([8, 1], 2), f32([8, 1], 3)],
    outputs: ["float32"],
  },
];

describe("attention of com.microsoft agrees with ONNX Runtime", () => {
  test.each(cases)("$title", async (operator) => {
    expect(await differsFromRuntime(operator)).toBeUndefined();
  });
});

/** (batch, length, heads, parts, size) with the parts behind each other, from one 3-D tensor a part. */
function pack(parts: readonly Tensor[]): Tensor {
  const rows = parts[0]!.shape[1]!;
  const values: number[] = [];
  for (let b = 0; b < batch; b++)
    for (let i = 0; i < rows; i++)
      for (let h = 0; h < heads; h++)
        for (const part of parts)
          for (let d = 0; d < size; d++) values.push(Number(part.data[(b * rows + i) * hidden + h * size + d]));
  return tensorOf("float32", [batch, rows, heads, parts.length, size], values);
}

test("MultiHeadAttention: packed operands mean what separate ones do", async () => {
  const [k, v] = [f32([batch, length, hidden], 2), f32([batch, length, hidden], 3)];
  const bias = f32([3 * hidden], 4);
  const [apart] = await runOperator(multiHead("", {}, [query, k, v, bias]));
  const [keysPacked] = await runOperator(multiHead("", {}, [query, pack([k, v]), null, bias]));
  const [allPacked] = await runOperator(multiHead("", {}, [pack([query, k, v]), null, null, bias]));
  expect(keysPacked!.data).toEqual(apart!.data);
  expect(allPacked!.data).toEqual(apart!.data);
});
