/** Seeded operands for the tests of WGSL kernels. */
import type { DType } from "../../../ir/dtype.ts";
import { sizeOf, tensorOf } from "../../../kernels/access.ts";
import type { Tensor } from "../../../kernels/types.ts";
import { expect, test } from "vitest";
import { runKernelCase, testBackend, worstError, type KernelCase } from "./check-kernel.test-util.ts";

/** Park and Miller's generator. */
export function random(seed: number): () => number {
  let state = ((Math.imul(seed, 7919) >>> 1) % 2147483646) + 1;
  for (let i = 0; i < 3; i++) state = (state * 48271) % 2147483647;
  return () => (state = (state * 48271) % 2147483647) / 2147483647;
}

/** A tensor of values in [low, high), or of whole numbers there for integer types. */
export function randomTensor(seed: number, dtype: DType, shape: readonly number[], low = -2, high = 2): Tensor {
  const next = random(seed);
  const isWhole = /int|bool/.test(dtype);
  const values = Array.from({ length: sizeOf(shape) }, () => {
    const value = low + next() * (high - low);
    return isWhole ? Math.floor(value) : value;
  });
  return tensorOf(dtype, shape, values);
}

const backend = await testBackend();
if (backend === undefined) console.warn("no WebGPU adapter: the tests of WGSL kernels are skipped");

/** A test that needs a device. */
export const deviceTest = (name: string, run: () => Promise<void>): void =>
  void test.skipIf(backend === undefined)(name, run, 60_000);

/** Half a unit in the last place of a type, or what the sums of float32 allow. */
const TOLERANCE: Partial<Record<DType, number>> = { float16: 1 / 1024, bfloat16: 1 / 128 };

/** Runs a case and expects it to be covered and equal within rounding. */
export async function expectEqual(one: KernelCase): Promise<void> {
  const outcome = await runKernelCase(backend!, one);
  const shapes = one.inputs.map((input) => (input ? `${input.dtype}[${input.shape.join()}]` : "-")).join(" ");
  const what = `${one.kernel} ${shapes} ${JSON.stringify(one.attrs ?? {})}`;
  expect(outcome.actual, what).toBeDefined();
  const coarsest = Math.max(1e-4, ...one.outputs.map((type) => (type ? (TOLERANCE[type.dtype] ?? 0) : 0)));
  expect(worstError(outcome, 1e-5, coarsest), what).toBeLessThanOrEqual(1);
}

/**
 * The share of the cases that a type runs. Compiling the shaders is nearly all that a test costs, and the
 * 16-bit types differ from float32 in loads and stores alone: a third each, and not the same third.
 */
export const share = <T>(dtype: DType, cases: readonly T[]): readonly T[] =>
  dtype === "float32" || cases.length < 3 ? cases : cases.filter((_, i) => i % 3 === (dtype === "float16" ? 1 : 2));

export const FLOATS = ["float32", "float16", "bfloat16"] as const;
