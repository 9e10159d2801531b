import { test } from "vitest";
import { testBackend } from "./check-kernel.test-util.ts";
import { check, randomSource, randomTensor } from "./random.test-util.ts";

const backend = await testBackend();
if (backend === undefined) console.warn("no Vulkan driver: WGSL kernels are not tested");
const gpuTest = test.skipIf(backend === undefined);

const COORDINATES = [
  "asymmetric",
  "half_pixel",
  "pytorch_half_pixel",
  "half_pixel_symmetric",
  "align_corners",
  "tf_half_pixel_for_nn",
];
const SIZES = [
  [
    [1, 2, 4, 5],
    [1, 2, 8, 10],
  ],
  [
    [1, 2, 6, 7],
    [1, 2, 3, 5],
  ],
  [
    [2, 5, 3, 4],
    [2, 7, 9, 4],
  ],
  [[5], [12]],
  [
    [1, 1, 1],
    [1, 4, 3],
  ],
] as const;
const BASE = {
  nearest: "round_prefer_floor",
  cubic_a: -0.75,
  exclude_outside: false,
  antialias: false,
  extrapolation: 0,
};

const attrsOf = (from: readonly number[], to: readonly number[], more: object): Record<string, never> =>
  ({
    ...BASE,
    scales: to.map((size, d) => size / from[d]!),
    roi: [...from.map(() => 0), ...from.map(() => 1)],
    ...more,
  }) as never;

gpuTest("Resize nearest of any type", async () => {
  const random = randomSource(1);
  for (const coordinates of COORDINATES)
    for (const nearest of ["round_prefer_floor", "round_prefer_ceil", "floor", "ceil"])
      for (const [from, to] of [SIZES[random(3)]!]) {
        const dtype = (["float32", "uint8", "float16", "int64"] as const)[random(4)]!;
        const x = randomTensor(random, dtype, from);
        await check(
          {
            kernel: "Resize",
            inputs: [x],
            outputs: [{ dtype, shape: to }],
            attrs: attrsOf(from, to, { mode: "nearest", coordinates, nearest }),
          },
          0,
          1e-30,
        );
      }
});

gpuTest("Resize linear", async () => {
  const random = randomSource(2);
  for (const coordinates of COORDINATES)
    for (const [from, to] of [SIZES[random(5)]!, SIZES[random(5)]!]) {
      const dtype = (["float32", "float16"] as const)[random(2)]!;
      const x = randomTensor(random, dtype, from);
      await check({
        kernel: "Resize",
        inputs: [x],
        outputs: [{ dtype, shape: to }],
        attrs: attrsOf(from, to, { mode: "linear", coordinates }),
      });
    }
});

gpuTest("Resize cubic, antialiased, without the outside", async () => {
  const random = randomSource(3);
  for (const mode of ["linear", "cubic"])
    for (const antialias of [true, false])
      for (const exclude_outside of [true, false])
        for (const [from, to] of SIZES.slice(0, 2)) {
          const x = randomTensor(random, "float32", from);
          const attrs = attrsOf(from, to, { mode, coordinates: "half_pixel", antialias, exclude_outside });
          await check({ kernel: "Resize", inputs: [x], outputs: [{ dtype: "float32", shape: to }], attrs });
        }
});

gpuTest("Resize by scales that are no ratio of sizes", async () => {
  const random = randomSource(4);
  for (const mode of ["nearest", "linear"])
    for (const scale of [2.6, 0.6, 1.3333]) {
      const from = [1, 1, 9, 7];
      const to = [1, 1, Math.floor(9 * scale), Math.floor(7 * scale)];
      const x = randomTensor(random, "float32", from);
      const attrs = attrsOf(from, to, { mode, coordinates: "half_pixel", scales: [1, 1, scale, scale] });
      await check({ kernel: "Resize", inputs: [x], outputs: [{ dtype: "float32", shape: to }], attrs });
    }
});
