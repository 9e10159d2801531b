/** Microsoft's attentions and rotary embeddings against the reference kernels. */
import { assert, integer, property } from "fast-check";
import { expect, test } from "vitest";
import { tensorOf } from "../../../kernels/access.ts";
import { attendScratch } from "../../../kernels/attention-core.ts";
import { productScratch } from "../../../kernels/matrix-product.ts";
import type { Tensor } from "../../../kernels/types.ts";
import { checkOwn, pick, random, randomTensor } from "./check-own.test-util.ts";

const FILTERS = [-10000, -100, -3.4028234663852886e38] as const;

const holds = (run: (next: () => number) => void, numRuns: number): void =>
  assert(
    property(integer({ min: 0, max: 2 ** 30 }), (seed) => run(random(seed))),
    { numRuns },
  );

/** A padding mask for so many keys: ends, ends and starts, or ones and zeros. */
function paddingMask(next: () => number, shape: readonly number[], batches: number, total: number): Tensor {
  if (shape.length > 1) return randomTensor(next, "int32", shape, [0, 2]);
  const values = Array.from({ length: shape[0]! }, (_, i) => (i < batches ? total - i : i % 2));
  return tensorOf("int32", shape, values);
}

test("MultiHeadAttention", () => {
  holds((next) => {
    const floats = (shape: readonly number[]): Tensor => randomTensor(next, "float32", shape, [-1.5, 1.5]);
    const size = pick(next, [4, 8, 64, 3, 10]);
    const form = pick(next, ["apart", "split", "pair", "packed"] as const);
    const valueSize = form === "apart" || form === "split" ? pick(next, [4, 8, 5]) : size;
    const heads = pick(next, [1, 2, 5]);
    const [batches, queries] = [pick(next, [1, 2]), pick(next, [1, 3, 19])];
    const fresh = form === "packed" ? queries : pick(next, [1, 4, 50]);
    const operands = {
      apart: [
        [batches, queries, heads * size],
        [batches, fresh, heads * size],
        [batches, fresh, heads * valueSize],
      ],
      split: [
        [batches, queries, heads * size],
        [batches, heads, fresh, size],
        [batches, heads, fresh, valueSize],
      ],
      pair: [
        [batches, queries, heads * size],
        [batches, fresh, heads, 2, size],
      ],
      packed: [[batches, queries, heads, 3, size]],
    }[form];
    const [q, k = null, v = null] = operands.map(floats);
    const past = pick(next, [0, 0, 5, 24]);
    const total = past + fresh;
    const maskShape = pick(next, [null, [batches], [2 * batches], [batches, total], [batches, queries, total]]);
    const type = (width: number) => ({ dtype: "float32", shape: [batches, heads, total, width] }) as const;
    checkOwn(
      {
        kernel: "MultiHeadAttention",
        inputs: [
          q!,
          k,
          v,
          next() < 0.5 ? floats([2 * heads * size + heads * valueSize]) : null,
          maskShape && paddingMask(next, maskShape, batches, total),
          next() < 0.4 ? floats([pick(next, [1, batches]), pick(next, [1, heads]), queries, total]) : null,
          past === 0 ? null : floats([batches, heads, past, size]),
          past === 0 ? null : floats([batches, heads, past, valueSize]),
        ],
        outputs: [
          { dtype: "float32", shape: [batches, queries, heads * valueSize] },
          ...(next() < 0.5 ? [type(size), type(valueSize)] : [null, null]),
        ],
        scratch: [attendScratch(size, valueSize, total)],
        attrs: {
          heads,
          size,
          valueSize,
          scale: 1 / Math.sqrt(size),
          causal: pick(next, [0, 1]),
          maskFilter: pick(next, FILTERS),
        },
      },
      4e-6,
      4e-6,
    );
  }, 250);
});

test("GroupQueryAttention", () => {
  holds((next) => {
    const floats = (shape: readonly number[]): Tensor => randomTensor(next, "float32", shape, [-1.5, 1.5]);
    const size = pick(next, [4, 8, 64, 6, 20]);
    const kvHeads = pick(next, [1, 2]);
    const heads = kvHeads * pick(next, [1, 2, 8]);
    const isFirst = next() < 0.4;
    const positions = isFirst ? pick(next, [1, 6, 30]) : pick(next, [1, 1, 3]);
    const batches = pick(next, [1, 2]);
    const past = isFirst ? 0 : pick(next, [8, 40]);
    const used = isFirst ? positions : past + positions - pick(next, [0, 2]);
    const capacity = Math.max(past, used);
    const isPacked = next() < 0.4;
    const lasts = Array.from(
      { length: batches },
      (_, b) => used - 1 - (isFirst ? 0 : Math.min(b * 3, used - positions)),
    );
    const rotated = pick(next, [0, size, size - (size % 4) - (size > 4 ? 2 : 0)]);
    const state = { dtype: "float32", shape: [batches, kvHeads, capacity, size] } as const;
    checkOwn(
      {
        kernel: "GroupQueryAttention",
        inputs: [
          floats([batches, positions, (isPacked ? heads + 2 * kvHeads : heads) * size]),
          isPacked ? null : floats([batches, positions, kvHeads * size]),
          isPacked ? null : floats([batches, positions, kvHeads * size]),
          past === 0 ? null : floats([batches, kvHeads, past, size]),
          past === 0 ? null : floats([batches, kvHeads, past, size]),
          tensorOf("int32", [batches], lasts),
          rotated === 0 ? null : floats([capacity, rotated / 2]),
          rotated === 0 ? null : floats([capacity, rotated / 2]),
          rotated > 0 && next() < 0.4 ? randomTensor(next, "int64", [batches, positions], [0, capacity]) : null,
          null,
          next() < 0.3 ? floats([heads]) : null,
        ],
        outputs: [{ dtype: "float32", shape: [batches, positions, heads * size] }, state, state],
        scratch: [
          attendScratch(size, size, capacity),
          ...(rotated === 0 ? [] : [{ dtype: "float32", shape: [batches, positions, heads * size] } as const]),
        ],
        attrs: {
          heads,
          kvHeads,
          size,
          scale: 1 / Math.sqrt(size),
          softcap: pick(next, [0, 3]),
          window: pick(next, [0, 0, 5]),
          smooth: pick(next, [0, 0, 1]),
          interleaved: pick(next, [0, 1]),
          firstPrompt: isFirst ? 1 : 0,
        },
      },
      1e-5,
      1e-5,
    );
  }, 250);
});

test("Attention of com.microsoft", () => {
  holds((next) => {
    const floats = (shape: readonly number[]): Tensor => randomTensor(next, "float32", shape, [-0.8, 0.8]);
    const [size, heads] = [pick(next, [4, 16, 3]), pick(next, [1, 2, 4])];
    const [batches, positions, width] = [pick(next, [1, 2]), pick(next, [1, 5, 33]), pick(next, [7, 16])];
    const past = pick(next, [0, 0, 4]);
    const total = past + positions;
    const hasState = past > 0 || next() < 0.3;
    const valueSize = hasState ? size : pick(next, [size, 8]);
    const columns = heads * (2 * size + valueSize);
    const maskShape = pick(next, [null, [batches], [2 * batches], [batches, total], [batches, positions, total]]);
    checkOwn(
      {
        kernel: "ContribAttention",
        inputs: [
          floats([batches, positions, width]),
          floats([width, columns]),
          next() < 0.7 ? floats([columns]) : null,
          maskShape && paddingMask(next, maskShape, batches, total),
          past === 0 ? null : floats([2, batches, heads, past, size]),
          next() < 0.3 ? floats([batches, heads, positions, total]) : null,
        ],
        outputs: [
          { dtype: "float32", shape: [batches, positions, heads * valueSize] },
          hasState ? { dtype: "float32", shape: [2, batches, heads, total, size] } : null,
        ],
        scratch: [
          productScratch(batches * positions, columns, width),
          attendScratch(size, valueSize, total),
          { dtype: "float32", shape: [batches, positions, columns] },
        ],
        attrs: {
          heads,
          size,
          valueSize,
          scale: 1 / Math.sqrt(size),
          causal: pick(next, [0, 1]),
          maskFilter: pick(next, FILTERS),
        },
      },
      1e-5,
      1e-5,
    );
  }, 250);
});

/** A random call of RotaryEmbedding; `id` is a position outside the caches, if any. */
function rotary(next: () => number, id?: number): string | undefined {
  const [isSplit, heads, size] = [next() < 0.5, pick(next, [1, 2, 3]), pick(next, [2, 5, 8, 20, 64])];
  const half = Math.max(1, Math.floor((size / 2) * pick(next, [1, 1, 0.5])));
  const [batches, positions] = [pick(next, [1, 2]), pick(next, [1, 5])];
  const ids = id === undefined ? pick(next, ["none", "each", "first"] as const) : "each";
  const x = randomTensor(
    next,
    "float32",
    isSplit ? [batches, heads, positions, size] : [batches, positions, heads * size],
  );
  const cache = (): Tensor => randomTensor(next, "float32", ids === "none" ? [batches, positions, half] : [11, half]);
  const places =
    ids === "each"
      ? randomTensor(next, "int64", [batches, positions], id === undefined ? [0, 11] : [id, id + 1])
      : ids === "first"
        ? tensorOf("int64", [1], [6])
        : null;
  return checkOwn({
    kernel: "RotaryEmbedding",
    inputs: [x, cache(), cache(), places],
    outputs: [x],
    attrs: { heads, rotated: 2 * half, interleaved: pick(next, [0, 1]), offsetIds: ids === "first" ? 1 : 0 },
  });
}

test("RotaryEmbedding", () => {
  holds((next) => void rotary(next), 250);
});

test("a position outside the caches is refused", () => {
  for (const id of [-1, 11]) expect(rotary(random(3), id)).toMatch(/outside the caches/);
});
