/** Plans in a fraction of what they need without offloading: the same bits, nothing made in steady state. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { generateModel } from "../../../models/index.ts";
import { offloadFloor } from "../../../passes/index.ts";
import { compile, executePlan, readModel } from "../../index.ts";
import { loadTarget, withCapacity } from "../../target/index.ts";
import { webgpuExecutor } from "./executor.ts";
import { noDevice } from "./gpu.test-util.ts";

const reason = await noDevice();
if (reason !== undefined) console.log(`skipped: no GPU, ${reason}`);

const FRACTIONS = [0.7, 0.5];

describe.skipIf(reason !== undefined)("offload on webgpu", () => {
  beforeAll(() => {
    expect(reason).toBeUndefined();
  });
  afterAll(() => webgpuExecutor.close?.());

  test.each([
    // Several skips a level: with one, the topmost concatenation's own working set is the whole bound.
    ["unet", { levels: 2, width: 4, image: 16, blocks: 6 }],
    ["gpt2", { preset: "tiny", layers: 6, vocab: 100, sequence: 16 }],
  ] as const)("%s %o in 70% and 50% of its no-swap bound, bit for bit", async (name, options) => {
    const model = await readModel(generateModel(name, options));
    const roomy = loadTarget("tfjs-webgpu");
    const { plan: whole, program } = await compile(model, { target: roomy });
    const { outputs: wanted } = await executePlan(whole, { model });
    const bound = whole.summary.arenaLowerBoundBytes;
    const floor = offloadFloor(program, roomy);
    expect(floor.bytes).toBeLessThan(0.5 * bound);
    for (const fraction of FRACTIONS) {
      const capacity = Math.floor(bound * fraction);
      const { plan } = await compile(model, { target: withCapacity(roomy, new Map([["arena", capacity]])) });
      expect(plan.summary.peakBytes["arena"]).toBeLessThanOrEqual(capacity);
      expect(plan.summary.peakBytes["arena"]).toBeGreaterThanOrEqual(floor.bytes);
      expect(plan.steps.some((step) => step.kind === "copy")).toBe(true);
      const result = await executePlan(plan, { model, repeat: 2, check: fraction === 0.5 });
      expect(result.outputs.map(({ sha256 }) => sha256)).toEqual(wanted.map(({ sha256 }) => sha256));
      if (fraction === 0.5) expect(result.check).toMatchObject({ equal: true });
      expect(result.steadyAllocations).toBe(0);
    }
    // Below the largest working set no plan exists, and the error names the step.
    const target = withCapacity(roomy, new Map([["arena", floor.bytes - 1]]));
    await expect(compile(model, { target })).rejects.toMatchObject({
      code: "capacity-exceeded",
      where: `node '${program.steps[floor.step]!.node}'`,
    });
  });
});
