import { describe } from "vitest";
import type { DType } from "../../../ir/dtype.ts";
import type { AttrValue } from "../../../ir/types.ts";
import { tensorOf } from "../../../kernels/access.ts";
import { attendScratch } from "../../../kernels/attention-core.ts";
import { productScratch } from "../../../kernels/matrix-product.ts";
import type { Tensor } from "../../../kernels/types.ts";
import { deviceTest, expectEqual, random, randomTensor, share } from "./random-tensor.test-util.ts";

const pick = <T>(next: () => number, items: readonly T[]): T => items[Math.floor(next() * items.length)]!;

const DTYPES = ["float32", "float32", "float16", "bfloat16"] as const;
const SIZES = [4, 8, 64, 3, 6, 10, 80] as const;

/**
 * What a padding mask adds. Not the usual -10000: where a query sees masked keys alone, adding that in
 * float32 leaves scores three decimals, here as in every runtime but the reference, which adds in double.
 */
const FILTER = -100;

/** A random call of ONNX's Attention. */
async function attentionCase(seed: number): Promise<void> {
  const next = random(seed);
  const dtype = pick(next, DTYPES);
  const [size, valueSize] = [pick(next, SIZES), pick(next, SIZES)];
  const kvHeads = pick(next, [1, 2, 3]);
  const heads = kvHeads * pick(next, [1, 2, 4]);
  const batches = pick(next, [1, 2]);
  const queries = pick(next, [1, 2, 7, 17]);
  const fresh = pick(next, [1, 5, 16, 70, 300]);
  const isSplit = next() < 0.5;
  const tensor = (k: number, count: number, length: number, width: number, type: DType = dtype): Tensor =>
    randomTensor(
      seed * 20 + k,
      type,
      isSplit ? [batches, count, length, width] : [batches, length, count * width],
      -1.5,
      1.5,
    );
  const past = pick(next, [0, 0, 3, 130]);
  const total = past + fresh;
  const state = (k: number, width: number): Tensor | null =>
    past === 0 ? null : randomTensor(seed * 20 + k, dtype, [batches, kvHeads, past, width], -1.5, 1.5);
  const lengths = past === 0 && next() < 0.4 ? randomTensor(seed + 3, "int64", [batches], 1, total + 1) : null;
  const maskShape = pick(next, [
    null,
    [total],
    [queries, total],
    [batches, 1, queries, total],
    [heads, queries, total],
    [1, heads, 1, total],
    [queries, Math.ceil(total / 2)],
  ]);
  const maskType = pick(next, ["bool", "float32", dtype, "int32"] as const);
  const mask = maskShape && randomTensor(seed + 4, maskType, maskShape, 0, maskType === "bool" ? 2 : 3);
  const type = (count: number, length: number, width: number) => ({ dtype, shape: [batches, count, length, width] });
  const wantsState = next() < 0.6;
  const attrs: Record<string, AttrValue> = {
    heads,
    kvHeads,
    size,
    valueSize,
    scale: pick(next, [1 / Math.sqrt(size), 0.5]),
    softcap: pick(next, [0, 0, 2.5]),
    causal: pick(next, [0, 1]),
    left: pick(next, [-1, -1, 4]),
    right: pick(next, [-1, -1, 2]),
    mode: 0,
    precision: "",
    repeatMask: 0,
  };
  await expectEqual({
    kernel: "Attention",
    inputs: [
      tensor(1, heads, queries, size),
      tensor(2, kvHeads, fresh, size),
      tensor(3, kvHeads, fresh, valueSize),
      mask,
      state(5, size),
      state(6, valueSize),
      lengths,
    ],
    outputs: [
      { dtype, shape: isSplit ? [batches, heads, queries, valueSize] : [batches, queries, heads * valueSize] },
      wantsState ? type(kvHeads, total, size) : null,
      wantsState && next() < 0.5 ? type(kvHeads, total, valueSize) : null,
      null,
    ],
    scratch: [attendScratch(size, valueSize, total)],
    attrs,
  });
}

/** A random call of Microsoft's MultiHeadAttention. */
async function multiHeadCase(seed: number): Promise<void> {
  const next = random(seed);
  const dtype = pick(next, DTYPES);
  const size = pick(next, SIZES);
  const form = pick(next, ["apart", "split", "pair", "packed"] as const);
  const valueSize = form === "apart" || form === "split" ? pick(next, SIZES) : size;
  const heads = pick(next, [1, 2, 5]);
  const [batches, queries] = [pick(next, [1, 2]), pick(next, [1, 3, 19])];
  const fresh = form === "packed" ? queries : pick(next, [1, 4, 90]);
  const tensor = (k: number, shape: readonly number[]): Tensor => randomTensor(seed * 20 + k, dtype, shape, -1.5, 1.5);
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
  const [q, k = null, v = null] = operands.map((shape, i) => tensor(i, shape));
  const past = pick(next, [0, 0, 5, 64]);
  const total = past + fresh;
  const maskShape = pick(next, [null, [batches], [2 * batches], [batches, total], [batches, queries, total]]);
  const mask =
    maskShape &&
    (maskShape.length === 1
      ? tensorOf(
          "int32",
          maskShape,
          Array.from({ length: maskShape[0]! }, (_, i) => (i < batches ? total - i : i % 2)),
        )
      : randomTensor(seed + 4, "int32", maskShape, 0, 2));
  const state = { dtype, shape: [batches, heads, total, size] };
  await expectEqual({
    kernel: "MultiHeadAttention",
    inputs: [
      q!,
      k,
      v,
      next() < 0.5 ? tensor(7, [2 * heads * size + heads * valueSize]) : null,
      mask,
      next() < 0.4 ? tensor(8, [pick(next, [1, batches]), pick(next, [1, heads]), queries, total]) : null,
      past === 0 ? null : tensor(9, [batches, heads, past, size]),
      past === 0 ? null : tensor(10, [batches, heads, past, valueSize]),
    ],
    outputs: [
      { dtype, shape: [batches, queries, heads * valueSize] },
      ...(next() < 0.5 ? [state, { dtype, shape: [batches, heads, total, valueSize] }] : [null, null]),
    ],
    scratch: [attendScratch(size, valueSize, total)],
    attrs: { heads, size, valueSize, scale: 1 / Math.sqrt(size), causal: pick(next, [0, 1]), maskFilter: FILTER },
  });
}

/** A random call of Microsoft's GroupQueryAttention. */
async function groupQueryCase(seed: number): Promise<void> {
  const next = random(seed);
  const dtype = pick(next, DTYPES);
  const size = pick(next, [4, 8, 64, 6]);
  const kvHeads = pick(next, [1, 2]);
  const heads = kvHeads * pick(next, [1, 2, 8]);
  const isFirst = next() < 0.4;
  const positions = isFirst ? pick(next, [1, 6, 30]) : pick(next, [1, 1, 3]);
  const batches = isFirst ? pick(next, [1, 2]) : pick(next, [1, 2]);
  const past = isFirst ? 0 : pick(next, [8, 100]);
  const used = isFirst ? positions : past + positions - pick(next, [0, 2]);
  const capacity = Math.max(past, used);
  const tensor = (k: number, shape: readonly number[], low = -1.5): Tensor =>
    randomTensor(seed * 20 + k, dtype, shape, low, 1.5);
  const isPacked = next() < 0.4;
  const lasts = tensorOf(
    "int32",
    [batches],
    Array.from({ length: batches }, (_, b) => used - 1 - (isFirst ? 0 : Math.min(b * 3, used - positions))),
  );
  const rotated = pick(next, [0, size, size - (size % 4) - (size > 4 ? 2 : 0)]);
  const ids = rotated > 0 && next() < 0.4 ? randomTensor(seed, "int64", [batches, positions], 0, capacity) : null;
  const state = { dtype, shape: [batches, kvHeads, capacity, size] };
  await expectEqual({
    kernel: "GroupQueryAttention",
    inputs: [
      tensor(1, [batches, positions, (isPacked ? heads + 2 * kvHeads : heads) * size]),
      isPacked ? null : tensor(2, [batches, positions, kvHeads * size]),
      isPacked ? null : tensor(3, [batches, positions, kvHeads * size]),
      past === 0 ? null : tensor(4, [batches, kvHeads, past, size]),
      past === 0 ? null : tensor(5, [batches, kvHeads, past, size]),
      lasts,
      rotated === 0 ? null : tensor(6, [capacity, rotated / 2]),
      rotated === 0 ? null : tensor(7, [capacity, rotated / 2]),
      ids,
      null,
      next() < 0.3 ? tensor(8, [heads]) : null,
    ],
    outputs: [{ dtype, shape: [batches, positions, heads * size] }, state, state],
    scratch: [
      attendScratch(size, size, capacity),
      ...(rotated === 0 ? [] : [{ dtype, shape: [batches, positions, heads * size] }]),
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
  });
}

/** A random call of Microsoft's Attention. */
async function packedCase(seed: number): Promise<void> {
  const next = random(seed);
  const dtype = pick(next, DTYPES);
  const [size, heads] = [pick(next, [4, 16, 3]), pick(next, [1, 2, 4])];
  const [batches, positions, width] = [pick(next, [1, 2]), pick(next, [1, 5, 33]), pick(next, [7, 16])];
  const past = pick(next, [0, 0, 4]);
  const total = past + positions;
  const hasState = past > 0 || next() < 0.3;
  const valueSize = hasState ? size : pick(next, [size, 8]);
  const columns = heads * (2 * size + valueSize);
  const tensor = (k: number, shape: readonly number[]): Tensor => randomTensor(seed * 20 + k, dtype, shape, -0.8, 0.8);
  await expectEqual({
    kernel: "ContribAttention",
    inputs: [
      tensor(1, [batches, positions, width]),
      tensor(2, [width, columns]),
      next() < 0.7 ? tensor(3, [columns]) : null,
      next() < 0.5 ? randomTensor(seed, "int32", [batches, total], 0, 2) : null,
      past === 0 ? null : tensor(4, [2, batches, heads, past, size]),
      next() < 0.3 ? tensor(5, [batches, heads, positions, total]) : null,
    ],
    outputs: [
      { dtype, shape: [batches, positions, heads * valueSize] },
      hasState ? { dtype, shape: [2, batches, heads, total, size] } : null,
    ],
    scratch: [
      productScratch(batches * positions, columns, width),
      attendScratch(size, valueSize, total),
      { dtype: "float32", shape: [batches, positions, columns] },
    ],
    attrs: { heads, size, valueSize, scale: 1 / Math.sqrt(size), causal: pick(next, [0, 1]), maskFilter: FILTER },
  });
}

/** All seeds up to a number instead: each costs the compilation of two to five shaders. */
const CASES = process.env["STRATA_WGSL_CASES"];

describe("attention", () => {
  // The seeds of the first 60 that together have the most distinct lines of WGSL: more than the first 12 have.
  for (const [name, run, seeds] of [
    ["Attention", attentionCase, [30, 35, 42, 56, 5, 14, 50]],
    ["MultiHeadAttention", multiHeadCase, [13, 39, 37, 27, 7, 8, 38]],
    ["GroupQueryAttention", groupQueryCase, [7, 47, 56, 1, 3, 50, 6]],
    ["Attention of com.microsoft", packedCase, [57, 43, 25, 11, 31, 38, 41]],
  ] as const)
    deviceTest(name, async () => {
      const wanted = CASES === undefined ? seeds : Array.from({ length: Number(CASES) }, (_, i) => i + 1);
      for (const seed of wanted) await run(seed);
    });
});

describe("RotaryEmbedding", () => {
  for (const dtype of ["float32", "float16", "bfloat16"] as const)
    deviceTest(dtype, async () => {
      for (const [isSplit, heads, size, rotated] of [
        [true, 2, 8, 8],
        [false, 3, 8, 4],
        [true, 1, 5, 4],
        [false, 2, 64, 64],
      ] as const)
        for (const [interleaved, ids] of share(dtype, [
          [0, "none"],
          [1, "each"],
          [0, "first"],
          [1, "none"],
          [0, "each"],
          [1, "first"],
        ] as const)) {
          const [batches, positions] = [2, 5];
          const x = randomTensor(
            1,
            dtype,
            isSplit ? [batches, heads, positions, size] : [batches, positions, heads * size],
          );
          const cacheShape = ids === "none" ? [batches, positions, rotated / 2] : [11, rotated / 2];
          const caches = [2, 3].map((k) => randomTensor(k, dtype, cacheShape, -1, 1));
          const places =
            ids === "each"
              ? randomTensor(4, "int64", [batches, positions], 0, 11)
              : ids === "first"
                ? tensorOf("int64", [1], [6])
                : null;
          await expectEqual({
            kernel: "RotaryEmbedding",
            inputs: [x, ...caches, places],
            outputs: [x],
            attrs: { heads, rotated, interleaved, offsetIds: ids === "first" ? 1 : 0 },
          });
        }
    });
});
