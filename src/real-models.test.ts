/** Every real graph of the test data: imported, planned, verified; run and compared where its weights and outputs are there. */
import { existsSync, readdirSync } from "node:fs";
import { basename, join } from "node:path";
import { describe, expect, test } from "vitest";
import { compareTensors } from "./conformance/compare.ts";
import { readTensors } from "./conformance/cases.ts";
import { compileModel, executePlan, readModel, StrataError, type Plan, type Tensor } from "./index.ts";
import { bindings, DATA, MODELS } from "../bench/real-graphs.ts";
import { sizeOf } from "./kernels/access.ts";

/** Graphs that no static plan can hold, and the code that says so. */
const REFUSED: Readonly<Record<string, string>> = {
  ort_crop_and_resize: "shape-depends-on-data",
  ort_pipeline_vectorize: "unsupported-type",
  ort_train_api_adamw: "unsupported-type",
  trt_loop: "control-flow",
};

const filesOf = (folder: string): string[] =>
  existsSync(folder)
    ? readdirSync(folder)
        .filter((name) => name.endsWith(".onnx"))
        .sort()
        .map((name) => join(folder, name))
    : [];

const files = [join(DATA, "light"), join(MODELS, "real"), join(MODELS, "exported")].flatMap(filesOf);

describe.runIf(files.length > 0)("real graphs", () => {
  test.each(files.map((file) => [basename(file, ".onnx"), file]))("%s", { timeout: 120_000 }, async (name, file) => {
    const data = join(MODELS, "exported", `${name}_data`, "test_data_set_0");
    const given = existsSync(data) ? await readTensors(data, "input") : [];
    const model = await readModel(file);
    let made: Plan;
    try {
      made = compileModel(model, bindings(name, model, given)).plan;
    } catch (error) {
      if (!(error instanceof StrataError)) throw error;
      console.log(`${name}: ${error.code}: ${error.message} (${error.where ?? ""})`);
      expect(Object.keys(REFUSED)).toContain(name);
      expect(error.code).toBe(REFUSED[name]);
      return;
    }
    expect(REFUSED[name]).toBeUndefined();
    const { summary } = made;
    const alignment = 64 * made.placements.length;
    expect(summary.arenaBytes).toBeLessThanOrEqual(summary.fileOrderPeakBytes + alignment);
    if (given.length === 0) return;
    const wanted = await readTensors(data, "output");
    const inputs = new Map<string, Tensor>();
    made.inputs.forEach((id, i) => {
      const { name: own, shape } = made.values[id]!;
      // The recorder stored scalars as [1].
      if (given[i]) inputs.set(own, { ...given[i], shape });
    });
    const { outputs } = await executePlan(made, { model, inputs });
    outputs.forEach(({ name: own, tensor }, i) => {
      if (!wanted[i]) return;
      const expected = sizeOf(wanted[i].shape) === 1 ? { ...wanted[i], shape: tensor.shape } : wanted[i];
      expect(compareTensors(own, tensor, expected, { rtol: 1e-3, atol: 1e-4 })?.message).toBeUndefined();
    });
  });
});
