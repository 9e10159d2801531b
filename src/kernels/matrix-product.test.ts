import { assert, boolean, constantFrom, integer, property } from "fast-check";
import { expect, test } from "vitest";
import type { DType } from "../ir/dtype.ts";
import { makeTensor, reader, tensorOf } from "./access.ts";
import { matrixProduct, productScratch, type MatrixView } from "./matrix-product.ts";

const size = integer({ min: 0, max: 70 });
const depthSize = integer({ min: 0, max: 140 });
const dtypes = constantFrom<DType>("float32", "float64", "float16", "bfloat16", "int8", "uint8", "int32", "uint32");

/** Small whole numbers: every dtype holds them and their sums exactly. */
const matrix = (dtype: DType, lanes: number, depth: number, swap: boolean, seed: number): MatrixView => {
  const low = dtype.startsWith("u") ? 0 : -4;
  const values = Array.from({ length: lanes * depth }, (_, i) => low + ((i * 7 + seed) % 9));
  const tensor = tensorOf(dtype, [values.length], values);
  return swap
    ? { tensor, offset: 0, laneStride: 1, depthStride: lanes }
    : { tensor, offset: 0, laneStride: depth, depthStride: 1 };
};

test("equals the sum of products, for every dtype, stride and size, each sum told once", () => {
  assert(
    property(
      dtypes,
      size,
      size,
      depthSize,
      boolean(),
      boolean(),
      (dtype, rows, columns, depth, swapLeft, swapRight) => {
        const left = matrix(dtype, rows, depth, swapLeft, 1);
        const right = matrix(dtype, columns, depth, swapRight, 5);
        const [a, b] = [reader(left.tensor), reader(right.tensor)];
        const scratch = makeTensor("float64", productScratch(rows, columns, depth).shape).data as Float64Array;
        scratch.fill(NaN);
        const seen = new Map<number, number>();
        matrixProduct(
          rows,
          columns,
          depth,
          left,
          right,
          { number: (i, j, sum) => void seen.set(i * columns + j, sum) },
          scratch,
        );
        expect(seen.size).toBe(rows * columns);
        // A few places are enough: the blocks are all alike inside.
        for (const at of [0, Math.floor((rows * columns) / 2), rows * columns - 1]) {
          if (at < 0 || at >= rows * columns) continue;
          const [i, j] = [Math.floor(at / columns), at % columns];
          let sum = 0;
          for (let k = 0; k < depth; k++)
            sum += a(i * left.laneStride + k * left.depthStride) * b(j * right.laneStride + k * right.depthStride);
          expect(seen.get(at)).toBe(sum);
        }
      },
    ),
    { seed: 1, numRuns: 150 },
  );
});

test("zero points are taken off each lane", () => {
  const left = { ...matrix("uint8", 3, 5, false, 2), zeroPoint: (lane: number) => lane };
  const right = { ...matrix("int8", 2, 5, true, 3), zeroPoint: () => -1 };
  const scratch = makeTensor("float64", productScratch(3, 2, 5).shape).data as Float64Array;
  const sums: number[] = [];
  matrixProduct(3, 2, 5, left, right, { number: (_i, _j, sum) => void sums.push(sum) }, scratch);
  const [a, b] = [reader(left.tensor), reader(right.tensor)];
  const expected = [0, 1, 2].flatMap((i) =>
    [0, 1].map((j) => [0, 1, 2, 3, 4].reduce((sum, k) => sum + (a(i * 5 + k) - i) * (b(k * 2 + j) + 1), 0)),
  );
  expect(sums).toEqual(expected);
});

test("scratch stays within 160 KiB, whatever the size", () => {
  expect(productScratch(1e6, 1e6, 1e6).shape[0]! * 8).toBeLessThanOrEqual(160 * 1024);
});
