/** Data movement of every type of whole words against the reference kernels. */
import { assert, integer, property } from "fast-check";
import { expect, test } from "vitest";
import type { DType } from "../../../ir/dtype.ts";
import { tensorOf as numbers } from "../../../kernels/access.ts";
import { checkOwn, pick, random, randomTensor } from "./check-own.test-util.ts";
import { ownStep } from "./steps.ts";

const DTYPES: readonly DType[] = ["float32", "int32", "int64", "float64"];

/** Runs `one` on a random shape of some rank; dims of 0 now and then. */
const everywhere = (one: (next: () => number, shape: number[], dtype: DType) => void): void =>
  assert(
    property(integer({ min: 0, max: 2 ** 30 }), (seed) => {
      const next = random(seed);
      const shape = Array.from({ length: 1 + Math.floor(next() * 6) }, () => pick(next, [1, 1, 2, 3, 4, 5, 8]));
      if (next() < 0.05) shape[Math.floor(next() * shape.length)] = 0;
      one(next, shape, pick(next, DTYPES));
    }),
    { numRuns: 200 },
  );

const tensorOf = (next: () => number, dtype: DType, shape: readonly number[]) =>
  randomTensor(next, dtype, shape, [-100, 100]);

test("Concat", () =>
  everywhere((next, shape, dtype) => {
    const axis = Math.floor(next() * shape.length);
    const parts = Array.from({ length: 1 + Math.floor(next() * 3) }, () => pick(next, [0, 1, 3, 4]));
    const of = (size: number): number[] => shape.with(axis, size);
    checkOwn({
      kernel: "Concat",
      inputs: parts.map((size) => tensorOf(next, dtype, of(size))),
      outputs: [{ dtype, shape: of(parts.reduce((sum, size) => sum + size, 0)) }],
      attrs: { axis },
    });
  }));

test("Split", () =>
  everywhere((next, shape, dtype) => {
    const axis = Math.floor(next() * shape.length);
    const parts = Array.from({ length: 1 + Math.floor(next() * 3) }, () => pick(next, [0, 1, 3, 4]));
    const of = (size: number): number[] => shape.with(axis, size);
    checkOwn({
      kernel: "Split",
      inputs: [tensorOf(next, dtype, of(parts.reduce((sum, size) => sum + size, 0)))],
      outputs: parts.map((size) => (next() < 0.1 ? null : { dtype, shape: of(size) })),
      attrs: { axis, starts: parts.map((_, i) => parts.slice(0, i).reduce((sum, size) => sum + size, 0)) },
    });
  }));

test("Slice, backwards too", () =>
  everywhere((next, shape, dtype) => {
    const steps = shape.map(() => pick(next, [1, 1, 2, -1, -2]));
    const counts = shape.map((dim, d) => Math.floor(next() * (Math.ceil(dim / Math.abs(steps[d]!)) + 1)));
    const starts = shape.map((dim, d) => {
      const free = dim - 1 - Math.max(0, counts[d]! - 1) * Math.abs(steps[d]!);
      const first = Math.max(0, Math.floor(next() * (free + 1)));
      return steps[d]! > 0 ? first : Math.max(0, dim - 1 - first);
    });
    checkOwn({
      kernel: "Slice",
      inputs: [tensorOf(next, dtype, shape)],
      outputs: [{ dtype, shape: counts }],
      attrs: { starts, steps },
    });
  }));

test("Expand", () =>
  everywhere((next, shape, dtype) => {
    const own = shape.map((dim) => (next() < 0.4 ? 1 : dim)).slice(Math.floor(next() * shape.length));
    checkOwn({
      kernel: "Expand",
      inputs: [tensorOf(next, dtype, own)],
      outputs: [{ dtype, shape }],
      attrs: {},
    });
  }));

test("Transpose, of what TensorFlow.js has no kernel for", () =>
  everywhere((next, shape, dtype) => {
    const perm = shape.map((_, d) => [next(), d] as const).sort(([a], [b]) => a - b);
    if (dtype === "float32" && shape.length < 5) return;
    const order = perm.map(([, d]) => d);
    checkOwn({
      kernel: "Transpose",
      inputs: [tensorOf(next, dtype, shape)],
      outputs: [{ dtype, shape: order.map((d) => shape[d]!) }],
      attrs: { perm: order },
    });
  }));

const INDICES: readonly DType[] = ["int32", "int64"];

test("Gather, with an index outside now and then", () => {
  let refused = 0;
  everywhere((next, shape, dtype) => {
    const axis = Math.floor(next() * shape.length);
    const size = shape[axis]!;
    const places = pick(next, [[], [1], [5], [2, 3], [0]]);
    const spill = next() < 0.1 ? 1 : 0;
    const message = checkOwn({
      kernel: "Gather",
      inputs: [
        tensorOf(next, dtype, shape),
        randomTensor(next, pick(next, INDICES), places, [-size - spill, size + spill]),
      ],
      outputs: [{ dtype, shape: [...shape.slice(0, axis), ...places, ...shape.slice(axis + 1)] }],
      attrs: { axis },
    });
    if (message !== undefined) refused++;
  });
  expect(refused).toBeGreaterThan(0);
});

test("GatherElements, with an index outside now and then", () => {
  let refused = 0;
  everywhere((next, shape, dtype) => {
    const axis = Math.floor(next() * shape.length);
    const size = shape[axis]!;
    const places = shape.map((dim, d) => (d === axis ? pick(next, [0, 1, 3, 7]) : Math.ceil(dim * next())));
    const spill = next() < 0.1 ? 2 : 0;
    const message = checkOwn({
      kernel: "GatherElements",
      inputs: [
        tensorOf(next, dtype, shape),
        randomTensor(next, pick(next, INDICES), places, [-size - spill, size + spill]),
      ],
      outputs: [{ dtype, shape: places }],
      attrs: { axis },
    });
    if (message !== undefined) refused++;
  });
  expect(refused).toBeGreaterThan(0);
});

test("an index of more than 32 bits is refused with its value", () => {
  const message = checkOwn({
    kernel: "Gather",
    inputs: [randomTensor(random(1), "float32", [3, 2]), numbers("int64", [2], [2, 2 ** 40 + 1])],
    outputs: [{ dtype: "float32", shape: [2, 2] }],
    attrs: { axis: 0 },
  });
  expect(message).toContain(String(2 ** 40 + 1));
});

test("types of less than a word stay with the reference kernel", () => {
  for (const dtype of ["float16", "bool", "int4"] as const) {
    const type = { dtype, shape: [4] };
    const attrs = new Map([["axis", 0]]);
    expect(ownStep("Concat", { inputs: [type], outputs: [type], attrs })).toBeUndefined();
  }
});
