/** ONNX's backend tests on WebGPU: a fixed share of the set here, all of it by `npm run bench:conformance`. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { DATA } from "../onnx/backend-cases.test-util.ts";
import { noDevice } from "../runtime/webgpu/gpu.test-util.ts";
import { findCases } from "./cases.ts";
import { runConformance } from "./run.ts";

const reason = await noDevice();
if (reason !== undefined) console.log(`skipped: ${reason}`);

/** One case of each family that has a kernel of ours, besides every 24th of all. */
const FAMILIES = [
  "test_attention_4d_gqa",
  "test_convtranspose_dilations",
  "test_dequantizelinear_axis",
  "test_convtranspose_group_2_image_3",
  "test_gather_negative_indices",
  "test_gelu_default_1",
  "test_gelu_tanh_2",
  "test_group_normalization_epsilon",
  "test_layer_normalization_4d_axis1",
  "test_matmul_4d",
  "test_quantizelinear_uint16",
  "test_resize_upsample_sizes_cubic",
  "test_rms_normalization_3d_axis1_epsilon",
  "test_rotary_embedding_with_rotary_dim",
  "test_scatter_elements_with_negative_indices",
  "test_scatternd_multiply",
  "test_softmax_large_number",
  "test_top_k_smallest",
];

describe.skipIf(reason !== undefined)("ONNX's backend tests on WebGPU", () => {
  test.each(["simple", "node"])("%s: what wasm passes, nothing wrong", { timeout: 120_000 }, async (set) => {
    const folder = join(DATA, set);
    if (!existsSync(folder)) {
      console.log(`skipped: ${folder} is not there`);
      return;
    }
    const names = findCases(folder).map(({ name }) => name);
    const chosen = new Set(set === "node" ? [...names.filter((_, i) => i % 24 === 5), ...FAMILIES] : names);
    const only = (name: string): boolean => chosen.has(name);
    const gpu = await runConformance(folder, "webgpu", { only });
    const wasm = await runConformance(folder, "wasm", { only });
    expect(gpu.total).toBe(chosen.size);
    expect(gpu.failed).toEqual([]);
    // The bar is 3 points; the host takes what has no GPU kernel, so there is no reason for a difference at all.
    expect(gpu.passed).toEqual(wasm.passed);
    const { dispatched, onHost } = gpu.steps!;
    const hostSteps = onHost.reduce((sum, { cases }) => sum + cases.length, 0);
    console.log(
      `${set}: ${gpu.passed.length} of ${gpu.total} passed, ${dispatched} dispatches, ${hostSteps} steps on the host`,
    );
    expect(dispatched).toBeGreaterThan(4 * hostSteps);
  });
});
