import { expect, test } from "vitest";
import { tensorFromBytes } from "../../../kernels/access.ts";
import { runKernelCase, testBackend, worstError } from "./check-kernel.test-util.ts";

test("Relu", async () => {
  const backend = await testBackend();
  if (backend === undefined) throw new Error("no driver");
  const data = Float32Array.from({ length: 300 }, (_, i) => Math.sin(i));
  const x = tensorFromBytes("float32", [3, 100], new Uint8Array(data.buffer));
  const outcome = await runKernelCase(backend, { kernel: "Relu", inputs: [x], outputs: [x] });
  expect(outcome.actual).toBeDefined();
  expect(worstError(outcome, 1e-6, 1e-6)).toBeLessThanOrEqual(1);
});
