import { beforeAll, describe, expect, test } from "vitest";
import { generateModel } from "../../models/index.ts";
import { compile } from "../compile.ts";
import { loadTarget, withCapacity } from "../target/index.ts";
import { ALWAYS, SOMETIMES, type Draw } from "./mapped-mutations.test-util.ts";
import { readPlan } from "./read.ts";
import type { Plan } from "./schema.ts";
import { simulate } from "./simulate.ts";
import { verify } from "./verify.ts";
import { writePlan } from "./write.ts";

const PLANS = [
  ["gpt2", { preset: "tiny", vocab: 500, sequence: 32 }, "tpu-v4i", "cmem", 64 << 10],
  ["unet", { image: 32, width: 8 }, "edge-npu", "sram", 64 << 10],
  ["resnet", { depth: 18, image: 32, width: 8 }, "tpu-v4i-16mib", "cmem", 100 << 10],
  ["moe", { hidden: 32, inner: 48, experts: 4, sequence: 16 }, "webgpu-offload", "gpu", 64 << 10],
] as const;

const plans: Plan[] = [];

beforeAll(async () => {
  for (const [name, options, target, memory, capacity] of PLANS) {
    const { plan } = await compile(generateModel(name, { ...options, weights: "none" }), {
      target: withCapacity(loadTarget(target), new Map([[memory, capacity]])),
      mapMemory: { budget: 100 },
    });
    plans.push(plan);
  }
}, 60_000);

function drawer(seed: number): Draw {
  let state = seed + 1;
  return (below) => (state = (Math.imul(state, 1103515245) + 12345) >>> 0) % Math.max(1, below);
}

describe("good mapped plans", () => {
  test("hold, byte for byte, and use what there is to spoil", () => {
    for (const plan of plans) {
      expect(verify(plan), plan.model.name).toEqual([]);
      expect(simulate(plan), plan.model.name).toEqual([]);
      const copies = plan.steps.flatMap((step) => (step.kind === "copy" ? [step] : []));
      expect(copies.length, plan.model.name).toBeGreaterThan(3);
    }
    const all = plans.flatMap((plan) => plan.steps.flatMap((step) => (step.kind === "copy" ? [{ plan, step }] : [])));
    expect(
      all.some(({ step, plan }) => step.done > step.start && step.to === plan.certificate.mapping!.fastMemory),
    ).toBe(true);
    expect(
      all.some(({ step, plan }) => step.done > step.start && step.to === plan.certificate.mapping!.slowMemory),
    ).toBe(true);
    expect(all.some(({ step }) => (step.stallSeconds ?? 0) > 0)).toBe(true);
  });

  test("round-trip through the text, byte for byte", () => {
    for (const plan of plans) {
      const text = writePlan(plan);
      expect(readPlan(text)).toEqual(plan);
      expect(writePlan(readPlan(text))).toBe(text);
    }
  });
});

describe("spoiled mapped plans", () => {
  test.each(Object.keys(ALWAYS))("%s: rejected", (name) => {
    let spoiled = 0;
    for (const plan of plans)
      for (let seed = 0; seed < 5; seed++) {
        const changed = ALWAYS[name]!(plan, drawer(seed));
        if (changed === undefined) continue;
        spoiled++;
        expect(verify(changed).length, `${plan.model.name}, seed ${seed}`).toBeGreaterThan(0);
      }
    expect(spoiled).toBeGreaterThan(0);
  });

  test.each(Object.keys(SOMETIMES))("%s: rejected wherever the simulator objects", (name) => {
    let objected = 0;
    let rejected = 0;
    for (const plan of plans)
      for (let seed = 0; seed < 8; seed++) {
        const changed = SOMETIMES[name]!(plan, drawer(seed));
        if (changed === undefined) continue;
        const violations = verify(changed);
        if (violations.length > 0) rejected++;
        let objects = true;
        try {
          objects = simulate(changed).length > 0;
        } catch {
          // It follows indices that may not be there.
        }
        if (!objects) continue;
        objected++;
        expect(violations.length, `${plan.model.name}, seed ${seed}`).toBeGreaterThan(0);
      }
    expect(objected).toBeGreaterThan(0);
    expect(rejected).toBeGreaterThanOrEqual(objected);
  });
});
