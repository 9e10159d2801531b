/** The products that the vectorised kernels leave, against the reference kernels. */
import { describe, expect } from "vitest";
import type { DType } from "../../../ir/dtype.ts";
import { tensorOf } from "../../../kernels/access.ts";
import { runKernelCase, testBackend, type KernelCase } from "./check-kernel.test-util.ts";
import { deviceTest, expectEqual, randomTensor } from "./random-tensor.test-util.ts";

/** Room for any product here. */
const SCRATCH = [{ dtype: "float64", shape: [1 << 14] }] as const;

const run = (one: KernelCase): Promise<void> => expectEqual({ ...one, scratch: SCRATCH });

/** Shapes of a, b and y: odd sizes, both batches broadcast, one dim. */
const SHAPES = [
  [
    [5, 7],
    [7, 3],
    [5, 3],
  ],
  [
    [2, 1, 3, 130],
    [1, 3, 130, 5],
    [2, 3, 3, 5],
  ],
  [[9], [2, 9, 3], [2, 3]],
  [[3, 9], [9], [3]],
] as const;

describe("MatMul", () => {
  for (const dtype of ["float16", "bfloat16", "int32", "uint32", "int64", "uint64"] as const)
    deviceTest(`${dtype}, odd sizes and broadcast batches`, async () => {
      const low = dtype.startsWith("u") ? 0 : dtype.includes("float") ? -1 : -9;
      for (const [seed, [a, b, y]] of [...SHAPES.entries()].slice(dtype === "int32" || dtype === "float16" ? 0 : 1, 3))
        await run({
          kernel: "MatMul",
          inputs: [randomTensor(seed + 1, dtype, a, low, 9), randomTensor(seed + 2, dtype, b, low, 9)],
          outputs: [{ dtype, shape: y }],
        });
    });

  deviceTest("integers wrap exactly", async () => {
    const exact = async (dtype: DType, a: readonly number[], b: readonly number[]): Promise<void> => {
      const [left, right] = [tensorOf(dtype, [1, a.length], a), tensorOf(dtype, [b.length, 1], b)];
      const outputs = [{ dtype, shape: [1, 1] }];
      const one: KernelCase = { kernel: "MatMul", inputs: [left, right], outputs, scratch: SCRATCH };
      const { actual, expected } = await runKernelCase((await testBackend())!, one);
      expect(actual![0]!.data).toEqual(expected[0]!.data);
    };
    await exact("int32", [2 ** 31 - 1, 16777217, -7], [2 ** 30 + 7, 3, 2 ** 31 - 1]);
    await exact("uint32", [2 ** 32 - 1, 16777217], [2 ** 31 + 7, 3]);
    await exact("int64", [2 ** 53, -(2 ** 40) - 1], [2 ** 53, 2 ** 41 + 3]);
  });
});

deviceTest("Gemm with a transposed left side, any bias, in 16 bits", async () => {
  const [rows, depth, columns] = [5, 7, 3];
  for (const [seed, [dtype, transA, transB, c]] of (
    [
      ["float32", 1, 0, [1]],
      ["float32", 1, 1, [rows, 1]],
      ["float32", 0, 0, [1, 1]],
      ["float16", 0, 1, [columns]],
      ["bfloat16", 1, 0, [rows, columns]],
      ["float32", 1, 1, null],
    ] as const
  ).entries())
    await run({
      kernel: "Gemm",
      inputs: [
        randomTensor(seed, dtype, transA ? [depth, rows] : [rows, depth]),
        randomTensor(seed + 1, dtype, transB ? [columns, depth] : [depth, columns]),
        c && randomTensor(seed + 2, dtype, c),
      ],
      outputs: [{ dtype, shape: [rows, columns] }],
      attrs: { alpha: 0.5, beta: seed === 2 ? 1 : 2, transA, transB },
    });
  // A factor of 0 drops the bias, NaN and all.
  await run({
    kernel: "Gemm",
    inputs: [
      randomTensor(1, "float32", [depth, rows]),
      randomTensor(2, "float32", [depth, columns]),
      tensorOf("float32", [1], [NaN]),
    ],
    outputs: [{ dtype: "float32", shape: [rows, columns] }],
    attrs: { alpha: 1, beta: 0, transA: 1, transB: 0 },
  });
});

deviceTest("FusedMatMul", async () => {
  for (const [transA, transB] of [
    [1, 0],
    [0, 1],
    [1, 1],
  ] as const)
    await run({
      kernel: "FusedMatMul",
      inputs: [
        randomTensor(1, "float32", transA ? [2, 7, 4] : [2, 4, 7]),
        randomTensor(2, "float32", transB ? [5, 7] : [7, 5]),
      ],
      outputs: [{ dtype: "float32", shape: [2, 4, 5] }],
      attrs: { transA, transB, alpha: 0.3 },
    });
});

deviceTest("MatMulInteger, zero points for all, a lane, a lane of each matrix", async () => {
  const types = ["uint8", "int8"] as const;
  const any = (seed: number, dtype: DType, shape: readonly number[]) =>
    randomTensor(seed, dtype, shape, dtype === "int8" ? -128 : 0, dtype === "int8" ? 128 : 256);
  for (const [seed, [aZero, bZero]] of (
    [
      [null, null],
      [[], [5]],
      [[3], []],
      [
        [2, 3, 1],
        [2, 1, 5],
      ],
    ] as const
  ).entries()) {
    const [left, right] = [types[seed % 2]!, types[(seed >> 1) % 2]!];
    await run({
      kernel: "MatMulInteger",
      inputs: [
        any(seed, left, [2, 3, 70]),
        any(seed + 1, right, [2, 70, 5]),
        aZero && any(seed + 2, left, aZero),
        bZero && any(seed + 3, right, bZero),
      ],
      outputs: [{ dtype: "int32", shape: [2, 3, 5] }],
    });
  }
});
