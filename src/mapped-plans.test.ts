/** Plans mapped to two memories, from real architectures: verified, executed byte by byte, and run with equal results. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { generateModel, modelFamilies } from "../models/index.ts";
import {
  compile,
  executePlan,
  InfeasibleError,
  loadTarget,
  readModel,
  simulate,
  verify,
  withCapacity,
  type Plan,
} from "./index.ts";
import { plannedRegions } from "./runtime/regions.ts";

/** Small forms of every family: what matters here is the graph, not the size. */
const SMALL: Readonly<Record<string, Readonly<Record<string, string | number>>>> = {
  resnet: { depth: 18, image: 32, width: 16 },
  alexnet: { hidden: 64, image: 64, classes: 10 },
  densenet: { growth: 8, width: 16, image: 32, classes: 10 },
  vgg: { depth: 11, image: 32, width: 16 },
  "mobilenet-v2": { image: 32, classes: 100 },
  unet: { image: 32, width: 8 },
  bert: { preset: "tiny", vocab: 1000 },
  gpt2: { preset: "tiny" },
  llama: { preset: "tiny" },
  moe: { hidden: 64, inner: 96, experts: 4, sequence: 16 },
  "sd-unet-block": { channels: 32, size: 16, heads: 4, context: 64, tokens: 8, groups: 8 },
};
/** Targets whose kernels reach the slow memory too. */
const DIRECT = ["tpu-v4i", "tpu-v4i-16mib", "edge-npu"];

/** Bytes that the largest step needs at once, roughly, where it is more than 4 MiB. */
const LEAST: Readonly<Record<string, number>> = { vgg: 80 << 20 };

const families = modelFamilies();

async function mapped(model: Uint8Array, targetName: string, capacity?: number): Promise<Plan> {
  const target = loadTarget(targetName);
  const fast = targetName === "webgpu-offload" ? "gpu" : targetName === "edge-npu" ? "sram" : "cmem";
  const { plan } = await compile(model, {
    target: capacity === undefined ? target : withCapacity(target, new Map([[fast, capacity]])),
    mapMemory: { budget: 60 },
  });
  const { mapping } = plan.certificate;
  expect(mapping?.fastMemory).toBe(fast);
  expect(plan.summary.seconds).toBeLessThanOrEqual(mapping!.allSlowSeconds * (1 + 1e-9));
  expect(simulate(plan)).toEqual([]);
  expect(verify(plan)).toEqual([]);
  const index = plan.target.memories.findIndex(({ name }) => name === fast);
  expect(plannedRegions(plan).bytes[index]).toBeLessThanOrEqual(plan.target.memories[index]!.bytes);
  return plan;
}

describe("mapped plans", () => {
  test("every family has a small form", () => {
    for (const { name } of families) expect(Object.keys(SMALL), name).toContain(name);
  });

  test.each(families.map(({ name }, i) => [name, DIRECT[i % DIRECT.length]!] as const))(
    "%s on %s and on webgpu-offload: results bit for bit",
    { timeout: 120_000 },
    async (name, direct) => {
      const model = generateModel(name, { ...SMALL[name], seed: 3 });
      // Small memories, so that values come and go.
      for (const [target, capacity] of [
        [direct, 256 << 10],
        ["webgpu-offload", LEAST[name] ?? 4 << 20],
      ] as const) {
        const plan = await mapped(model, target, capacity);
        const { check } = await executePlan(plan, { model, check: true, repeat: 2 });
        expect(check, `${name} on ${target}`).toEqual({ equal: true, maxAbsError: 0, maxRelError: 0 });
      }
    },
  );

  test.each(families.map(({ name }) => name))("%s on every target as it is", { timeout: 120_000 }, async (name) => {
    const model = generateModel(name, { ...SMALL[name], weights: "none" });
    for (const target of [...DIRECT, "webgpu-offload"]) await mapped(model, target);
  });

  test("the reference kernels find their operands in the same places", async () => {
    const model = generateModel("bert", { preset: "tiny" });
    const plan = await mapped(model, "edge-npu", 64 << 10);
    expect(plan.steps.some(({ kind }) => kind === "copy")).toBe(true);
    const { check } = await executePlan(plan, { model, check: true, backend: "cpu" });
    expect(check?.equal).toBe(true);
  });

  test.each(["bert_tiny/model.onnx", "light/light_resnet50.onnx"])("%s", { timeout: 120_000 }, async (file) => {
    const path = join(import.meta.dirname, "../fixtures/onnx", file);
    expect(existsSync(path)).toBe(true);
    const model = await readModel(path);
    const dims = new Map(file.startsWith("bert") ? Object.entries({ batch: 2, seq: 16 }) : []);
    const { plan } = await compile(model, { dims, target: "edge-npu", mapMemory: { budget: 60 } });
    expect(plan.certificate.mapping).toBeDefined();
    expect(simulate(plan)).toEqual([]);
  });

  test("operands that don't fit where kernels reach nothing else", async () => {
    const model = generateModel("vgg", { depth: 11, image: 32, weights: "none" });
    const error = await mapped(model, "webgpu-offload", 16 << 20).catch((cause: unknown) => cause);
    expect(error).toBeInstanceOf(InfeasibleError);
    expect(error).toMatchObject({ code: "working-set-too-large" });
    expect((error as InfeasibleError).where).toMatch(/^node '/);
    expect((error as InfeasibleError).details[0]).toMatch(/'.+' \d+/);
  });
});
