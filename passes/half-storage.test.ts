/** Storage in float16: what is planned, and how far the results are from float32's. */
import { afterAll, describe, expect, test } from "vitest";
import { generateModel } from "../models/index.ts";
import { compile } from "../src/compile.ts";
import { executePlan } from "../src/execute.ts";
import { sizeOf } from "../src/kernels/access.ts";
import type { Plan } from "../src/plan/schema.ts";
import { readModel, simulate, verify, type Model } from "../src/index.ts";
import { webgpuExecutor } from "../src/runtime/webgpu/executor.ts";
import { noDevice } from "../src/runtime/webgpu/gpu.test-util.ts";

const reason = await noDevice();
if (reason !== undefined) console.log(`skipped: ${reason}`);
afterAll(() => webgpuExecutor.close?.());

type Options = Readonly<Record<string, number>>;

const MODELS: readonly (readonly [family: string, options: Options])[] = [
  ["gpt2", { layers: 2, hidden: 64, heads: 2, vocab: 500, sequence: 12 }],
  ["unet", { levels: 2, width: 16, image: 16 }],
];

const plan = async (model: Model, half?: "weights" | "all"): Promise<Plan> =>
  (await compile(model, { target: "tfjs-webgpu", half })).plan;

/** Largest error over the outputs, relative to each output's largest value. */
async function errorAgainst(model: Model, wanted: Plan, given: Plan): Promise<number> {
  const [want, got] = [await executePlan(wanted, { model }), await executePlan(given, { model })];
  return Math.max(
    ...want.outputs.map(({ tensor }, i) => {
      const other = got.outputs[i]!.tensor.data;
      let [scale, error] = [0, 0];
      for (let k = 0; k < sizeOf(tensor.shape); k++) {
        scale = Math.max(scale, Math.abs(Number(tensor.data[k])));
        error = Math.max(error, Math.abs(Number(tensor.data[k]) - Number(other[k])));
      }
      return error / scale;
    }),
  );
}

test("a target that has no such kernels is refused", async () => {
  const model = await readModel(generateModel("gpt2", MODELS[0]![1]));
  await expect(compile(model, { target: "tfjs-wasm", half: "all" })).rejects.toThrow(/half/);
});

describe.each(MODELS)("%s", (family, options) => {
  test("planned bytes are half, and the plans hold", { timeout: 60_000 }, async () => {
    const model = await readModel(generateModel(family, options));
    const [whole, weights, all] = [await plan(model), await plan(model, "weights"), await plan(model, "all")];
    // What is left in float32 is small: biases and scales.
    const left = weights.values.filter(({ kind, dtype }) => kind === "weight" && dtype === "float32");
    expect(left.every(({ bytes }) => bytes < 4096)).toBe(true);
    const leftBytes = left.reduce((sum, { bytes }) => sum + bytes, 0);
    expect(weights.summary.weightsBytes).toBeLessThanOrEqual((whole.summary.weightsBytes + leftBytes) / 2 + 64);
    expect(all.summary.weightsBytes).toBeLessThan(0.51 * whole.summary.weightsBytes);
    // Inputs and outputs of the graph stay float32.
    const edges = all.values
      .filter(({ kind }) => kind === "input" || kind === "output")
      .reduce((sum, { bytes }) => sum + bytes, 0);
    expect(all.summary.arenaBytes).toBeLessThanOrEqual(whole.summary.arenaBytes / 2 + edges);
    expect(weights.summary.arenaBytes).toBeLessThanOrEqual(1.05 * whole.summary.arenaBytes);
    for (const made of [weights, all]) {
      expect(verify(made)).toEqual([]);
      expect(simulate(made)).toEqual([]);
    }
  });

  test.skipIf(reason !== undefined)("results differ by what rounding explains", { timeout: 60_000 }, async () => {
    const model = await readModel(generateModel(family, options));
    const whole = await plan(model);
    const weights = await errorAgainst(model, whole, await plan(model, "weights"));
    const all = await errorAgainst(model, whole, await plan(model, "all"));
    console.log(`${family}: weights in halves ${weights.toExponential(1)}, all in halves ${all.toExponential(1)}`);
    expect(weights).toBeGreaterThan(0);
    expect(weights).toBeLessThan(4e-3);
    expect(all).toBeLessThan(1e-2);
  });
});
