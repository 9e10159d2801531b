/** Functions of single elements and reductions against the reference kernels, infinities and NaNs among them. */
import { assert, integer, property } from "fast-check";
import { test } from "vitest";
import { tensorOf } from "../../../kernels/access.ts";
import { checkOwn, pick, random, randomTensor } from "./check-own.test-util.ts";

const SPECIAL = [[], [Infinity, -Infinity, NaN], [0, -0], [1e30, -1e30, 1e-30], [-200, -95, 95, 88.5, -88.5]] as const;

const holds = (run: (next: () => number) => void): void =>
  assert(
    property(integer({ min: 0, max: 2 ** 30 }), (seed) => run(random(seed))),
    { numRuns: 200 },
  );

test.each(["Exp", "Neg", "Abs", "Sqrt", "Reciprocal"])("%s", (kernel) =>
  holds((next) => {
    const shape = [pick(next, [1, 3]), pick(next, [1, 2, 3, 4, 7, 130])];
    const x = randomTensor(
      next,
      "float32",
      shape,
      pick(next, [
        [-1, 1],
        [-90, 90],
      ] as const),
      pick(next, SPECIAL),
    );
    checkOwn({ kernel, inputs: [x], outputs: [x], attrs: {}, ...(next() < 0.5 ? { over: 0 } : {}) });
  }),
);

test("Pow with one exponent", () =>
  holds((next) => {
    const x = randomTensor(
      next,
      "float32",
      [2, pick(next, [1, 3, 8, 33])],
      [-3, 3],
      [0, 1, -1, NaN, Infinity, -Infinity],
    );
    const exponent = tensorOf("float32", pick(next, [[], [1]]), [pick(next, [2, 3, 0.5, -1, 0, Infinity, NaN])]);
    checkOwn({ kernel: "Pow", inputs: [x, exponent], outputs: [x], attrs: {}, ...(next() < 0.5 ? { over: 0 } : {}) });
  }));

test.each(["ReduceSum", "ReduceMean", "ReduceMax", "ReduceMin"])("%s over dims that lie together", (kernel) =>
  holds((next) => {
    const shape = Array.from({ length: 1 + Math.floor(next() * 4) }, () => pick(next, [1, 2, 3, 4, 5, 8, 19]));
    const first = Math.floor(next() * shape.length);
    const end = first + Math.floor(next() * (shape.length + 1 - first));
    const axes = shape.map((_, d) => d).filter((d) => (d >= first && d < end) || (shape[d] === 1 && next() < 0.3));
    checkOwn(
      {
        kernel,
        inputs: [
          randomTensor(next, "float32", shape, [-1, 1], pick(next, [[], [], [Infinity], [NaN], [-Infinity, 3]])),
        ],
        outputs: [{ dtype: "float32", shape: shape.map((dim, d) => (axes.includes(d) ? 1 : dim)) }],
        attrs: { axes },
      },
      2e-6,
      1e-5,
    );
  }),
);
