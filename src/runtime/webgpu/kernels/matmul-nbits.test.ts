import { test } from "vitest";
import type { DType } from "../../../ir/dtype.ts";
import { testBackend } from "./check-kernel.test-util.ts";
import { check, randomSource, randomTensor } from "./random.test-util.ts";

const backend = await testBackend();
if (backend === undefined) console.warn("no Vulkan driver: WGSL kernels are not tested");
const gpuTest = test.skipIf(backend === undefined);

gpuTest("MatMulNBits", async () => {
  const random = randomSource(1);
  for (const dtype of ["float32", "float16"] as const)
    for (const bits of [2, 4, 8])
      for (const [rows, depth, columns, blockSize, zeroType] of [
        [1, 64, 5, 16, null],
        [3, 100, 9, 32, "uint8"],
        [11, 256, 8, 128, dtype],
      ] as const) {
        const blocks = Math.ceil(depth / blockSize);
        const rowBytes = Math.ceil((blocks * bits) / 8);
        const zeros: readonly [DType, readonly number[]] | null =
          zeroType === null ? null : [zeroType, zeroType === "uint8" ? [columns * rowBytes] : [columns, blocks]];
        const y = { dtype, shape: [rows, columns] };
        const inputs = [
          randomTensor(random, dtype, [rows, depth], { low: -1, high: 1 }),
          randomTensor(random, "uint8", [columns, blocks, (blockSize * bits) / 8]),
          randomTensor(random, dtype, [columns, blocks], { low: 0.01, high: 0.1 }),
          zeros && randomTensor(random, zeros[0], zeros[1], zeros[0] === "uint8" ? undefined : { low: 0, high: 8 }),
          null,
          rows === 3 ? randomTensor(random, dtype, [columns]) : null,
        ];
        const attrs = { bits, blockSize, columns, depth };
        const scratch = [{ dtype: "float64", shape: [depth] }] as const;
        const one = { kernel: "MatMulNBits", inputs, outputs: [y], attrs, scratch };
        await check(one, 1e-4, dtype === "float32" ? 1e-4 : 1e-2);
      }
});
