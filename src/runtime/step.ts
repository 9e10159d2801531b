/** A plan's kernel step bound to tensors: operands and results back in their positions. */
import { missingKernel } from "../errors.ts";
import { kernelByName } from "../kernels/index.ts";
import { attrMap, type Kernel, type KernelCall, type Tensor } from "../kernels/types.ts";
import type { KernelStep } from "../plan/schema.ts";

/** `items` with nulls put in at the positions of `absent` (positions in the full list, ascending). */
export function withAbsent<T>(items: readonly T[], absent: readonly number[]): (T | null)[] {
  const full: (T | null)[] = [...items];
  for (const position of absent) full.splice(position, 0, null);
  return full;
}

/** The call of a step, with `tensorOf` giving the tensor of each value. */
export function bindStep(step: KernelStep, tensorOf: (id: number) => Tensor): KernelCall {
  return {
    inputs: withAbsent(step.reads.map(tensorOf), step.absentReads),
    outputs: withAbsent(step.writes.map(tensorOf), step.absentWrites),
    attrs: attrMap(step.attrs),
  };
}

/** The kernel of a step; InputError where there is none (an opaque step, a plan of another version). */
export function kernelOf(step: KernelStep): Kernel {
  const kernel = step.opaque ? undefined : kernelByName(step.kernel);
  if (kernel === undefined) throw missingKernel(step.kernel, step.node);
  return kernel;
}
