import { afterAll, describe, expect, test } from "vitest";
import { generateModel } from "../../../models/index.ts";
import { compileModel } from "../../compile.ts";
import { compareTensors } from "../../conformance/compare.ts";
import { importModel } from "../../onnx/import.ts";
import { readModel } from "../../onnx/read.ts";
import type { Plan } from "../../plan/schema.ts";
import { cpuExecutor } from "../cpu.ts";
import { trialInput } from "../inputs.ts";
import { constantReader } from "../open.ts";
import type { LoadOptions } from "../types.ts";
import { wasmExecutor } from "../wasm/executor.ts";
import { tensorflowExecutor } from "./executor.ts";
import { fakeTensorflow } from "./fake.test-util.ts";

interface Prepared {
  readonly plan: Plan;
  readonly constant: LoadOptions["constant"];
}

async function prepare(name: string, options: Record<string, string | number>): Promise<Prepared> {
  const model = await readModel(generateModel(name, options));
  const { plan } = compileModel(model, {});
  return { plan, constant: constantReader(importModel(model, {}).constants) };
}

const inputsOf = (plan: Plan, seed: number) => plan.inputs.map((_, i) => trialInput(plan, i, seed));

const SMALL: readonly (readonly [string, Record<string, string | number>, readonly string[]])[] = [
  ["resnet", { depth: 18, image: 32, width: 4, classes: 5 }, ["Add"]],
  ["mobilenet-v2", { image: 32, multiplier: 0.35, classes: 5 }, ["FusedDepthwiseConv2D"]],
  ["vgg", { depth: 11, image: 32, width: 4, hidden: 16, classes: 5 }, ["MaxPool"]],
  ["bert", { preset: "tiny", vocab: 50, sequence: 8, batch: 2 }, ["Softmax", "Transpose", "Add"]],
  ["unet", { levels: 2, width: 4, image: 16 }, ["FusedConv2D"]],
  ["moe", { hidden: 16, inner: 24, experts: 4, sequence: 4 }, ["Multiply"]],
];

describe("the tensorflow executor, on a stand-in for the native binding", () => {
  const { loaded, backend } = fakeTensorflow();
  const before = backend.numDataIds();
  afterAll(() => expect(backend.numDataIds()).toBe(before));

  test("says what it can't promise", async () => {
    const executor = await tensorflowExecutor(loaded);
    expect(executor.capabilities).toEqual({ exactOffsets: false, swap: false, timestamps: false });
    expect(executor.device).toMatch(/tfjs-node-gpu 4\.22\.0 on GPU, order and lifetimes only/);
  });

  test.each(SMALL)("%s %o computes what the cpu executor does, and leaks nothing", async (name, options, kernels) => {
    const { plan, constant } = await prepare(name, options);
    const executor = await tensorflowExecutor(loaded);
    const reference = await cpuExecutor.load(plan, { constant });
    const executable = await executor.load(plan, { constant });
    backend.kernels.length = 0;
    let steady = -1;
    for (let seed = 1; seed <= 3; seed++) {
      const inputs = inputsOf(plan, seed);
      const [wanted, got] = [await reference.run(inputs), await executable.run(inputs)];
      got.forEach((tensor, i) =>
        expect(compareTensors(String(i), tensor, wanted[i]!, { rtol: 1e-4, atol: 1e-5 })?.message).toBeUndefined(),
      );
      if (seed === 1) steady = backend.numDataIds();
    }
    expect(backend.numDataIds()).toBe(steady);
    for (const kernel of kernels) expect(backend.kernels).toContain(kernel);
    executable.dispose();
    expect(backend.numDataIds()).toBe(before);
  });

  test("frees what the plan says is dead", async () => {
    const { plan, constant } = await prepare("unet", { levels: 3, width: 4, image: 64 });
    const executor = await tensorflowExecutor(loaded);
    const peakOf = async (unplanned: boolean): Promise<{ live: number; counted: number }> => {
      const executable = await executor.load(plan, { constant, unplanned });
      backend.peak = 0;
      await executable.run(inputsOf(plan, 1));
      executable.dispose();
      return { live: backend.peak, counted: executable.peakBytes };
    };
    const [planned, unplanned] = [await peakOf(false), await peakOf(true)];
    expect(planned.live).toBeLessThan(unplanned.live / 1.5);
    expect(planned.counted).toBeLessThan(unplanned.counted);
    // Without reuse, all activations and weights are there at the end.
    expect(unplanned.counted).toBeGreaterThanOrEqual(plan.summary.unplannedBytes);
  });

  test("shares an engine with the wasm executor", async () => {
    const { plan, constant } = await prepare("vgg", { depth: 11, image: 32, width: 4, hidden: 16, classes: 5 });
    const inputs = inputsOf(plan, 4);
    const onTensorflow = await (await tensorflowExecutor(loaded)).load(plan, { constant });
    const first = await onTensorflow.run(inputs);
    const onWasm = await wasmExecutor.load(plan, { constant });
    const between = await onWasm.run(inputs);
    const second = await onTensorflow.run(inputs);
    expect(await onWasm.run(inputs)).toEqual(between);
    expect(second).toEqual(first);
    expect(compareTensors("0", first[0]!, between[0]!, { rtol: 1e-4, atol: 1e-5 })).toBeUndefined();
    onTensorflow.dispose();
    onWasm.dispose();
  });

  test("refuses the dispatches of a GPU plan", async () => {
    const { plan, constant } = await prepare("moe", { hidden: 16, inner: 24, experts: 4, sequence: 4 });
    const steps = plan.steps.map((step) =>
      step.kind === "kernel" ? { ...step, dispatch: { call: 0, index: 0 } } : step,
    );
    const executor = await tensorflowExecutor(loaded);
    await expect(executor.load({ ...plan, steps }, { constant })).rejects.toMatchObject({ code: "wrong-backend" });
  });

  test("does not keep the caller's inputs, and gives outputs of its own", async () => {
    const { plan, constant } = await prepare("moe", { hidden: 16, inner: 24, experts: 4, sequence: 4 });
    const executable = await (await tensorflowExecutor(loaded)).load(plan, { constant });
    const inputs = inputsOf(plan, 1);
    const [first] = await executable.run(inputs);
    const copy = Float32Array.from(first!.data as Float32Array);
    (first!.data as Float32Array).fill(7);
    expect((await executable.run(inputs))[0]!.data).toEqual(copy);
    executable.dispose();
  });
});
