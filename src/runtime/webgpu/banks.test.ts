/** Banks: operands of a dispatch lie in other buffers than its result, and the results are the arena's bit for bit. */
import { afterAll, describe, expect, test } from "vitest";
import { generateModel } from "../../../models/index.ts";
import { compile, executePlan, readModel, type Plan } from "../../index.ts";
import { bytesOf } from "../../kernels/access.ts";
import { importModel } from "../../onnx/import.ts";
import { constantReader, trialInput } from "../index.ts";
import { BANKS, banksOf } from "./banks.ts";
import { sharedDevice, webgpuExecutor } from "./executor.ts";
import { noDevice } from "./gpu.test-util.ts";
import { loadReplay } from "./replay.ts";

const MODELS = [
  ["unet", { levels: 1, width: 4, image: 16 }],
  ["bert", { preset: "tiny", vocab: 100, sequence: 16 }],
] as const;

async function planOf(name: string, options: Readonly<Record<string, number | string>>) {
  const model = await readModel(generateModel(name, options));
  const { plan } = await compile(model, { target: "tfjs-webgpu" });
  return { model, plan };
}

/** Dispatches that read other bytes of the bank that they write. */
function clashes(plan: Plan, banks: ReadonlyMap<number, number>): number {
  const rootOf = (id: number): number => plan.values[id]!.storage.value;
  return plan.steps.filter((step) => {
    if (step.kind !== "kernel") return false;
    const written = rootOf(step.writes[0]!);
    return step.reads
      .map(rootOf)
      .some((read) => read !== written && banks.has(read) && banks.get(read) === banks.get(written));
  }).length;
}

test.each(MODELS)("%s: three banks keep reads apart from writes, one does not", async (name, options) => {
  const { plan } = await planOf(name, options);
  const banks = banksOf(plan, BANKS);
  expect(new Set(banks.values()).size).toBeLessThanOrEqual(BANKS);
  expect(clashes(plan, banks)).toBe(0);
  expect(clashes(plan, banksOf(plan, 1))).toBeGreaterThan(0);
});

const reason = await noDevice();
if (reason !== undefined) console.log(`skipped: no GPU, ${reason}`);

describe.skipIf(reason !== undefined)("on a GPU", () => {
  afterAll(() => webgpuExecutor.close?.());

  test.each(MODELS)("%s: bit for bit as in one arena, in more bytes", async (name, options) => {
    const { model, plan } = await planOf(name, options);
    const constant = constantReader(importModel(model).constants);
    const inputs = plan.inputs.map((_, i) => trialInput(plan, i, 0));
    const gpu = await sharedDevice();
    const arena = await loadReplay(gpu, plan, { constant });
    const banks = await loadReplay(gpu, plan, { constant, hazards: "banks" });
    const wanted = await arena.run(inputs);
    await banks.run(inputs);
    const made = banks.allocations();
    const got = await banks.run(inputs);
    expect(got.map(bytesOf)).toEqual(wanted.map(bytesOf));
    expect(banks.allocations()).toBe(made);
    expect(banks.peakBytes).toBeGreaterThan(arena.peakBytes);
    arena.dispose();
    banks.dispose();
  });

  test("executePlan and its check take the option", async () => {
    const { model, plan } = await planOf(...MODELS[0]);
    const banks = await executePlan(plan, { model, hazards: "banks", check: true });
    expect(banks.check).toMatchObject({ equal: true });
    expect(banks.peakBytes).toBeGreaterThan((await executePlan(plan, { model })).peakBytes);
  });
});
