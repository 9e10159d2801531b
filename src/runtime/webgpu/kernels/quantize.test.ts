import { test } from "vitest";
import type { DType } from "../../../ir/dtype.ts";
import { tensorOf } from "../../../kernels/access.ts";
import { testBackend } from "./check-kernel.test-util.ts";
import { check, randomSource, randomTensor } from "./random.test-util.ts";

const backend = await testBackend();
if (backend === undefined) console.warn("no Vulkan driver: WGSL kernels are not tested");
const gpuTest = test.skipIf(backend === undefined);

const FORMS = [
  { shape: [7, 9], scale: [] as number[], axis: -1, blockSize: 0 },
  { shape: [3, 8, 4], scale: [8], axis: 1, blockSize: 0 },
  { shape: [3, 8, 4], scale: [3, 4, 4], axis: 1, blockSize: 2 },
  { shape: [2, 7], scale: [2, 3], axis: 1, blockSize: 3 },
];

gpuTest("QuantizeLinear, exactly", async () => {
  const random = randomSource(1);
  for (const dtype of ["uint8", "int8", "uint16", "int16"] as const)
    for (const from of ["float32", "float16", "bfloat16", "int32"] as const)
      for (const { shape, scale, axis, blockSize } of from === "float32" ? FORMS : [FORMS[random(4)]!]) {
        const scaleType: DType = from === "int32" ? "float32" : from;
        const x = randomTensor(random, from, shape, {
          low: -300,
          high: 300,
          special: from === "int32" ? [0] : [NaN, Infinity, -Infinity, 0.5, 1.5, 1e9],
        });
        const s = randomTensor(random, scaleType, scale, { low: 0.01, high: 2, special: [1, 0.5] });
        const zero = randomTensor(random, dtype, scale, { low: dtype.startsWith("u") ? 0 : -20, high: 20 });
        for (const inputs of from === "float32" && dtype === "int8"
          ? [
              [x, s, zero],
              [x, s],
            ]
          : [[x, s, zero]])
          await check(
            {
              kernel: "QuantizeLinear",
              inputs,
              outputs: [{ dtype, shape }],
              attrs: { axis, blockSize, precision: scaleType, saturate: true },
            },
            0,
            0.5,
          );
      }
});

gpuTest("DequantizeLinear", async () => {
  const random = randomSource(2);
  for (const from of ["uint8", "int8", "uint16", "int16", "int32", "int4", "uint4", "int2", "uint2"] as const)
    for (const dtype of ["float32", "float16", "bfloat16"] as const)
      for (const { shape, scale, axis, blockSize } of from === "uint8" || from === "int4"
        ? FORMS
        : [FORMS[random(4)]!]) {
        const range = {
          low: from.startsWith("u") ? 0 : from.endsWith("2") && from !== "int32" ? -2 : from === "int4" ? -8 : -100,
          high: from.endsWith("4") ? 7 : from === "int2" || from === "uint2" ? 1 : 100,
        };
        const x = randomTensor(random, from, shape, range);
        const s = randomTensor(random, dtype, scale, { low: 0.01, high: 2 });
        const zero = randomTensor(random, from, scale, range);
        const inputs = random(2) === 0 ? [x, s, zero] : [x, s];
        await check({ kernel: "DequantizeLinear", inputs, outputs: [{ dtype, shape }], attrs: { axis, blockSize } });
      }
});

gpuTest("DynamicQuantizeLinear", async () => {
  const random = randomSource(3);
  const outputs = (shape: readonly number[]) => [
    { dtype: "uint8", shape } as const,
    { dtype: "float32", shape: [] } as const,
    { dtype: "uint8", shape: [] } as const,
  ];
  for (const [shape, low, high] of [
    [[30], -3, 5],
    [[5, 7], 1, 2],
    [[11], -4, -1],
    [[100_000], -9, 9],
  ] as const)
    await check({
      kernel: "DynamicQuantizeLinear",
      inputs: [randomTensor(random, "float32", shape, { low, high })],
      outputs: outputs(shape),
    });
  await check({
    kernel: "DynamicQuantizeLinear",
    inputs: [tensorOf("float32", [3], [0, 0, 0])],
    outputs: outputs([3]),
  });
});
