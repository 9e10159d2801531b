/** Softmax along an axis that is not the last against the reference kernel. */
import { assert, integer, property } from "fast-check";
import { test } from "vitest";
import { checkOwn, pick, random, randomTensor } from "./check-own.test-util.ts";

test("any axis but the last, with infinities and NaNs among what is normalised", () => {
  assert(
    property(integer({ min: 0, max: 2 ** 30 }), (seed) => {
      const next = random(seed);
      const [outer, count, inner] = [
        pick(next, [1, 2, 5]),
        pick(next, [1, 2, 3, 4, 9, 131]),
        pick(next, [2, 3, 4, 18]),
      ];
      const special = pick(next, [[], [], [-Infinity], [Infinity], [NaN, 1e30], [-1e30, -200]]);
      checkOwn({
        kernel: "Softmax",
        inputs: [
          randomTensor(
            next,
            "float32",
            [outer, count, inner],
            pick(next, [
              [-1, 1],
              [-90, 90],
            ] as const),
            special,
          ),
        ],
        outputs: [{ dtype: "float32", shape: [outer, count, inner] }],
        attrs: { axis: 1, count, inner },
        ...(next() < 0.5 ? { over: 0 } : {}),
      });
    }),
    { numRuns: 400 },
  );
});
