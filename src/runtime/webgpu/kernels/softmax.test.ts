import { describe } from "vitest";
import { sizeOf, tensorOf } from "../../../kernels/access.ts";
import { deviceTest, expectEqual, FLOATS, randomTensor, share } from "./random-tensor.test-util.ts";

const SHAPES = [
  [1],
  [7],
  [16],
  [3, 5],
  [4, 12, 3],
  [2, 33, 8],
  [2, 3, 4, 5, 2],
  [600, 12],
  [3, 1500],
  [1030, 65],
  [2, 9001],
] as const;

for (const kernel of ["Softmax", "LogSoftmax"])
  describe(kernel, () => {
    for (const dtype of FLOATS)
      deviceTest(dtype, async () => {
        for (const [seed, shape] of share(dtype, [...SHAPES.entries()]))
          for (let axis = 0; axis < shape.length; axis++) {
            if (sizeOf(shape) > 5000 && axis !== shape.length - 1) continue;
            const x = randomTensor(seed, dtype, shape, -9, 9);
            const attrs = { axis, count: shape[axis]!, inner: sizeOf(shape.slice(axis + 1)) };
            await expectEqual({ kernel, inputs: [x], outputs: [x], attrs });
          }
        // Before opset 13: all dims from one on.
        const x = randomTensor(3, dtype, [3, 4, 5], -9, 9);
        await expectEqual({ kernel, inputs: [x], outputs: [x], attrs: { axis: 1, count: 20, inner: 1 } });
      });

    deviceTest("masked, infinite and undefined scores", async () => {
      const rows = [
        [0, -Infinity, 1, -Infinity],
        [-Infinity, -Infinity, -Infinity, -Infinity],
        [-3e38, -3e38, -3e38, -Infinity],
        [1, NaN, 2, 3],
        [1, Infinity, 2, 3],
        [90, 80, -90, 88],
      ];
      for (const values of [rows, rows.map((row) => row.slice(0, 3))]) {
        const [height, width] = [values.length, values[0]!.length];
        for (const dtype of ["float32", "float16"] as const) {
          const along = tensorOf(dtype, [height, width], values.flat());
          await expectEqual({ kernel, inputs: [along], outputs: [along], attrs: { axis: 1, count: width, inner: 1 } });
          const columns = values[0]!.flatMap((_, j) => values.map((row) => row[j]!));
          const across = tensorOf(dtype, [width, height], columns);
          await expectEqual({
            kernel,
            inputs: [across],
            outputs: [across],
            attrs: { axis: 0, count: width, inner: height },
          });
        }
      }
    });
  });

describe("Hardmax", () => {
  for (const dtype of ["float32", "float16", "bfloat16", "int32", "int8", "uint8"] as const)
    deviceTest(dtype, async () => {
      for (const [seed, shape] of share(dtype, [...([[1], [5], [3, 4], [2, 3, 5], [2, 2, 3, 3]] as const).entries()]))
        for (let axis = 0; axis < shape.length; axis++)
          for (const axes of axis === shape.length - 1 ? [[axis]] : [[axis], shape.map((_, d) => d).slice(axis)]) {
            // Few values, so that there are ties.
            const x = randomTensor(seed + axis, dtype, shape, 0, 4);
            await expectEqual({ kernel: "Hardmax", inputs: [x], outputs: [x], attrs: { axes } });
          }
    });
});
