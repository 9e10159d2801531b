/** A plan's kernel step bound to tensors: operands and results back in their positions. */
import { missingKernel } from "../errors.ts";
import { kernelByName } from "../kernels/index.ts";
import { attrMap, type Kernel, type KernelCall, type Tensor } from "../kernels/types.ts";
import type { KernelStep, Plan } from "../plan/schema.ts";
import type { Location } from "./regions.ts";

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

/**
 * Whether a step concatenates what lies end to end in its result already: then it has nothing to do. Where
 * values are not placed as planned, they lie apart, and it copies.
 */
export function isConcatInPlace(plan: Plan, step: KernelStep, at: (id: number) => Location | undefined): boolean {
  const kernel = step.dispatch === null ? step.kernel : plan.calls[step.dispatch.call]!.kernel;
  const [result] = step.writes;
  const goal = result === undefined ? undefined : at(result);
  if (kernel !== "Concat" || goal === undefined || step.writes.length !== 1) return false;
  let { offset } = goal;
  for (const id of step.reads) {
    const from = at(id);
    if (from?.region !== goal.region || from.offset !== offset) return false;
    offset += plan.values[id]!.bytes;
  }
  return offset === goal.offset + plan.values[result!]!.bytes;
}
