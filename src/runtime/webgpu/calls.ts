/** The calls of a plan, traced again and held to the plan's digest: their dispatches, step by step. */
import { broken, traceMismatch } from "../../errors.ts";
import type { CallShape, CallRef } from "../../ir/dispatch.ts";
import { attrMap } from "../../kernels/types.ts";
import type { KernelStep, Plan, PlanCall } from "../../plan/schema.ts";
import { withAbsent } from "../step.ts";
import { openTracer, type TracedCall, type TracedDispatch } from "./trace.ts";

/** A call as shapes. */
export function callShape(plan: Plan, call: PlanCall): CallShape {
  const typeOf = (id: number): { dtype: Plan["values"][number]["dtype"]; shape: readonly number[] } => {
    const { dtype, shape } = plan.values[id]!;
    return { dtype, shape };
  };
  return {
    inputs: withAbsent(call.reads.map(typeOf), call.absentReads),
    outputs: withAbsent(call.writes.map(typeOf), call.absentWrites),
    attrs: attrMap(call.attrs),
  };
}

/** The traced calls of a plan. Throws InputError `trace-mismatch` where they are not what the plan was made for. */
export async function tracedCalls(plan: Plan): Promise<readonly TracedCall[]> {
  if (plan.calls.length === 0) return [];
  const tracer = await openTracer();
  const traced = plan.calls.map((call) => {
    const made = tracer.dispatch(call.kernel, callShape(plan, call));
    if (made === undefined) throw traceMismatch(`there is no GPU kernel for '${call.kernel}' of node '${call.node}'`);
    return made;
  });
  if (tracer.digest(traced.map((call) => call.digest)) !== plan.trace?.sha256)
    throw traceMismatch("the kernels are not those that the plan was made for");
  return traced;
}

/** The dispatch of a step. Its operands must be those of the call: a plan is untrusted. */
export function dispatchOf(plan: Plan, calls: readonly TracedCall[], step: KernelStep): TracedDispatch {
  const { dispatch } = step;
  const call = dispatch === null ? undefined : plan.calls[dispatch.call];
  const made = dispatch === null ? undefined : calls[dispatch.call]?.dispatches[dispatch.index];
  if (call === undefined || made === undefined || dispatch === null)
    throw traceMismatch(`step '${step.node}' names a dispatch that is not there`);
  const traced = calls[dispatch.call]!;
  const inputs = withAbsent(call.reads, call.absentReads);
  const outputs = withAbsent(call.writes, call.absentWrites);
  const fits = (ref: CallRef, id: number | undefined): boolean => {
    if (id === undefined) return false;
    if ("input" in ref) return inputs[ref.input] === id;
    if ("output" in ref) return outputs[ref.output] === id;
    const type = "temporary" in ref ? traced.temporaries[ref.temporary] : traced.constants[ref.constant]?.type;
    const value = plan.values[id];
    return type !== undefined && value?.dtype === type.dtype && value.shape.join() === type.shape.join();
  };
  if (made.reads.length !== step.reads.length || step.writes.length !== 1)
    throw traceMismatch(`step '${step.node}' has other operands than its dispatch`);
  if (!made.reads.every((ref, i) => fits(ref, step.reads[i])) || !fits(made.writes, step.writes[0]))
    throw traceMismatch(`step '${step.node}' has other operands than its dispatch`);
  return made;
}

/** Tensors' bytes as whole words. */
export const wordBytes = (bytes: number): number => Math.ceil(bytes / 4) * 4;

export const never = (what: string): never => {
  throw broken(what);
};
