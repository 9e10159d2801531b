/** Attention in all its forms against the reference kernels. */
import { assert, integer, property } from "fast-check";
import { expect, test } from "vitest";
import { tensorOf } from "../../../kernels/access.ts";
import { attendScratch } from "../../../kernels/attention-core.ts";
import type { Tensor } from "../../../kernels/types.ts";
import { checkOwn, pick, random, randomTensor } from "./check-own.test-util.ts";
import { ownStep } from "./steps.ts";

const SIZES = [4, 8, 64, 1, 3, 6, 10] as const;

/** A random call of ONNX's Attention. */
function attentionCase(seed: number): void {
  const next = random(seed);
  const [size, valueSize] = [pick(next, SIZES), pick(next, SIZES)];
  const kvHeads = pick(next, [1, 2, 3]);
  const heads = kvHeads * pick(next, [1, 2, 4]);
  const batches = pick(next, [1, 2]);
  const queries = pick(next, [1, 2, 3, 4, 7, 17]);
  const fresh = pick(next, [1, 2, 5, 16, 70]);
  const isSplit = next() < 0.5;
  const rows = (count: number, length: number, width: number): Tensor =>
    randomTensor(
      next,
      "float32",
      isSplit ? [batches, count, length, width] : [batches, length, count * width],
      [-1.5, 1.5],
    );
  const past = pick(next, [0, 0, 3, 33]);
  const total = past + fresh;
  const state = (width: number): Tensor | null =>
    past === 0 ? null : randomTensor(next, "float32", [batches, kvHeads, past, width]);
  const lengths = past === 0 && next() < 0.4 ? randomTensor(next, "int64", [batches], [0, total + 2]) : null;
  const maskShape = pick(next, [
    null,
    [total],
    [queries, total],
    [batches, 1, queries, total],
    [heads, queries, total],
    [1, heads, 1, total],
    [queries, Math.ceil(total / 2)],
  ]);
  const mask =
    maskShape &&
    (next() < 0.5
      ? randomTensor(next, "bool", maskShape, [0, 2])
      : randomTensor(next, "float32", maskShape, [-3, 3], pick(next, [[-Infinity], [-1e4], [-3.4e38], [NaN], []])));
  const type = (count: number, length: number, width: number) =>
    ({ dtype: "float32", shape: [batches, count, length, width] }) as const;
  const wantsState = next() < 0.6;
  checkOwn(
    {
      kernel: "Attention",
      inputs: [
        rows(heads, queries, size),
        rows(kvHeads, fresh, size),
        rows(kvHeads, fresh, valueSize),
        mask,
        state(size),
        state(valueSize),
        lengths,
      ],
      outputs: [
        {
          dtype: "float32",
          shape: isSplit ? [batches, heads, queries, valueSize] : [batches, queries, heads * valueSize],
        },
        wantsState ? type(kvHeads, total, size) : null,
        wantsState && next() < 0.5 ? type(kvHeads, total, valueSize) : null,
        null,
      ],
      scratch: [attendScratch(size, valueSize, total)],
      attrs: {
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
      },
    },
    4e-6,
    4e-6,
  );
}

test("ONNX's Attention: masks, windows, caches, groups of heads", () => {
  assert(property(integer({ min: 0, max: 2 ** 30 }), attentionCase), { numRuns: 400 });
});

test("a query that may see no key gets zeros, one that NaN touches gets NaN", () => {
  const next = random(1);
  const mask = tensorOf("float32", [3, 2], [-Infinity, -Infinity, 0, -Infinity, NaN, 0]);
  const one = (): Tensor => randomTensor(next, "float32", [1, 1, 3, 4]);
  const two = (): Tensor => randomTensor(next, "float32", [1, 1, 2, 4]);
  const attrs = { heads: 1, kvHeads: 1, size: 4, valueSize: 4, scale: 1, softcap: 0, causal: 0, left: -1, right: -1 };
  checkOwn({
    kernel: "Attention",
    inputs: [one(), two(), two(), mask, null, null, null],
    outputs: [{ dtype: "float32", shape: [1, 1, 3, 4] }, null, null, null],
    scratch: [attendScratch(4, 4, 2)],
    attrs,
  });
});

test("what our kernel leaves to the reference kernel", () => {
  const q = { dtype: "float32", shape: [1, 1, 3, 4] } as const;
  const half = { dtype: "float16", shape: [1, 1, 3, 4] } as const;
  const attrs = new Map(
    Object.entries({
      heads: 1,
      kvHeads: 1,
      size: 4,
      valueSize: 4,
      scale: 1,
      softcap: 0,
      causal: 0,
      left: -1,
      right: -1,
    }),
  );
  const call = { inputs: [q, q, q], outputs: [q, null, null, null], attrs };
  expect(ownStep("Attention", call)).toBeDefined();
  expect(ownStep("Attention", { ...call, inputs: [half, half, half], outputs: [half] })).toBeUndefined();
  expect(ownStep("Attention", { ...call, outputs: [q, null, null, q] })).toBeUndefined();
  const empty = { dtype: "float32", shape: [1, 1, 0, 4] } as const;
  expect(ownStep("Attention", { ...call, inputs: [q, empty, empty] })).toBeUndefined();
});
