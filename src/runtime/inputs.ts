/** Inputs for a trial run, where the user gives none: deterministic, in a range that models take. */
import { fromBase64 } from "../ir/base64.ts";
import { makeTensor, sizeOf, tensorFromBytes, writer } from "../kernels/access.ts";
import { isFloat } from "../ir/dtype.ts";
import type { Tensor } from "../kernels/types.ts";
import type { Plan } from "../plan/schema.ts";

/** mulberry32: a small seeded generator of numbers in [0, 1). */
function generator(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

/**
 * A value for input `index`: floats uniform in [-1, 1), integers 0 or 1 (so that they index any
 * table), booleans true; a specialised input gets the value that it was compiled for.
 */
export function trialInput(plan: Plan, index: number, seed: number): Tensor {
  const { name, dtype, shape } = plan.values[plan.inputs[index]!]!;
  const baked = plan.model.specialized.find((entry) => entry.input === name);
  if (baked !== undefined) return tensorFromBytes(dtype, shape, fromBase64(baked.base64));
  const tensor = makeTensor(dtype, shape);
  const write = writer(tensor);
  const random = generator(seed * 7919 + index);
  const count = sizeOf(shape);
  for (let i = 0; i < count; i++)
    write(i, isFloat(dtype) ? 2 * random() - 1 : dtype === "bool" ? 1 : Math.floor(2 * random()));
  return tensor;
}
