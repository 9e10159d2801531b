import { InferenceSession, Tensor as OrtTensor } from "onnxruntime-node";
import { describe, expect, test } from "vitest";
import { compareTensors } from "../src/conformance/compare.ts";
import { compile, executePlan, InputError, readModel } from "../src/index.ts";
import { tensorFromBytes } from "../src/kernels/access.ts";
import { trialInput } from "../src/runtime/index.ts";
import { generateModel, parameterCount } from "./index.ts";

const TINY: readonly (readonly [string, Record<string, number | string | boolean>])[] = [
  ["resnet", { depth: 18, image: 64, width: 8, classes: 10 }],
  ["resnet", { depth: 50, image: 64, width: 8, classes: 10, dims: "symbolic" }],
  ["vgg", { depth: 11, image: 32, width: 8, hidden: 32, classes: 10 }],
  ["alexnet", { image: 67, hidden: 32, classes: 10 }],
  ["densenet", { depth: 121, image: 64, growth: 4, width: 8, classes: 10 }],
  ["mobilenet-v2", { image: 64, multiplier: 0.35, classes: 10 }],
  ["unet", { levels: 2, width: 8, image: 32 }],
  ["bert", { preset: "tiny", vocab: 100, sequence: 16, batch: 2 }],
  ["bert", { preset: "tiny", vocab: 100, sequence: 16, batch: 2, dims: "symbolic" }],
  ["gpt2", { preset: "tiny", sequence: 8 }],
  ["gpt2", { preset: "tiny", sequence: 1, past: 7, batch: 2 }],
  ["llama", { preset: "tiny", sequence: 8 }],
  ["llama", { preset: "tiny", sequence: 1, past: 7, batch: 2 }],
  ["moe", { hidden: 32, inner: 48, experts: 4, sequence: 8 }],
  ["sd-unet-block", { channels: 32, size: 8, heads: 2, context: 24, tokens: 5, groups: 4 }],
];

describe("every family, small", () => {
  test.each(TINY)(
    "%s %o: planned on wasm equals ONNX Runtime, and an unplanned run bit for bit",
    async (name, options) => {
      const bytes = generateModel(name, options);
      const model = await readModel(bytes);
      const dims = options["dims"] === "symbolic" ? new Map([["batch", 2]]) : new Map<string, number>();
      const { plan } = await compile(model, { dims });
      expect(plan.summary.arenaBytes).toBeLessThanOrEqual(plan.summary.arenaLowerBoundBytes * 1.02);
      expect(plan.summary.arenaBytes).toBeLessThanOrEqual(
        plan.summary.fileOrderPeakBytes + 64 * plan.placements.length,
      );
      const inputs = new Map(plan.inputs.map((id, i) => [plan.values[id]!.name, trialInput(plan, i, 1)]));
      const result = await executePlan(plan, { model, inputs, check: true });
      expect(result.check).toMatchObject({ equal: true });

      const session = await InferenceSession.create(bytes, { graphOptimizationLevel: "disabled" });
      const feeds = Object.fromEntries(
        [...inputs].map(([own, tensor]) => [
          own,
          new OrtTensor(tensor.dtype as "float32", tensor.data as Float32Array, tensor.shape),
        ]),
      );
      const wanted = await session.run(feeds);
      for (const { name: own, tensor } of result.outputs) {
        const expected = wanted[own]!;
        const data = expected.data as Float32Array;
        const reference = tensorFromBytes(
          "float32",
          expected.dims,
          new Uint8Array(data.buffer, data.byteOffset, data.byteLength),
        );
        expect(compareTensors(own, tensor, reference, { rtol: 1e-3, atol: 1e-4 })?.message).toBeUndefined();
        expect(data.every(Number.isFinite)).toBe(true);
      }
      await session.release();
    },
  );
});

test("parameter counts are the published ones", () => {
  const counts = Object.fromEntries(
    (
      [
        ["resnet18", "resnet", { depth: 18 }],
        ["resnet50", "resnet", { depth: 50 }],
        ["vgg16", "vgg", { depth: 16 }],
        ["vgg19", "vgg", { depth: 19 }],
        ["alexnet", "alexnet", {}],
        ["densenet121", "densenet", {}],
        ["mobilenet-v2", "mobilenet-v2", {}],
        ["bert-base", "bert", {}],
        ["gpt2", "gpt2", {}],
        ["llama-2-7b", "llama", { preset: "7b" }],
        ["llama-3-8b", "llama", { preset: "8b" }],
        ["llama-2-70b", "llama", { preset: "70b" }],
      ] as const
    ).map(([key, name, options]) => [key, parameterCount(name, options)]),
  );
  // Batch norm's running statistics are weights to ONNX; papers count only scale and bias.
  expect(counts).toEqual({
    resnet18: 11_689_512 + 2 * 4800,
    resnet50: 25_557_032 + 2 * 26_560,
    vgg16: 138_357_544,
    vgg19: 143_667_240,
    alexnet: 61_100_840,
    densenet121: 7_978_856 + 2 * 41_824,
    "mobilenet-v2": 3_504_872 + 2 * 17_056,
    "bert-base": 109_482_240,
    gpt2: 124_439_808,
    "llama-2-7b": 6_738_415_616,
    "llama-3-8b": 8_030_261_248,
    "llama-2-70b": 68_976_648_192,
  });
});

test("a 70B graph without weights is a small file, the same every time, and plans", async () => {
  const options = { preset: "70b", weights: "none", sequence: 16 };
  const bytes = generateModel("llama", options);
  expect(bytes.byteLength).toBeLessThan(2_000_000);
  expect(Buffer.compare(bytes, generateModel("llama", options))).toBe(0);
  const { plan } = await compile(bytes, { target: "h200" }).catch((error: unknown) => {
    expect(error).toMatchObject({ code: "capacity-exceeded" });
    return compile(generateModel("llama", { ...options, layers: 8 }), { target: "h200" });
  });
  expect(plan.summary.weightsBytes).toBeGreaterThan(25e9);
});

test("unknown names and options are refused with the choice", () => {
  expect(() => generateModel("resnest")).toThrow(InputError);
  expect(() => generateModel("bert", { preset: "huge" })).toThrow(/huge/);
  expect(() => generateModel("bert", { layer: 3 })).toThrow(InputError);
  expect(() => generateModel("bert", { layers: "x" })).toThrow(InputError);
});
