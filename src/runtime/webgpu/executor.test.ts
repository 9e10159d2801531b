/** Plans on a GPU (software is enough): the same bits as TensorFlow.js's own backend gives, and nothing made in steady state. */
import { existsSync } from "node:fs";
import { basename, join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { generateModel } from "../../../models/index.ts";
import { compareTensors } from "../../conformance/compare.ts";
import { readTensors } from "../../conformance/cases.ts";
import { compile, executePlan, readModel, type Plan, type Tensor } from "../../index.ts";
import { sizeOf } from "../../kernels/access.ts";
import { bindings, DATA, MODELS } from "../../../bench/real-graphs.ts";
import { webgpuExecutor } from "./executor.ts";
import { noDevice } from "./gpu.test-util.ts";

const reason = await noDevice();
if (reason !== undefined) console.log(`skipped: no GPU, ${reason}`);

const bytesOn = (plan: Plan): number => plan.summary.peakBytes["arena"]! + plan.summary.peakBytes["weights"]!;

/** Runs twice, checks against TensorFlow.js's own backend. */
async function check(plan: Plan, model: Parameters<typeof compile>[0], inputs?: ReadonlyMap<string, Tensor>) {
  const result = await executePlan(plan, {
    model,
    repeat: 2,
    check: true,
    ...(inputs === undefined ? {} : { inputs }),
  });
  expect(result.check).toMatchObject({ equal: true });
  expect(result.steadyAllocations).toBe(0);
  expect(Math.abs(result.peakBytes - bytesOn(plan))).toBeLessThan(64);
  return result;
}

describe.skipIf(reason !== undefined)("webgpu", () => {
  beforeAll(() => {
    expect(reason).toBeUndefined();
  });
  afterAll(() => webgpuExecutor.close?.());

  test.each([
    ["resnet", { depth: 18, image: 32, width: 8, classes: 10 }],
    ["vgg", { image: 32, width: 4, classes: 10, hidden: 16 }],
    ["mobilenet-v2", { image: 32, multiplier: 0.35, classes: 10 }],
    ["unet", { levels: 2, width: 8, image: 32 }],
    ["bert", { preset: "tiny", vocab: 100, sequence: 16 }],
    ["gpt2", { preset: "tiny", vocab: 100, sequence: 16 }],
    ["llama", { preset: "tiny", sequence: 8 }],
    ["llama", { preset: "tiny", sequence: 1, past: 7, batch: 2 }],
    ["moe", { hidden: 32, inner: 48, experts: 4, sequence: 8 }],
    ["sd-unet-block", { channels: 32, size: 8, heads: 2, context: 24, tokens: 5, groups: 4 }],
  ])("%s %o: bit for bit as TensorFlow.js computes it, and as wasm within rounding", async (name, options) => {
    const model = await readModel(generateModel(name, options));
    const { plan } = await compile(model, { target: "tfjs-webgpu" });
    const { outputs } = await check(plan, model);
    const wasm = await executePlan((await compile(model)).plan, { model });
    wasm.outputs.forEach(({ name: own, tensor }, i) => {
      expect(compareTensors(own, outputs[i]!.tensor, tensor, { rtol: 1e-3, atol: 1e-4 })?.message).toBeUndefined();
    });
  });

  test("a U-Net in NCHW joins its skips where they lie", async () => {
    const model = await readModel(generateModel("unet", { levels: 3, width: 8, image: 32 }));
    const { plan } = await compile(model, { target: "tfjs-webgpu", without: new Set(["channels-last"]) });
    const joined = plan.steps.filter(
      (step) => step.kind === "kernel" && step.kernel === "Concat" && step.seconds === 0,
    );
    expect(joined.length).toBeGreaterThan(0);
    await check(plan, model);
  });

  const exported = [
    "bert_tiny_dynamo",
    "bert_tiny_ts",
    "gpt2-kv_tiny_dynamo",
    "llama-kv_tiny_dynamo",
    "unet_tiny_dynamo",
  ]
    .map((name) => join(MODELS, "exported", `${name}.onnx`))
    .filter(existsSync);
  test.each(exported.map((file) => [basename(file, ".onnx"), file]))("%s: PyTorch's outputs", async (name, file) => {
    const data = join(MODELS, "exported", `${name}_data`, "test_data_set_0");
    const given = await readTensors(data, "input");
    const model = await readModel(file);
    const { plan } = await compile(model, { ...bindings(name, model, given), target: "tfjs-webgpu" });
    const inputs = new Map<string, Tensor>();
    plan.inputs.forEach((id, i) => {
      const { name: own, shape } = plan.values[id]!;
      if (given[i]) inputs.set(own, { ...given[i], shape });
    });
    const { outputs } = await check(plan, model, inputs);
    const wanted = await readTensors(data, "output");
    outputs.forEach(({ name: own, tensor }, i) => {
      if (!wanted[i]) return;
      const expected = sizeOf(wanted[i].shape) === 1 ? { ...wanted[i], shape: tensor.shape } : wanted[i];
      expect(compareTensors(own, tensor, expected, { rtol: 1e-3, atol: 1e-4 })?.message).toBeUndefined();
    });
  });

  const light = join(DATA, "light", "light_squeezenet.onnx");
  test.runIf(existsSync(light))("a full-size graph", { timeout: 300_000 }, async () => {
    const model = await readModel(light);
    const { plan } = await compile(model, { target: "tfjs-webgpu" });
    await check(plan, model);
    expect(plan.summary.arenaBytes).toBe(plan.summary.arenaLowerBoundBytes);
  });

  test("an edited plan never reaches the GPU", async () => {
    const model = await readModel(generateModel("bert", { preset: "tiny", vocab: 100, sequence: 4 }));
    const { plan } = await compile(model, { target: "tfjs-webgpu" });
    const other = structuredClone(plan);
    other.trace!.sha256 = "0".repeat(64);
    await expect(executePlan(other, { model })).rejects.toMatchObject({ code: "trace-mismatch" });
    const swapped = structuredClone(plan);
    const step = swapped.steps.findIndex((one) => one.kind === "kernel" && one.reads.length === 2);
    const edited = swapped.steps[step]!;
    if (edited.kind === "kernel") edited.reads.reverse();
    await expect(executePlan(swapped, { model })).rejects.toMatchObject({ code: "trace-mismatch" });
    await expect(executePlan(plan, { model, backend: "wasm" })).rejects.toMatchObject({ code: "wrong-backend" });
    const wasm = await compile(model);
    await expect(executePlan(wasm.plan, { model, backend: "webgpu" })).rejects.toMatchObject({ code: "wrong-backend" });
  });
});
