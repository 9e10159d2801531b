import { describe } from "vitest";
import { tensorOf } from "../../../kernels/access.ts";
import { deviceTest, expectEqual, FLOATS, randomTensor } from "./random-tensor.test-util.ts";

const SHAPES = [[], [1], [3], [4, 8], [3, 5, 7], [2, 4, 130]] as const;

describe("Gelu, Swish", () => {
  for (const dtype of FLOATS)
    deviceTest(dtype, async () => {
      for (const [seed, shape] of SHAPES.entries()) {
        const x = randomTensor(seed, dtype, shape, -6, 6);
        for (const approximate of ["none", "tanh"]) {
          await expectEqual({ kernel: "Gelu", inputs: [x], outputs: [x], attrs: { approximate } });
          if (shape.length === 0) continue;
          const bias = randomTensor(seed + 9, dtype, [shape.at(-1)!]);
          await expectEqual({ kernel: "BiasGelu", inputs: [x, bias], outputs: [x], attrs: { approximate } });
        }
        for (const alpha of [1, 1.702, -0.5])
          await expectEqual({ kernel: "Swish", inputs: [x], outputs: [x], attrs: { alpha } });
      }
    });

  deviceTest("far from zero", async () => {
    const values = [-1e30, -1000, -50, -20, -14, -13, -9, -5.5, -1e-20, 0, 1e-20, 5.5, 9, 13, 50, 1000, 1e30];
    const x = tensorOf("float32", [values.length], values);
    for (const approximate of ["none", "tanh"])
      await expectEqual({ kernel: "Gelu", inputs: [x], outputs: [x], attrs: { approximate } });
    await expectEqual({ kernel: "Swish", inputs: [x], outputs: [x], attrs: { alpha: 1 } });
  });
});
