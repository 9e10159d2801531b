/** Products and channels-last convolutions against the reference kernels, over shapes that hit every form. */
import { describe, expect, test } from "vitest";
import { makeTensor, sizeOf, writer } from "../../../kernels/access.ts";
import type { Tensor } from "../../../kernels/types.ts";
import { runKernelCase, testBackend, worstError, type KernelCase } from "./check-kernel.test-util.ts";

const backend = await testBackend();
if (backend === undefined) console.log("skipped: no GPU driver");

/** Numbers in [-1, 1) from a seed. */
function random(dtype: "float32" | "float16", shape: readonly number[], seed: number): Tensor {
  const tensor = makeTensor(dtype, shape);
  const write = writer(tensor);
  let state = seed * 7919 + 1;
  for (let i = 0; i < sizeOf(shape); i++) {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    write(i, state / 2 ** 31);
  }
  return tensor;
}

/** Room for any product here. */
const SCRATCH = [{ dtype: "float64", shape: [1 << 16] }] as const;

async function check(one: KernelCase, relative: number): Promise<void> {
  const outcome = await runKernelCase(backend!, { ...one, scratch: SCRATCH });
  expect(outcome.actual).toBeDefined();
  expect(worstError(outcome, relative, relative)).toBeLessThanOrEqual(1);
}

describe.skipIf(backend === undefined)("matrix products", () => {
  test.each([
    [
      [1, 64],
      [64, 64],
      [1, 64],
    ],
    [
      [3, 768],
      [768, 96],
      [3, 96],
    ],
    [
      [1, 40],
      [40, 52],
      [1, 52],
    ],
    [
      [128, 96],
      [96, 200],
      [128, 200],
    ],
    [
      [33, 20],
      [20, 36],
      [33, 36],
    ],
    [
      [7, 5],
      [5, 3],
      [7, 3],
    ],
    [
      [1, 129],
      [129, 257],
      [1, 257],
    ],
    [
      [2, 3, 8, 16],
      [2, 3, 16, 12],
      [2, 3, 8, 12],
    ],
    [
      [2, 1, 8, 16],
      [1, 3, 16, 12],
      [2, 3, 8, 12],
    ],
    [
      [3, 9, 7],
      [7, 5],
      [3, 9, 5],
    ],
    [[16], [16, 8], [8]],
    [[5, 16], [16], [5]],
    [
      [64, 64],
      [64, 1024],
      [64, 1024],
    ],
  ])("MatMul %j x %j", async (a, b, y) => {
    await check(
      {
        kernel: "MatMul",
        inputs: [random("float32", a, 1), random("float32", b, 2)],
        outputs: [{ dtype: "float32", shape: y }],
      },
      1e-4,
    );
  });

  test.each([
    [8, 16, 12, false, [12]],
    [8, 16, 12, true, [12]],
    [5, 7, 3, true, [3]],
    [33, 64, 20, true, [33, 20]],
    [33, 64, 20, false, [1, 20]],
    [1, 512, 1000, true, [1000]],
  ])("Gemm %d %d %d transB %s", async (rows, depth, columns, transB, c) => {
    for (const [alpha, beta] of [
      [1, 1],
      [0.5, 2],
    ] as const)
      await check(
        {
          kernel: "Gemm",
          inputs: [
            random("float32", [rows, depth], 1),
            random("float32", transB ? [columns, depth] : [depth, columns], 2),
            random("float32", c, 3),
          ],
          outputs: [{ dtype: "float32", shape: [rows, columns] }],
          attrs: { alpha, beta, transA: 0, transB: Number(transB) },
        },
        1e-4,
      );
  });

  test.each([
    ["float16", "float16", "float16"],
    ["float32", "float16", "float32"],
  ] as const)("halves: %s x %s", async (left, right, result) => {
    for (const [m, k, n] of [
      [1, 128, 64],
      [16, 32, 24],
    ] as const) {
      const outcome = await runKernelCase(backend!, {
        kernel: "MatMul",
        inputs: [random(left, [m, k], 1), random(right, [k, n], 2)],
        outputs: [{ dtype: result, shape: [m, n] }],
        scratch: SCRATCH,
      });
      expect(outcome.actual).toBeDefined();
      expect(worstError(outcome, 2e-3, 2e-3)).toBeLessThanOrEqual(1);
    }
  });
});

describe.skipIf(backend === undefined)("ConvNHWC", () => {
  interface Form {
    readonly x: readonly number[];
    readonly w: readonly number[];
    readonly strides?: readonly number[];
    readonly pads?: readonly number[];
    readonly dilations?: readonly number[];
    readonly group?: number;
    readonly activation?: string;
    readonly bias?: boolean;
  }
  const forms: Form[] = [
    { x: [1, 8, 8, 16], w: [1, 1, 16, 32] },
    { x: [1, 14, 14, 64], w: [3, 3, 64, 64], pads: [1, 1, 1, 1], bias: true, activation: "relu" },
    { x: [2, 9, 7, 3], w: [7, 7, 3, 8], strides: [2, 2], pads: [3, 3, 3, 3], bias: true },
    { x: [1, 12, 12, 8], w: [3, 3, 8, 20], pads: [0, 1, 2, 1], dilations: [2, 1], activation: "relu6" },
    { x: [1, 10, 10, 12], w: [3, 3, 1, 12], pads: [1, 1, 1, 1], group: 12, bias: true, activation: "relu6" },
    { x: [2, 11, 9, 8], w: [5, 3, 1, 8], strides: [2, 1], pads: [2, 0, 1, 1], group: 8 },
    { x: [1, 6, 6, 8], w: [3, 3, 4, 8], pads: [1, 1, 1, 1], group: 2, bias: true },
    { x: [1, 5, 5, 4], w: [1, 1, 4, 4], strides: [2, 2] },
    { x: [1, 32, 32, 32], w: [3, 3, 32, 64], strides: [2, 2], pads: [1, 1, 1, 1] },
  ];
  test.each(forms)(
    "%o",
    async ({
      x,
      w,
      strides = [1, 1],
      pads = [0, 0, 0, 0],
      dilations = [1, 1],
      group = 1,
      activation = "none",
      bias = false,
    }) => {
      const size = (d: number): number =>
        Math.floor((x[d + 1]! + pads[d]! + pads[d + 2]! - dilations[d]! * (w[d]! - 1) - 1) / strides[d]!) + 1;
      const filters = w[3]!;
      await check(
        {
          kernel: "ConvNHWC",
          inputs: [
            random("float32", x, 1),
            random("float32", w, 2),
            ...(bias ? [random("float32", [filters], 3)] : []),
          ],
          outputs: [{ dtype: "float32", shape: [x[0]!, size(0), size(1), filters] }],
          attrs: { strides, pads, dilations, group, activation },
        },
        1e-4,
      );
    },
  );

  test("halves, from three channels on", async () => {
    const [x, w, bias] = [
      random("float16", [1, 9, 9, 3], 1),
      random("float16", [3, 3, 3, 8], 2),
      random("float16", [8], 3),
    ];
    const attrs = { strides: [2, 2], pads: [1, 1, 1, 1], dilations: [1, 1], group: 1, activation: "relu" };
    const outputs = [{ dtype: "float16" as const, shape: [1, 5, 5, 8] }];
    await check({ kernel: "ConvNHWC", inputs: [x, w, bias], outputs, attrs }, 2e-3);
  });

  test.each(["relu", "relu6"])("%s keeps NaN", async (activation) => {
    for (const [filter, group] of [
      [[1, 1, 4, 8], 1],
      [[1, 1, 1, 4], 4],
      [[1, 1, 2, 4], 2],
    ] as const) {
      const x = random("float32", [1, 2, 2, 4], 1);
      x.data[5] = NaN;
      const attrs = { strides: [1, 1], pads: [0, 0, 0, 0], dilations: [1, 1], group, activation };
      const outputs = [{ dtype: "float32" as const, shape: [1, 2, 2, filter[3]] }];
      await check({ kernel: "ConvNHWC", inputs: [x, random("float32", filter, 2)], outputs, attrs }, 1e-4);
    }
  });
});
