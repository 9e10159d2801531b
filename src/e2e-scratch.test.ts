import { test } from "vitest";
import { compile, executePlan, readModel } from "./index.ts";
import { readTensor } from "./onnx/read.ts";
import { tensorFromBytes } from "./kernels/access.ts";
import { errorsOf } from "./conformance/compare.ts";
import { readFileSync, existsSync } from "node:fs";
const L = "../shared/data/onnx/light/";
test("light", { timeout: 600000 }, async () => {
  for (const name of (process.env["LIGHT"] ?? "resnet50").split(",")) {
    const file = `${L}light_${name}.onnx`;
    const model = await readModel(file);
    const t0 = performance.now();
    const { plan, diagnostics } = await compile(model, { target: "tfjs-wasm" });
    const t1 = performance.now();
    console.log(name, JSON.stringify(plan.summary), plan.steps.length, plan.init.length, plan.certificate.status, (t1 - t0).toFixed(0), "ms", diagnostics.length);
    const r = await executePlan(plan, { model, check: true, repeat: 2, clock: () => performance.now() / 1000, ...(process.env["BACK"] ? { backend: process.env["BACK"] } : {}) });
    console.log(r.seconds, r.peakBytes, r.check, r.steadyAllocations, r.outputs.map((o) => [...(o.tensor.data as Float32Array).slice(0, 4)]));
  }
});
