/** Our elementwise WebAssembly functions over the range of float32, against float64. */
import { expect, test } from "vitest";
import { gelu, geluTanh } from "../../../kernels/activations.ts";
import { erf } from "../../../kernels/erf.ts";
import { ownFunctions } from "./index.ts";
import type { WasmMemory } from "./webassembly.ts";

const { WebAssembly: api } = globalThis as unknown as {
  readonly WebAssembly: { readonly Memory: new (size: { readonly initial: number }) => WasmMemory };
};

/** Values of both signs: dense around 0, tiny, large; 1,003 of them, so that there is a tail. */
const VALUES = Float32Array.from({ length: 1003 }, (_, i) => {
  const x = (i - 501) / 50;
  return i % 3 === 0 ? x : i % 3 === 1 ? x * x * x * 0.02 : x * 1e-4;
});

function apply(name: string, values: Float32Array): Float32Array {
  const memory = new api.Memory({ initial: 1 });
  const functions = ownFunctions(memory);
  const data = new Float32Array(memory.buffer, 64, values.length);
  data.set(values);
  functions[name]!(64, 64, 4 * values.length);
  return data.slice();
}

test.each([
  ["exp", Math.exp, 3e-7, 0],
  ["erf", erf, 5e-7, 1e-12],
  ["tanh", Math.tanh, 5e-7, 1e-12],
  ["sigmoid", (x: number) => 1 / (1 + Math.exp(-x)), 4e-7, 1e-37],
  ["silu", (x: number) => x / (1 + Math.exp(-x)), 4e-7, 1e-35],
  ["gelu", gelu, 5e-7, 8e-7],
  ["geluTanh", geluTanh, 5e-7, 8e-7],
] as const)("%s", (name, reference, relative, absolute) => {
  const found = apply(name, VALUES);
  let worst = 0;
  VALUES.forEach((x, i) => {
    const wanted = reference(x);
    worst = Math.max(worst, Math.abs(found[i]! - wanted) / (Math.abs(wanted) * relative + absolute));
  });
  expect(worst).toBeLessThan(1);
});

test("limits and NaN", () => {
  const [low, high, nan] = apply("sigmoid", Float32Array.of(-200, 200, NaN));
  expect(low).toBeLessThan(1e-37);
  expect(high).toBe(1);
  expect(nan).toBeNaN();
  expect([...apply("tanh", Float32Array.of(-100, 100, 0))]).toEqual([-1, 1, 0]);
});
