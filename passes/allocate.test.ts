/** Allocation on real architectures: at the bound, proven, and what an infeasible memory says. */
import { describe, expect, test } from "vitest";
import { generateModel } from "../models/index.ts";
import { compile, readModel } from "../src/index.ts";
import type { Plan } from "../src/plan/schema.ts";
import { verify } from "../src/plan/verify.ts";
import { loadTarget, type Target } from "../src/target/index.ts";
import type { PassName } from "./registry.ts";

const MODELS: readonly (readonly [string, Record<string, number | string | boolean>])[] = [
  ["resnet", { depth: 18, image: 64, width: 8, classes: 10 }],
  ["resnet", { depth: 50 }],
  ["vgg", { depth: 11, image: 32, width: 8, hidden: 32, classes: 10 }],
  ["alexnet", {}],
  ["densenet", { depth: 121, image: 64, growth: 4, width: 8, classes: 10 }],
  ["mobilenet-v2", {}],
  ["unet", { levels: 2, width: 8, image: 32 }],
  ["bert", { preset: "tiny", vocab: 100, sequence: 16, batch: 2 }],
  ["gpt2", { preset: "tiny", sequence: 8 }],
  ["llama", { preset: "tiny", sequence: 1, past: 7, batch: 2 }],
  ["moe", { hidden: 32, inner: 48, experts: 4, sequence: 8 }],
  ["sd-unet-block", { channels: 32, size: 8, heads: 2, context: 24, tokens: 5, groups: 4 }],
];

const TARGETS = ["tfjs-wasm", "a100-40gb"];

const withCapacity = (target: Target, bytes: number): Target => ({
  ...target,
  memories: target.memories.map((memory) => (memory.name === target.arenaMemory ? { ...memory, bytes } : memory)),
});

describe.each(MODELS)("%s %o", (name, options) => {
  test.each(TARGETS)("%s: at the bound, which is proven", async (target) => {
    const model = await readModel(generateModel(name, { ...options, weights: "none" }));
    for (const without of [[], ["schedule", "in-place", "fuse"]] as PassName[][]) {
      const { plan } = await compile(model, { target, without: new Set(without) });
      const { packings = [], status } = plan.certificate;
      expect(packings.length).toBeGreaterThan(0);
      for (const { status: own, heightBytes, lowerBoundBytes } of packings)
        expect([own, heightBytes]).toEqual(["optimal", lowerBoundBytes]);
      expect(status).toBe("optimal");
    }
  });
});

describe("what the certificate says", () => {
  const planned = async (): Promise<Plan> => {
    const model = await readModel(generateModel("resnet", { depth: 18, image: 32, width: 4, weights: "none" }));
    return (await compile(model, { target: "tfjs-wasm" })).plan;
  };

  test.each([
    ["heightBytes", (n: number) => n - 64],
    ["lowerBoundBytes", (n: number) => n - 64],
    ["lowerBoundBytes", (n: number) => n + 64],
    ["step", (n: number) => (n === 0 ? 1 : 0)],
  ] as const)("%s changed is found", async (field, change) => {
    const plan = await planned();
    expect(verify(plan)).toEqual([]);
    const [packing] = plan.certificate.packings!;
    const certificate = { ...plan.certificate, packings: [{ ...packing!, [field]: change(packing![field]) }] };
    expect(verify({ ...plan, certificate }).map(({ code }) => code)).toContain("wrong-certificate");
  });

  test("a feasible packing that is called optimal is found, as is a memory that is none", async () => {
    const plan = await planned();
    const [packing] = plan.certificate.packings!;
    const packed = (change: object): Plan => ({
      ...plan,
      certificate: { ...plan.certificate, packings: [{ ...packing!, ...change }] },
    });
    expect(verify(packed({ status: "feasible" }))).toMatchObject([{ code: "wrong-certificate" }]);
    expect(verify(packed({ memory: "nowhere" }))).toMatchObject([{ code: "unknown-memory" }]);
  });
});

test.each([true, false])(
  "a memory that is too small (links %j): the few buffers that can't be there together, and when",
  async (links) => {
    const bytes = generateModel("resnet", { depth: 18, image: 32, width: 4, weights: "none" });
    const model = await readModel(bytes);
    const target = loadTarget("tfjs-wasm");
    const { plan } = await compile(model, { target });
    const [packing] = plan.certificate.packings!;
    const capacity = packing!.lowerBoundBytes - 1;
    const small = { ...withCapacity(target, capacity), ...(links ? {} : { links: [] }) };
    const failure = await compile(model, { target: small }).then(
      () => undefined,
      (error: unknown) => error as { readonly code: string; readonly details: readonly string[] },
    );
    expect(failure?.code).toBe("capacity-exceeded");
    const note = failure!.details.find((line) => line.includes("can't fit together"));
    expect(note).toMatch(/^these \d+ can't fit together at steps? \d+/);
    const sizes = [...note!.matchAll(/' (\d+)/g)].map(([, size]) => Number(size));
    // They pass the capacity; without the smallest of them they do not.
    const whole = sizes.reduce((sum, size) => sum + Math.ceil(size / 64) * 64, 0);
    expect(whole).toBeGreaterThan(capacity);
    expect(whole - Math.ceil(Math.min(...sizes) / 64) * 64 - 63).toBeLessThanOrEqual(capacity);
  },
);
