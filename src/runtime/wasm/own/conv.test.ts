/** Channels-first convolutions of any rank against the reference kernel. */
import { assert, integer, property } from "fast-check";
import { expect, test } from "vitest";
import { checkOwn, pick, random, randomTensor } from "./check-own.test-util.ts";
import { ownStep } from "./steps.ts";

/** A random convolution; `rank` spatial dims. */
function convolution(seed: number, rank: number): void {
  const next = random(seed);
  const each = <T>(items: readonly T[]): T[] => Array.from({ length: rank }, () => pick(next, items));
  const [group, depth, filters] = [pick(next, [1, 1, 2, 3]), pick(next, [1, 2, 5, 300]), pick(next, [1, 2, 4, 7])];
  const deep = depth === 300 && rank > 1 ? 5 : depth;
  const input = each(rank === 1 ? [1, 2, 7, 30, 131] : rank === 2 ? [1, 4, 9, 14] : [1, 3, 5]);
  const kernel = each([1, 1, 2, 3, 5]);
  const strides = each([1, 1, 2, 3]);
  const dilations = each([1, 1, 2]);
  const pads = [...each([0, 1, 2, 4]), ...each([0, 1, 2, 4])];
  const output = input.map(
    (size, d) =>
      Math.floor((size + pads[d]! + pads[d + rank]! - (kernel[d]! - 1) * dilations[d]! - 1) / strides[d]!) + 1,
  );
  if (output.some((size) => size < 1)) return;
  const batch = pick(next, [1, 2]);
  const made = group * filters;
  const small = 1 / Math.sqrt(deep * kernel.reduce((product, size) => product * size, 1));
  checkOwn(
    {
      kernel: "Conv",
      inputs: [
        randomTensor(next, "float32", [batch, group * deep, ...input]),
        randomTensor(next, "float32", [made, deep, ...kernel], [-small, small]),
        next() < 0.5 ? randomTensor(next, "float32", [made]) : null,
      ],
      outputs: [{ dtype: "float32", shape: [batch, made, ...output] }],
      attrs: { strides, pads, dilations, group },
    },
    2e-6,
    5e-6,
  );
}

test.each([1, 2, 3])("%d spatial dims", (rank) => {
  assert(
    property(integer({ min: 0, max: 2 ** 30 }), (seed) => convolution(seed, rank)),
    { numRuns: 150 },
  );
});

test("planes of more than one panel", () => {
  const next = random(1);
  for (const [shape, filter, strides, out] of [
    [
      [1, 40, 3, 500],
      [3, 40, 1, 3],
      [1, 1],
      [1, 3, 3, 500],
    ],
    [[1, 40, 700], [6, 40, 7], [2], [1, 6, 350]],
  ] as const)
    checkOwn(
      {
        kernel: "Conv",
        inputs: [randomTensor(next, "float32", shape), randomTensor(next, "float32", filter, [-0.1, 0.1]), null],
        outputs: [{ dtype: "float32", shape: out }],
        attrs: {
          strides,
          pads: shape.length === 4 ? [0, 1, 0, 1] : [3, 3],
          dilations: strides.map(() => 1),
          group: 1,
        },
      },
      2e-6,
      5e-6,
    );
});

test("other types stay with the reference kernel", () => {
  const type = { dtype: "float16", shape: [1, 1, 4] } as const;
  const attrs = new Map(Object.entries({ strides: [1], pads: [0, 0], dilations: [1], group: 1 }));
  expect(ownStep("Conv", { inputs: [type, type, null], outputs: [type], attrs })).toBeUndefined();
});
