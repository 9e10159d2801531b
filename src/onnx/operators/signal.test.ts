import { describe, expect, test } from "vitest";
import { tensorOf } from "../../kernels/access.ts";
import type { Tensor } from "../../kernels/types.ts";
import { differsFromRuntime, randomTensor, runOperator, type OperatorCase } from "./runtime-differential.test-util.ts";

const int = (x: number): Tensor => tensorOf("int64", [], [x]);
const dft = (
  shape: readonly number[],
  length: number | null,
  axis: number,
  ints: OperatorCase["ints"] = {},
): OperatorCase => ({
  op: "DFT",
  opset: 20,
  ints: ints ?? {},
  inputs: [randomTensor(shape, 1), length === null ? null : int(length), int(axis)],
  outputs: ["float32"],
});

/** The definition, summed in double. */
function naive(signal: readonly (readonly [number, number])[], inverse: boolean): [number, number][] {
  const size = signal.length;
  return signal.map((_, k) => {
    let [re, im] = [0, 0];
    signal.forEach(([x, y], n) => {
      const angle = ((inverse ? 2 : -2) * Math.PI * k * n) / size;
      re += x * Math.cos(angle) - y * Math.sin(angle);
      im += x * Math.sin(angle) + y * Math.cos(angle);
    });
    return inverse ? [re / size, im / size] : [re, im];
  });
}

describe("DFT is its definition at any length", () => {
  test.each([1, 2, 3, 4, 7, 12, 30, 49, 64, 97, 210])("%i", async (length) => {
    for (const inverse of [0, 1]) {
      const operator = dft([length, 2], null, 0, { inverse });
      const data = operator.inputs[0]!.data;
      const expected = naive(
        Array.from({ length }, (_, i) => [Number(data[2 * i]), Number(data[2 * i + 1])] as const),
        inverse === 1,
      ).flat();
      const [result] = await runOperator(operator);
      expected.forEach((value, i) => expect(Number(result!.data[i])).toBeCloseTo(value, 4));
    }
  });
});

describe("DFT and STFT agree with ONNX Runtime", () => {
  test.each([
    ["a middle axis", dft([2, 6, 3, 1], null, 1)],
    ["a complex signal", dft([2, 6, 3, 2], null, 2)],
    ["padded", dft([2, 6, 1], 9, 1)],
    ["cut", dft([2, 6, 1], 4, 1)],
    ["one-sided", dft([2, 7, 1], null, 1, { onesided: 1 })],
    ["inverse", dft([2, 8, 2], null, 1, { inverse: 1 })],
  ] as const)("%s", async (_, operator) => {
    expect(await differsFromRuntime(operator)).toBeUndefined();
  });

  test.each([
    [
      "onesided",
      { ints: { onesided: 1 }, inputs: [randomTensor([2, 20, 1], 1), int(4), randomTensor([8], 2), int(8)] },
    ],
    ["two-sided", { ints: { onesided: 0 }, inputs: [randomTensor([1, 17, 1], 1), int(3), randomTensor([6], 2), null] }],
  ] as const)("STFT %s", async (_, rest) => {
    expect(await differsFromRuntime({ op: "STFT", ...rest, outputs: ["float32"] })).toBeUndefined();
  });
});

test.each([8, 9])("the inverse of a one-sided transform of %i samples is the signal", async (length) => {
  const forward = dft([3, length, 1], null, 1, { onesided: 1 });
  const [spectrum] = await runOperator(forward);
  const [signal] = await runOperator({
    ...dft([1], length, 1, { onesided: 1, inverse: 1 }),
    inputs: [spectrum!, int(length), int(1)],
  });
  expect(signal!.shape).toEqual([3, length, 1]);
  forward.inputs[0]!.data.forEach((value, i) => expect(Number(signal!.data[i])).toBeCloseTo(Number(value), 5));
});

describe("windows agree with ONNX Runtime", () => {
  test.each(
    ["HannWindow", "HammingWindow", "BlackmanWindow"].flatMap((op) =>
      [0, 1].map((periodic) => [op, periodic] as const),
    ),
  )("%s periodic %i", async (op, periodic) => {
    expect(
      await differsFromRuntime({ op, ints: { periodic }, inputs: [int(11)], outputs: ["float32"] }),
    ).toBeUndefined();
  });

  test("a window of one sample is its peak", async () => {
    const [window] = await runOperator({
      op: "HannWindow",
      ints: { periodic: 0 },
      inputs: [int(1)],
      outputs: ["float32"],
    });
    expect(window!.data[0]).toBe(1);
  });
});

test("MelWeightMatrix agrees with ONNX Runtime", async () => {
  const inputs = [int(8), int(64), int(8000), tensorOf("float32", [], [10]), tensorOf("float32", [], [3900])];
  expect(await differsFromRuntime({ op: "MelWeightMatrix", inputs, outputs: ["float32"] })).toBeUndefined();
});

test.each([
  ["the last axis", dft([4, 1], null, 1), /real and imaginary/],
  ["a one-sided transform of a complex signal", dft([4, 2], null, 0, { onesided: 1 }), /real signal/],
  ["no length", dft([4, 2], 0, 0), /must be positive/],
  [
    "frames longer than the signal",
    { op: "STFT", inputs: [randomTensor([1, 4, 1], 1), int(1), null, int(5)], outputs: ["float32"] },
    /do not fit/,
  ],
  [
    "a window that is no frame",
    { op: "STFT", inputs: [randomTensor([1, 9, 1], 1), int(1), randomTensor([3], 1), int(5)], outputs: ["float32"] },
    /window of 3/,
  ],
] satisfies readonly (readonly [string, OperatorCase, RegExp])[])("%s is refused", async (_, operator, message) => {
  await expect(runOperator(operator)).rejects.toThrow(message);
});
