import { describe, expect, it } from "vitest";
import { generateModel } from "../../models/index.ts";
import { importModel } from "../../src/onnx/import.ts";
import { readModel } from "../../src/onnx/read.ts";
import { loadTarget } from "../../src/target/index.ts";
import type { Program } from "../../src/ir/types.ts";
import { inPlace } from "../in-place.ts";
import { lower } from "../lower.ts";
import { InputError } from "../../src/errors.ts";
import { fastMemoryOf, mapProgram, programProblem } from "./index.ts";

async function programOf(name: string, options: Record<string, string | number>, target: string): Promise<Program> {
  const model = await readModel(generateModel(name, { ...options, weights: "none" }));
  return inPlace(lower(importModel(model, {}).graph, loadTarget(target)));
}

describe("map-memory", () => {
  it.each([
    ["resnet", { depth: 18 }, "tpu-v4i"],
    ["resnet", { depth: 18, batch: 16 }, "tpu-v4i-16mib"],
    ["bert", { preset: "tiny" }, "tpu-v4i-16mib"],
    ["gpt2", { preset: "tiny" }, "edge-npu"],
    ["mobilenet-v2", {}, "edge-npu"],
    ["vgg", { depth: 11 }, "webgpu-offload"],
    ["unet", { image: 64 }, "webgpu-offload"],
  ])(
    "%s %j on %s: never worse than no mapping, never below the bound, ranges apart",
    async (name, options, targetName) => {
      const target = loadTarget(targetName);
      const program = await programOf(name, options, targetName);
      const mapping = mapProgram(program, target, { budget: 300 });
      expect(mapping.seconds).toBeLessThanOrEqual(mapping.allSlowSeconds);
      expect(mapping.bound).toBeLessThanOrEqual(mapping.seconds);
      expect(mapping.leadSeconds + mapping.stepSeconds.reduce((sum, s) => sum + s, 0)).toBeCloseTo(mapping.seconds, 9);
      const fast = target.memories.find((memory) => memory.name === mapping.fastMemory)!;
      const { placements } = mapping;
      expect(placements.length).toBeGreaterThan(0);
      placements.forEach((x, i) => {
        expect(x.offset % fast.alignment).toBe(0);
        expect(x.offset + x.bytes).toBeLessThanOrEqual(fast.bytes);
        for (const y of placements.slice(i + 1))
          expect(
            x.from < y.to && y.from < x.to && x.offset < y.offset + y.bytes && y.offset < x.offset + x.bytes,
            `${x.value} and ${y.value}`,
          ).toBe(false);
      });
      // Whatever a step finds in fast memory has a range there, or is staged for it.
      mapping.fastAt.forEach((roots, step) => {
        for (const root of roots) {
          const held = placements.some((placed) => placed.value === root && placed.from <= step && step < placed.to);
          const staged = mapping.staged.some((copy) => copy.value === root && copy.step === step);
          expect(held !== staged, `${root} at ${step}`).toBe(true);
        }
      });
    },
  );

  it("counts each byte of a step once, as the roofline of lower does", async () => {
    const target = { ...loadTarget("tpu-v4i"), launchSeconds: 0 };
    const program = await programOf("resnet", { depth: 18 }, "tpu-v4i");
    const { problem } = programProblem(program, target, fastMemoryOf(target));
    problem.instructions.forEach((instruction, i) => {
      const bytes = instruction.accesses.reduce((sum, access) => sum + access.readBytes + access.writeBytes, 0);
      const seconds = Math.max(instruction.computeSeconds, bytes / problem.hardware.slowBytesPerSecond);
      expect(seconds).toBeCloseTo(program.steps[i]!.seconds - loadTarget("tpu-v4i").launchSeconds, 12);
    });
  });

  it.each(["tfjs-wasm", "tfjs-webgpu", "mcu-512k", "a100-40gb"])(
    "refuses %s, which has no fast memory",
    async (name) => {
      const program = await programOf("resnet", { depth: 18 }, name);
      expect(() => mapProgram(program, loadTarget(name))).toThrow(InputError);
      expect(() => mapProgram(program, loadTarget(name))).toThrow("no fast memory");
    },
  );
});
