import { describe, expect, test } from "vitest";
import { tensorOf, toNumbers } from "../../kernels/access.ts";
import type { Tensor } from "../../kernels/types.ts";
import { randomTensor, runOperator, type OperatorCase } from "./runtime-differential.test-util.ts";

const [batch, heads, queries, keys, size] = [2, 4, 3, 6, 5];

interface Masking {
  readonly q: Tensor;
  readonly k: Tensor;
  readonly v: Tensor;
  readonly allowed: (b: number, i: number, j: number) => boolean;
}

/** Softmax of scaled products over the allowed keys, straight from the definition; zeros where there is none. */
function naive({ q, k, v, allowed }: Masking): number[] {
  const [qs, ks, vs] = [toNumbers(q), toNumbers(k), toNumbers(v)];
  const kvHeads = k.shape[1]!;
  const result: number[] = [];
  for (let b = 0; b < batch; b++)
    for (let h = 0; h < heads; h++)
      for (let i = 0; i < queries; i++) {
        const kv = (b * kvHeads + Math.floor((h * kvHeads) / heads)) * keys;
        const weights = Array.from({ length: keys }, (_, j) => {
          if (!allowed(b, i, j)) return 0;
          let score = 0;
          for (let d = 0; d < size; d++)
            score += qs[((b * heads + h) * queries + i) * size + d]! * ks[(kv + j) * size + d]!;
          return Math.exp(score / Math.sqrt(size));
        });
        const total = weights.reduce((a, c) => a + c, 0) || 1;
        for (let d = 0; d < size; d++)
          result.push(weights.reduce((sum, weight, j) => sum + (weight / total) * vs[(kv + j) * size + d]!, 0));
      }
  return result;
}

const q = randomTensor([batch, heads, queries, size], 1);
const [k, v] = [randomTensor([batch, heads / 2, keys, size], 2), randomTensor([batch, heads / 2, keys, size], 3)];
const lengths = tensorOf("int64", [batch], [5, 2]);
const attention = (
  opset: number,
  ints: OperatorCase["ints"],
  inputs: readonly (Tensor | null)[],
  outputs: OperatorCase["outputs"] = ["float32"],
): OperatorCase => ({
  op: "Attention",
  opset,
  ints: ints ?? {},
  inputs,
  outputs,
});

async function expectNaive(operator: OperatorCase, allowed: Masking["allowed"]): Promise<void> {
  const [y] = await runOperator(operator);
  const expected = naive({ q, k, v, allowed });
  toNumbers(y!).forEach((value, i) => expect(value).toBeCloseTo(expected[i]!, 5));
}

describe("Attention is softmax over the keys that it may attend to", () => {
  test("all of them, with grouped heads", () => expectNaive(attention(23, {}, [q, k, v]), () => true));
  test("causal", () => expectNaive(attention(23, { is_causal: 1 }, [q, k, v]), (_, i, j) => j <= i));
  test("an external cache", () =>
    expectNaive(attention(24, {}, [q, k, v, null, null, null, lengths]), (b, _, j) => j < [5, 2][b]!));
  test("an external cache, causal: queries stand at its end", () =>
    expectNaive(
      attention(24, { is_causal: 1 }, [q, k, v, null, null, null, lengths]),
      (b, i, j) => j < [5, 2][b]! && j <= i + [5, 2][b]! - queries,
    ));
  test("a window to both sides", () =>
    expectNaive(
      attention(25, { left_window_size: 1, right_window_size: 2 }, [q, k, v]),
      (_, i, j) => j >= i - 1 && j <= i + 2,
    ));
  test("a shorter mask keeps the keys past its end out", () =>
    expectNaive(attention(24, {}, [q, k, v, tensorOf("bool", [1, 4], [1, 0, 1, 1])]), (_, __, j) => j < 4 && j !== 1));
  test("up to opset 23 a mask of one column is for all keys", () =>
    expectNaive(attention(23, {}, [q, k, v, tensorOf("bool", [queries, 1], [1, 0, 1])]), (_, i) => i !== 1));
});

test("a past and new keys are one row of keys, and the present is both", async () => {
  const cut = (tensor: Tensor, from: number, to: number): Tensor => {
    const values = toNumbers(tensor);
    const kept: number[] = [];
    for (let h = 0; h < (batch * heads) / 2; h++)
      kept.push(...values.slice((h * keys + from) * size, (h * keys + to) * size));
    return tensorOf("float32", [batch, heads / 2, to - from, size], kept);
  };
  const inputs = [q, cut(k, 3, keys), cut(v, 3, keys), null, cut(k, 0, 3), cut(v, 0, 3)];
  const [y, presentKey, presentValue] = await runOperator(attention(23, {}, inputs, ["float32", "float32", "float32"]));
  const [whole] = await runOperator(attention(23, {}, [q, k, v]));
  expect(y).toEqual(whole);
  expect(presentKey).toEqual(k);
  expect(presentValue).toEqual(v);
});

test("keys that are left out may hold anything", async () => {
  const spoiled = tensorOf(
    "float32",
    k.shape,
    toNumbers(k).map((value, i) => (Math.floor(i / size) % keys >= 4 ? NaN : value)),
  );
  const mask = tensorOf("bool", [1, keys], [1, 1, 1, 1, 0, 0]);
  const [y] = await runOperator(attention(23, {}, [q, spoiled, v, mask]));
  const [clean] = await runOperator(attention(23, {}, [q, k, v, mask]));
  expect(y).toEqual(clean);
});

test.each([
  ["a past without values", attention(23, {}, [q, k, v, null, k]), /go together/],
  [
    "3-D operands without heads",
    attention(23, {}, [randomTensor([1, 2, 8], 1), randomTensor([1, 2, 8], 1), randomTensor([1, 2, 8], 1)]),
    /q_num_heads/,
  ],
  [
    "heads that do not share",
    attention(23, {}, [q, randomTensor([batch, 3, keys, size], 1), randomTensor([batch, 3, keys, size], 1)]),
    /do not share/,
  ],
  [
    "heads of 4-D operands from opset 25 on",
    attention(25, { q_num_heads: heads, kv_num_heads: 2 }, [q, k, v]),
    /3-D operands/,
  ],
  [
    "a mask that is too long",
    attention(24, {}, [q, k, v, tensorOf("bool", [1, 7], [1, 1, 1, 1, 1, 1, 1])]),
    /covers 7 of 6/,
  ],
] satisfies readonly (readonly [string, OperatorCase, RegExp])[])("%s is refused", async (_, operator, message) => {
  await expect(runOperator(operator)).rejects.toThrow(message);
});

test("rotary positions outside the caches are bad data", async () => {
  const cache = randomTensor([4, 2], 1);
  const operator: OperatorCase = {
    op: "RotaryEmbedding",
    opset: 23,
    ints: { num_heads: 2 },
    inputs: [randomTensor([1, 9, 8], 1), cache, cache, tensorOf("int64", [1, 9], [0, 1, 2, 3, 4, 0, 0, 0, 0])],
    outputs: ["float32"],
  };
  await expect(runOperator(operator)).rejects.toThrow(/position 4 is outside/);
});
