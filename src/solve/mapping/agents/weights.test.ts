import * as fc from "fast-check";
import { expect, test } from "vitest";
import { initialParameters, networkOn, parameterCount, SHAPES } from "./network.ts";
import { decodeWeights, encodeWeights, fromHalf, toHalf, type WeightsHeader } from "./weights.ts";

const header: WeightsHeader = {
  format: "strata-mapper",
  featureVersion: 1,
  shapes: SHAPES,
  sha256: "",
  seed: 0,
  training: { steps: 0, imitationSteps: 0, batch: 1, games: [], log: [] },
};

test("every half-precision number survives", () => {
  const lost: number[] = [];
  for (let half = 0; half < 65536; half++) {
    const x = fromHalf(half);
    if (!Number.isNaN(x) && toHalf(x) !== half) lost.push(half);
  }
  expect(lost).toEqual([]);
});

test("numbers go to a nearest half-precision one", () => {
  fc.assert(
    fc.property(fc.float({ min: -1000, max: 1000, noNaN: true }), (x) => {
      const half = toHalf(x);
      const error = Math.abs(fromHalf(half) - x);
      for (const other of [half - 1, half + 1])
        if (other >= 0 && other < 65536 && Number.isFinite(fromHalf(other)))
          expect(error).toBeLessThanOrEqual(Math.abs(fromHalf(other) - x));
    }),
  );
});

test("weights come back to half precision, and files that don't fit are refused", () => {
  const flat = initialParameters(3);
  const bytes = encodeWeights(flat);
  expect(bytes.length).toBe(2 * parameterCount());
  expect(bytes.length).toBeLessThan(200_000);
  const { parameters } = decodeWeights(header, bytes, "it");
  const { torso1 } = networkOn(flat).parameters;
  const error = torso1.reduce(
    (most, x, k) => Math.max(most, Math.abs(parameters.torso1[k]! - x) / (Math.abs(x) + 1e-4)),
    0,
  );
  expect(error).toBeLessThan(1 / 1024);
  expect(() => decodeWeights({ ...header, featureVersion: 0 }, bytes, "it")).toThrow("features have version 0");
  expect(() => decodeWeights({ ...header, shapes: { ...SHAPES, next: [1, 2] } }, bytes, "it")).toThrow("next is 1 x 2");
  expect(() => decodeWeights(header, bytes.subarray(2), "it")).toThrow("bytes for");
  const broken = bytes.slice();
  broken.set([0xff, 0x7f], 10);
  expect(() => decodeWeights(header, broken, "it")).toThrow("number 5 is not finite");
});
