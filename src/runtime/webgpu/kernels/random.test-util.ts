/** Random cases for the tests of kernels: seeded, so that a failure comes again. */
import { expect } from "vitest";
import { DTYPES, isFloat, type DType } from "../../../ir/dtype.ts";
import { bigWriter, makeTensor, sizeOf, writer } from "../../../kernels/access.ts";
import type { Tensor } from "../../../kernels/types.ts";
import { runKernelCase, testBackend, worstError, type KernelCase } from "./check-kernel.test-util.ts";

export type Random = (below: number) => number;

/** Whole numbers below a bound, by the generator of Park and Miller. */
export function randomSource(seed: number): Random {
  let state = (seed * 48271 + 11) % 2147483647;
  return (below) => {
    for (let k = 0; k < 2; k++) state = (state * 48271) % 2147483647;
    return Math.floor((state / 2147483647) * below);
  };
}

export interface Range {
  readonly low: number;
  readonly high: number;
  /** Put now and then among the values. */
  readonly special?: readonly number[];
}

/** A tensor of random values; integers are whole. */
export function randomTensor(random: Random, dtype: DType, shape: readonly number[], range?: Range): Tensor {
  const tensor = makeTensor(dtype, shape);
  const whole = !isFloat(dtype);
  const { bits, class: kind } = DTYPES[dtype];
  const span = 2 ** Math.min(bits, 52);
  const {
    low,
    high,
    special = [],
  } = range ??
  (whole ? { low: kind === "int" ? -span / 2 : 0, high: kind === "int" ? span / 2 : span } : { low: -4, high: 4 });
  const write = bits === 64 && whole ? bigWriter(tensor) : writer(tensor);
  for (let i = 0; i < sizeOf(shape); i++) {
    let value = low + (random(2 ** 30) / 2 ** 30 + random(1024) / 2 ** 40) * (high - low);
    if (special.length > 0 && random(4) === 0) value = special[random(special.length)]!;
    if (dtype === "bool") value = random(2);
    if (whole) value = Math.floor(value);
    (write as (i: number, value: number | bigint) => void)(i, bits === 64 && whole ? BigInt(value) : value);
  }
  return tensor;
}

/** Shapes of every rank up to 6, with awkward dims; small. */
export function randomShape(random: Random, most = 6): number[] {
  const dims = [1, 2, 3, 4, 5, 7, 8, 12];
  const shape = Array.from({ length: random(most + 1) }, () => dims[random(dims.length)]!);
  while (sizeOf(shape) > 3000) shape.pop();
  return shape;
}

/** A shape that broadcasts to `shape`. */
export function broadcastable(random: Random, shape: readonly number[]): number[] {
  const own = shape.map((dim) => (random(3) === 0 ? 1 : dim));
  return random(2) === 0 ? own : own.slice(random(shape.length + 1));
}

/** Relative tolerance: results of narrow types may fall on the other side of a rounding boundary. */
const TOLERANCE: Partial<Record<DType, number>> = { float16: 2e-3, bfloat16: 1.6e-2 };

/** Checks a case against the reference, and that the kernel covers it unless told otherwise. */
export async function check(one: KernelCase, relative = 1e-4, absolute = 1e-5): Promise<void> {
  const backend = await testBackend();
  if (backend === undefined) throw new Error("no driver");
  const outcome = await runKernelCase(backend, one);
  const describe = (items: KernelCase["inputs"] | KernelCase["outputs"]): string =>
    items.map((item) => (item === null ? "-" : `${item.dtype}[${item.shape.join()}]`)).join(" ");
  const text = `${one.kernel} ${describe(one.inputs)} -> ${describe(one.outputs)} ${JSON.stringify(one.attrs ?? {})}`;
  expect(outcome.actual, text).toBeDefined();
  const narrow = Math.max(0, ...one.outputs.map((type) => (type === null ? 0 : (TOLERANCE[type.dtype] ?? 0))));
  const worst = worstError(outcome, Math.max(absolute, narrow / 10), Math.max(relative, narrow));
  expect(worst, text).toBeLessThanOrEqual(1);
}
