/** Inputs into their places, outputs out of them: checked, and never sharing memory with the caller. */
import { toBase64 } from "../ir/base64.ts";
import { badInput } from "../errors.ts";
import { bytesOf, tensorFromBytes } from "../kernels/access.ts";
import type { Tensor } from "../kernels/types.ts";
import type { Plan } from "../plan/schema.ts";

/** Throws InputError `bad-input` where `inputs` (in plan order) don't fit the plan. */
export function checkInputs(plan: Plan, inputs: readonly Tensor[]): void {
  if (inputs.length !== plan.inputs.length)
    throw badInput("the inputs", `the plan wants ${plan.inputs.length}, got ${inputs.length}`);
  plan.inputs.forEach((id, i) => {
    const { name, dtype, shape } = plan.values[id]!;
    const given = inputs[i]!;
    const same =
      given.dtype === dtype && given.shape.length === shape.length && given.shape.every((dim, d) => dim === shape[d]);
    if (!same)
      throw badInput(name, `the plan wants ${dtype}[${shape.join(",")}], got ${given.dtype}[${given.shape.join(",")}]`);
    checkSpecialized(plan, name, given);
  });
}

/** Copies `inputs` (in plan order) to their places. Throws InputError `bad-input` where one does not fit. */
export function putInputs(plan: Plan, inputs: readonly Tensor[], place: (id: number) => Tensor): void {
  checkInputs(plan, inputs);
  plan.inputs.forEach((id, i) => bytesOf(place(id)).set(bytesOf(inputs[i]!)));
}

/** A plan that was specialised on an input's value runs for that value only. */
function checkSpecialized(plan: Plan, name: string, given: Tensor): void {
  const baked = plan.model.specialized.find((entry) => entry.input === name);
  if (baked === undefined || toBase64(bytesOf(given)) === baked.base64) return;
  throw badInput(name, "the plan was compiled for another value of this input, which decides shapes");
}

/** Copies of the outputs, in plan order. */
export const copyOut = (plan: Plan, place: (id: number) => Tensor): Tensor[] =>
  plan.outputs.map((id) => {
    const tensor = place(id);
    return tensorFromBytes(tensor.dtype, tensor.shape, bytesOf(tensor));
  });
