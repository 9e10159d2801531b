/**
 * Fills the weights once at load: constants of the model file are copied to their places, and the
 * plan's load-time steps make the others (transposed filters, expanded constants) with the same
 * kernels, on the host. What only these steps need is freed as soon as the last one has read it.
 */
import { fromBase64 } from "../ir/base64.ts";
import { broken, weightMismatch } from "../errors.ts";
import { makeTensor, tensorFromBytes } from "../kernels/access.ts";
import type { Tensor } from "../kernels/types.ts";
import type { Plan, PlanValue } from "../plan/schema.ts";
import { bindStep, kernelOf } from "./step.ts";

/**
 * `place(id)` gives the tensor at a weight's planned bytes (undefined for values without a place);
 * `constant(name)` gives the bytes of a constant of the model.
 */
export function fillWeights(
  plan: Plan,
  place: (id: number) => Tensor | undefined,
  constant: (name: string) => Uint8Array,
): void {
  const lastRead = new Map<number, number>();
  const rootOf = (id: number): number => (plan.values[id]!.viewOf === null ? id : rootOf(plan.values[id]!.viewOf!));
  plan.init.forEach((step, i) => step.reads.forEach((id) => lastRead.set(rootOf(id), i)));
  const onHost = new Map<number, Tensor>();

  const tensorOf = (id: number): Tensor => {
    const value = plan.values[id];
    if (value === undefined) throw broken(`no value ${id}`);
    const placed = place(id);
    if (placed !== undefined) return placed;
    const held = onHost.get(id);
    if (held !== undefined) return held;
    const made =
      value.viewOf === null
        ? hostTensor(value, constant)
        : viewTensor(value, plan.values[value.viewOf]!, tensorOf(value.viewOf));
    if (value.viewOf === null) onHost.set(id, made);
    return made;
  };

  for (const value of plan.values) {
    if (value.source === null) continue;
    const placed = place(value.id);
    if (placed !== undefined) copyBytes(sourceBytes(value, constant), placed);
  }
  plan.init.forEach((step, i) => {
    kernelOf(step)(bindStep(step, tensorOf));
    for (const id of new Set([...step.reads, ...step.writes])) {
      const root = rootOf(id);
      if ((lastRead.get(root) ?? -1) <= i) onHost.delete(root);
    }
  });
}

const hostTensor = (value: PlanValue, constant: (name: string) => Uint8Array): Tensor =>
  value.source === null
    ? makeTensor(value.dtype, value.shape)
    : tensorFromBytes(value.dtype, value.shape, sourceBytes(value, constant));

function viewTensor(value: PlanValue, shown: PlanValue, base: Tensor): Tensor {
  const from = base.data.byteOffset + value.storage.offset - shown.storage.offset;
  return tensorFromBytes(value.dtype, value.shape, new Uint8Array(base.data.buffer, from, value.bytes));
}

function sourceBytes(value: PlanValue, constant: (name: string) => Uint8Array): Uint8Array {
  if (value.source === null) throw broken(`value ${value.name} has no source`);
  const bytes = value.source.kind === "inline" ? fromBase64(value.source.base64) : constant(value.source.name);
  if (bytes.byteLength !== value.bytes) throw weightMismatch(value.name, value.bytes, bytes.byteLength);
  return bytes;
}

function copyBytes(from: Uint8Array, to: Tensor): void {
  new Uint8Array(to.data.buffer, to.data.byteOffset, to.data.byteLength).set(from);
}
