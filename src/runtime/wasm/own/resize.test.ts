/** Nearest resizes against the reference kernel. */
import { assert, integer, property } from "fast-check";
import { expect, test } from "vitest";
import { checkOwn, pick, random, randomTensor } from "./check-own.test-util.ts";
import { ownStep } from "./steps.ts";

const attrsOf = (scales: readonly number[]) => ({
  scales,
  roi: scales.flatMap(() => [0, 0]),
  mode: "nearest",
  coordinates: "half_pixel",
  nearest: "round_prefer_floor",
  cubic_a: -0.75,
  exclude_outside: false,
  antialias: false,
  extrapolation: 0,
});

test("up and down, in any dims and by any rule", () => {
  assert(
    property(integer({ min: 0, max: 2 ** 30 }), (seed) => {
      const next = random(seed);
      const shape = Array.from({ length: 1 + Math.floor(next() * 4) }, () => pick(next, [1, 2, 3, 5, 8, 9]));
      const scales = shape.map(() => pick(next, [1, 1, 2, 3, 0.5, 1.7]));
      const output = shape.map((dim, d) => Math.max(1, Math.floor(dim * scales[d]!)));
      checkOwn({
        kernel: "Resize",
        inputs: [randomTensor(next, "float32", shape)],
        outputs: [{ dtype: "float32", shape: output }],
        attrs: {
          ...attrsOf(scales),
          coordinates: pick(next, ["asymmetric", "half_pixel", "align_corners", "pytorch_half_pixel"]),
          nearest: pick(next, ["round_prefer_floor", "round_prefer_ceil", "floor", "ceil"]),
        },
      });
    }),
    { numRuns: 300 },
  );
});

test("what weighs neighbours, or looks outside, stays with the reference kernel", () => {
  const type = { dtype: "float32", shape: [4] } as const;
  const of = (more: object) =>
    ownStep("Resize", {
      inputs: [type],
      outputs: [{ dtype: "float32", shape: [8] }],
      attrs: new Map(Object.entries({ ...attrsOf([2]), ...more })),
    });
  expect(of({})).toBeDefined();
  expect(of({ mode: "linear" })).toBeUndefined();
  expect(of({ coordinates: "tf_crop_and_resize", roi: [-1, 2] })).toBeUndefined();
});
