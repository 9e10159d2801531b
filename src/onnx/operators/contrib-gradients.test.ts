import { describe, expect, test } from "vitest";
import { tensorOf, toNumbers } from "../../kernels/access.ts";
import type { Tensor } from "../../kernels/types.ts";
import { randomTensor, runOperator, type OperatorCase } from "./runtime-differential.test-util.ts";

const domain = "com.microsoft";
const f64 = (shape: readonly number[], seed: number): Tensor => randomTensor(shape, seed, "float64");
const ints = (values: readonly number[]): Tensor => tensorOf("int64", [values.length], values);
const dot = (a: Tensor, b: Tensor): number => toNumbers(b).reduce((sum, value, i) => sum + value * toNumbers(a)[i]!, 0);

/** Central differences of `of` at x. */
async function slopes(x: Tensor, of: (x: Tensor) => Promise<number>): Promise<number[]> {
  const values = toNumbers(x);
  const step = 1e-5;
  const result: number[] = [];
  for (const [i, value] of values.entries()) {
    const above = await of(tensorOf("float64", x.shape, values.with(i, value + step)));
    const below = await of(tensorOf("float64", x.shape, values.with(i, value - step)));
    result.push((above - below) / (2 * step));
  }
  return result;
}

const expectClose = (actual: Tensor, expected: readonly number[]): void =>
  toNumbers(actual).forEach((value, i) => expect(value).toBeCloseTo(expected[i]!, 6));

const softmax = (x: Tensor, axis: number, log: boolean): Tensor => {
  const { shape } = x;
  const inner = shape.slice(axis + 1).reduce((a, b) => a * b, 1);
  const size = shape[axis]!;
  const values = toNumbers(x);
  const sums = (i: number): number => {
    const base = i - (Math.floor(i / inner) % size) * inner;
    return Array.from({ length: size }, (_, k) => Math.exp(values[base + k * inner]!)).reduce((a, b) => a + b, 0);
  };
  return tensorOf(
    "float64",
    shape,
    values.map((value, i) => (log ? value - Math.log(sums(i)) : Math.exp(value) / sums(i))),
  );
};

/** Rows of five, normalised, with their statistics. */
const normal = (at: Tensor): { y: number[]; mean: number[]; inverse: number[] } => {
  const values = toNumbers(at);
  const rows = [0, 1, 2].map((r) => values.slice(5 * r, 5 * r + 5));
  const mean = rows.map((row) => row.reduce((a, b) => a + b, 0) / 5);
  const inverse = rows.map((row, r) => 1 / Math.sqrt(row.reduce((a, b) => a + (b - mean[r]!) ** 2, 0) / 5));
  return {
    y: values.map((value, i) => (value - mean[Math.floor(i / 5)]!) * inverse[Math.floor(i / 5)]!),
    mean,
    inverse,
  };
};

describe("gradients are the slopes of what they differentiate", () => {
  test.each([
    ["SoftmaxGrad_13", 1, false],
    ["SoftmaxGrad_13", -1, false],
    ["LogSoftmaxGrad_13", 0, true],
  ] as const)("%s along %i", async (op, axis, log) => {
    const [x, dy] = [f64([2, 3, 4], 1), f64([2, 3, 4], 2)];
    const forward = (at: Tensor): Tensor => softmax(at, axis < 0 ? axis + 3 : axis, log);
    const [dx] = await runOperator({ op, domain, ints: { axis }, inputs: [dy, forward(x)], outputs: ["float64"] });
    expectClose(dx!, await slopes(x, async (at) => dot(dy, forward(at))));
  });

  test("LayerNormalizationGrad", async () => {
    const [x, scale, dy] = [f64([3, 5], 1), f64([5], 2), f64([3, 5], 3)];
    const { mean, inverse } = normal(x);
    const inputs = [dy, x, scale, tensorOf("float64", [3, 1], mean), tensorOf("float64", [3, 1], inverse)];
    const [dx, dScale, dBias] = await runOperator({
      op: "LayerNormalizationGrad",
      domain,
      inputs,
      outputs: ["float64", "float64", "float64"],
    });
    const output = (at: Tensor, by: Tensor): number =>
      normal(at).y.reduce((sum, value, i) => sum + value * toNumbers(by)[i % 5]! * toNumbers(dy)[i]!, 0);
    expectClose(dx!, await slopes(x, async (at) => output(at, scale)));
    expectClose(dScale!, await slopes(scale, async (by) => output(x, by)));
    expectClose(
      dBias!,
      Array.from({ length: 5 }, (_, i) => [0, 1, 2].reduce((sum, r) => sum + toNumbers(dy)[5 * r + i]!, 0)),
    );
  });

  test.each(["mean", "sum"])("SoftmaxCrossEntropyLossInternalGrad, %s", async (reduction) => {
    const [scores, weights] = [f64([3, 4, 2], 1), tensorOf("float64", [4], [0.5, 1, 2, 1])];
    const labels = tensorOf("int64", [3, 2], [0, 3, 1, 2, -1, 2]);
    const ignored = tensorOf("int64", [], [-1]);
    const forward = (at: Tensor): OperatorCase => ({
      op: "SoftmaxCrossEntropyLossInternal",
      domain,
      strings: { reduction },
      inputs: [at, labels, weights, ignored],
      outputs: ["float64", "float64"],
    });
    const [, logs] = await runOperator(forward(scores));
    const backward = {
      op: "SoftmaxCrossEntropyLossInternalGrad",
      domain,
      strings: { reduction },
      outputs: ["float64"] as const,
    };
    const [dx] = await runOperator({
      ...backward,
      inputs: [tensorOf("float64", [], [2]), logs!, labels, weights, ignored],
    });
    expectClose(dx!, await slopes(scores, async (at) => 2 * toNumbers((await runOperator(forward(at)))[0]!)[0]!));
  });
});

test("SliceGrad puts the gradient back where the slice was", async () => {
  const dy = f64([2, 2], 1);
  const inputs = [dy, ints([4, 5]), ints([-1, 1]), ints([-5, 5]), ints([0, 1]), ints([-2, 2])];
  const [dx] = await runOperator({ op: "SliceGrad", domain, inputs, outputs: ["float64"] });
  const [a, b, c, d] = toNumbers(dy) as [number, number, number, number];
  expect(toNumbers(dx!)).toEqual([0, 0, 0, 0, 0, 0, c, 0, d, 0, 0, 0, 0, 0, 0, 0, a, 0, b, 0]);
});

test("ConcatTraining joins and tells the lengths", async () => {
  const [a, b] = [tensorOf("int64", [2, 1], [1, 2]), tensorOf("int64", [2, 2], [3, 4, 2 ** 53, 6])];
  const [y, lengths] = await runOperator({
    op: "ConcatTraining",
    domain,
    ints: { axis: 1 },
    inputs: [a, b],
    outputs: ["int64", "int64"],
  });
  expect(y!.shape).toEqual([2, 3]);
  expect([...(y!.data as BigInt64Array)]).toEqual([1n, 3n, 4n, 2n, 2n ** 53n, 6n]);
  expect([...(lengths!.data as BigInt64Array)]).toEqual([1n, 2n]);
});

test.each([
  [false, [11, 22]],
  [true, [10, 20]],
] as const)("InPlaceAccumulatorV2, overwriting %s", async (overwrite, expected) => {
  const inputs = [
    tensorOf("float32", [2], [1, 2]),
    tensorOf("float32", [2], [10, 20]),
    tensorOf("bool", [1], [Number(overwrite)]),
  ];
  const [updated, sum] = await runOperator({
    op: "InPlaceAccumulatorV2",
    domain,
    inputs,
    outputs: ["bool", "float32"],
  });
  expect(toNumbers(updated!)).toEqual([1]);
  expect(toNumbers(sum!)).toEqual(expected);
});

test("BroadcastGradientArgs names the axes that were broadcast, last to first", async () => {
  const operator = { op: "BroadcastGradientArgs", domain, outputs: ["int64", "int64"] as const };
  const [a, b] = await runOperator({ ...operator, inputs: [ints([2, 16, 1024, 1]), ints([1, 1024, 8])] });
  expect(toNumbers(a!)).toEqual([3]);
  expect(toNumbers(b!)).toEqual([1, 0]);
});

test("a label outside the classes is bad data", async () => {
  const inputs = [f64([2, 3], 1), tensorOf("int64", [2], [0, 3])];
  await expect(
    runOperator({ op: "SoftmaxCrossEntropyLossInternal", domain, inputs, outputs: ["float64"] }),
  ).rejects.toThrow(/label 3/);
});
