import { test } from "vitest";
import { testBackend } from "./check-kernel.test-util.ts";
import { check, randomSource, randomTensor } from "./random.test-util.ts";

const backend = await testBackend();
if (backend === undefined) console.warn("no Vulkan driver: WGSL kernels are not tested");
const gpuTest = test.skipIf(backend === undefined);

/** Terms with sizes by label, the result's first. */
const FORMS = [
  { terms: "0,2|2,1", sizes: [5, 7, 130], outputRank: 2 },
  { terms: "0,1,2,4|0,1,3,4", sizes: [2, 3, 4, 5, 8], outputRank: 4 },
  { terms: "0,0", sizes: [6], outputRank: 1 },
  { terms: "0,0", sizes: [6], outputRank: 0 },
  { terms: "1,0", sizes: [3, 4], outputRank: 2 },
  { terms: "0,2|2,3|3,1", sizes: [2, 3, 4, 5], outputRank: 2 },
  { terms: "|0", sizes: [9], outputRank: 1 },
];

gpuTest("Einsum", async () => {
  const random = randomSource(1);
  for (const dtype of ["float32", "float16", "int32", "int64"] as const)
    for (const { terms, sizes, outputRank } of dtype === "float32" ? FORMS : FORMS.slice(0, 2)) {
      const shapes = terms
        .split("|")
        .map((part) => (part === "" ? [] : part.split(",").map((label) => sizes[Number(label)]!)));
      const inputs = shapes.map((shape) => randomTensor(random, dtype, shape, { low: -9, high: 10 }));
      const summed = sizes.slice(outputRank).reduce((a, b) => a * b, 1);
      await check(
        {
          kernel: "Einsum",
          inputs,
          outputs: [{ dtype, shape: sizes.slice(0, outputRank) }],
          attrs: { terms, sizes, outputRank },
          scratch: [{ dtype: "float64", shape: [Math.max(4096, 64 * summed)] }],
        },
        1e-4,
        dtype === "float16" ? 0.5 : 1e-3,
      );
    }
});
