import { describe, expect, test } from "vitest";
import { reader, tensorOf } from "../../kernels/access.ts";
import type { Tensor } from "../../kernels/types.ts";
import {
  differsFromRuntime,
  randomInts,
  randomTensor,
  runOperator,
  type OperatorCase,
} from "./runtime-differential.test-util.ts";

const f32 = (shape: readonly number[], seed: number): Tensor => randomTensor(shape, seed);
const u8 = (shape: readonly number[], seed: number): Tensor => randomInts(shape, seed, 0, 256, "uint8");
const i8 = (shape: readonly number[], seed: number): Tensor => randomInts(shape, seed, -128, 128, "int8");
const scalar = (x: number): Tensor => tensorOf("float32", [], [x]);
const zero = (dtype: "uint8" | "int8", x: number): Tensor => tensorOf(dtype, [], [x]);
const domain = "com.microsoft";

interface Titled extends OperatorCase {
  readonly title: string;
}

const shapes: readonly (readonly [readonly number[], readonly number[]])[] = [
  [[7], [7]],
  [[7], [7, 3]],
  [[4, 7], [7]],
  [
    [2, 1, 4, 7],
    [3, 7, 5],
  ],
  [
    [2, 4, 7],
    [7, 5],
  ],
  [
    [0, 7],
    [7, 5],
  ],
  [
    [4, 0],
    [0, 5],
  ],
  // More than one block in every direction.
  [
    [70, 150],
    [150, 67],
  ],
];

const gemm = (title: string, rest: Partial<OperatorCase>, inputs: readonly Tensor[]): Titled => ({
  title,
  op: "Gemm",
  ...rest,
  inputs,
  outputs: ["float32"],
});

const cases: readonly Titled[] = [
  ...shapes.map(([a, b]): Titled => ({
    title: `MatMul [${a.join()}] [${b.join()}]`,
    op: "MatMul",
    inputs: [f32(a, 1), f32(b, 2)],
    outputs: ["float32"],
  })),
  {
    title: "MatMul int64",
    op: "MatMul",
    inputs: [randomInts([3, 4], 1, -9, 9, "int64"), randomInts([4, 2], 2, -9, 9, "int64")],
    outputs: ["int64"],
  },
  gemm("Gemm transposed and scaled", { ints: { transA: 1, transB: 1 }, floats: { alpha: 0.5, beta: 2 } }, [
    f32([7, 4], 1),
    f32([5, 7], 2),
    f32([5], 3),
  ]),
  gemm("Gemm with a column", {}, [f32([4, 7], 1), f32([7, 5], 2), f32([4, 1], 3)]),
  gemm("Gemm without C", { opset: 11 }, [f32([4, 7], 1), f32([7, 5], 2)]),
  {
    // B in 7 bits: without VNNI instructions ONNX Runtime adds products in pairs that saturate at 16 bits.
    title: "MatMulInteger with a zero point a column",
    op: "MatMulInteger",
    inputs: [u8([3, 70], 1), randomInts([70, 5], 2, -64, 64, "int8"), u8([], 3), i8([5], 4)],
    outputs: ["int32"],
  },
  {
    title: "QLinearMatMul of a batch",
    op: "QLinearMatMul",
    inputs: [
      u8([2, 3, 9], 1),
      scalar(0.02),
      zero("uint8", 120),
      u8([9, 5], 2),
      scalar(0.03),
      zero("uint8", 131),
      scalar(0.07),
      zero("uint8", 99),
    ],
    outputs: ["uint8"],
  },
  {
    title: "FusedMatMul",
    op: "FusedMatMul",
    domain,
    ints: { transA: 1, transB: 1 },
    floats: { alpha: 0.3 },
    inputs: [f32([2, 7, 4], 1), f32([5, 7], 2)],
    outputs: ["float32"],
  },
  {
    title: "FusedGemm",
    op: "FusedGemm",
    domain,
    strings: { activation: "LeakyRelu" },
    floats: { activation_alpha: 0.2, beta: 0.5 },
    inputs: [f32([4, 7], 1), f32([7, 5], 2), f32([5], 3)],
    outputs: ["float32"],
  },
  {
    title: "QLinearAdd",
    op: "QLinearAdd",
    domain,
    inputs: [
      u8([3, 4], 1),
      scalar(0.02),
      zero("uint8", 120),
      u8([4], 2),
      scalar(0.03),
      zero("uint8", 131),
      scalar(0.07),
      zero("uint8", 99),
    ],
    outputs: ["uint8"],
  },
  {
    title: "QLinearMul",
    op: "QLinearMul",
    domain,
    inputs: [
      i8([3, 4], 1),
      scalar(0.02),
      zero("int8", 12),
      i8([3, 1], 2),
      scalar(0.03),
      zero("int8", -31),
      scalar(0.07),
      zero("int8", 9),
    ],
    outputs: ["int8"],
  },
  {
    title: "QLinearSigmoid",
    op: "QLinearSigmoid",
    domain,
    inputs: [u8([31], 1), scalar(0.05), zero("uint8", 120), scalar(1 / 256), zero("uint8", 0)],
    outputs: ["uint8"],
  },
  {
    title: "QLinearLeakyRelu",
    op: "QLinearLeakyRelu",
    domain,
    floats: { alpha: 0.1 },
    inputs: [i8([31], 1), scalar(0.05), zero("int8", 20), scalar(0.04), zero("int8", -3)],
    outputs: ["int8"],
  },
  ...[4, 8].flatMap((bits): Titled[] => {
    const [columns, depth, block] = [5, 40, 16];
    const blocks = Math.ceil(depth / block);
    const base = {
      op: "MatMulNBits",
      domain,
      ints: { N: columns, K: depth, bits, block_size: block },
      outputs: ["float32"] as const,
    };
    const operands = [f32([2, 3, depth], 1), u8([columns, blocks, (block * bits) / 8], 2), f32([columns * blocks], 3)];
    return [
      { title: `MatMulNBits of ${bits} bits`, ...base, inputs: operands },
      {
        title: `MatMulNBits of ${bits} bits with zero points`,
        ...base,
        inputs: [...operands, u8([columns * Math.ceil((blocks * bits) / 8)], 4)],
      },
    ];
  }),
];

describe("matrix products agree with ONNX Runtime", () => {
  test.each(cases)("$title", async (operator) => {
    expect(await differsFromRuntime(operator)).toBeUndefined();
  });
});

const product = (dtype: "int32" | "uint32", x: number, y: number): OperatorCase => ({
  op: "MatMul",
  inputs: [tensorOf(dtype, [1], [x]), tensorOf(dtype, [1], [y])],
  outputs: [dtype],
});

test("integers wrap modulo 2^32 and 2^64", async () => {
  const [a, b] = [2 ** 31 - 1, 2 ** 30 + 7];
  expect((await runOperator(product("int32", a, b)))[0]!.data[0]).toBe(
    Number(BigInt.asIntN(32, BigInt(a) * BigInt(b))),
  );
  expect((await runOperator(product("uint32", a, b)))[0]!.data[0]).toBe(
    Number(BigInt.asUintN(32, BigInt(a) * BigInt(b))),
  );
  const wide = tensorOf("int64", [1], [2 ** 53]);
  const [square] = await runOperator({ op: "MatMul", inputs: [wide, wide], outputs: ["int64"] });
  expect(square!.data[0]).toBe(BigInt.asIntN(64, (2n ** 53n) ** 2n));
});

test("MatMulInteger is exact over all of 8 bits, with zero points a row of A and a column of B", async () => {
  const [rows, depth, columns] = [3, 70, 5];
  const [a, b, aZero, bZero] = [u8([rows, depth], 1), i8([depth, columns], 2), u8([rows], 3), i8([columns], 4)];
  const [sums] = await runOperator({ op: "MatMulInteger", inputs: [a, b, aZero, bZero], outputs: ["int32"] });
  const [readA, readB, zeroOfRow, zeroOfColumn, sum] = [a, b, aZero, bZero, sums!].map(reader);
  for (let i = 0; i < rows; i++)
    for (let j = 0; j < columns; j++) {
      let exact = 0;
      for (let k = 0; k < depth; k++)
        exact += (readA!(i * depth + k) - zeroOfRow!(i)) * (readB!(k * columns + j) - zeroOfColumn!(j));
      expect(sum!(i * columns + j)).toBe(exact);
    }
});

const gemmOf = (opset: number, c: readonly number[], ints: Record<string, number> = {}): OperatorCase => ({
  op: "Gemm",
  opset,
  ints,
  inputs: [f32([2, 3], 1), f32([3, 4], 2), f32(c, 3)],
  outputs: ["float32"],
});

test("up to opset 6 Gemm broadcasts C only where asked to", async () => {
  await expect(runOperator(gemmOf(6, [4]))).rejects.toThrow(/broadcast is 0/);
  const [asked] = await runOperator(gemmOf(6, [4], { broadcast: 1 }));
  const [later] = await runOperator(gemmOf(7, [4]));
  expect(asked!.data).toEqual(later!.data);
});

test.each([
  [
    "depths that differ",
    { op: "MatMul", inputs: [f32([2, 3], 1), f32([4, 2], 2)], outputs: ["float32"] },
    /do not fit/,
  ],
  ["a scalar", { op: "MatMul", inputs: [f32([], 1), f32([4, 2], 2)], outputs: ["float32"] }, /at least one dim/],
  [
    "batches that do not broadcast",
    { op: "MatMul", inputs: [f32([2, 3, 4], 1), f32([3, 4, 2], 2)], outputs: ["float32"] },
    /do not broadcast/,
  ],
  ["a C that is too large", gemmOf(13, [5, 4]), /broadcast/],
  [
    "transposed batches",
    {
      op: "FusedMatMul",
      domain,
      ints: { transBatchA: 1 },
      inputs: [f32([2, 3, 4], 1), f32([4, 2], 2)],
      outputs: ["float32"],
    },
    /transBatchA/,
  ],
] satisfies readonly (readonly [string, OperatorCase, RegExp])[])("%s are refused", async (_, operator, message) => {
  await expect(runOperator(operator)).rejects.toThrow(message);
});
