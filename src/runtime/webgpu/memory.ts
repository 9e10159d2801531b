/**
 * The device's buffers for a plan: one for each memory that kernels reach, filled with the weights,
 * and where each value lies at each step.
 */
import { deviceOutOfMemory } from "../../errors.ts";
import { storageOn, sizeOf, tensorFromBytes, bytesOf } from "../../kernels/access.ts";
import type { Tensor } from "../../kernels/types.ts";
import type { Placement, Plan } from "../../plan/schema.ts";
import { fillWeights } from "../weights.ts";
import { wordBytes } from "./calls.ts";
import type { GpuDevice } from "./device.ts";
import { BUFFER_USAGE, type GpuBuffer, type GpuBufferBinding } from "./gpu.ts";

/** The memory of a plan that is the host's: swapped values wait there. */
export const HOST_MEMORY = "host";

/** WebGPU has no empty buffers. */
const SMALLEST_BUFFER = 16;

export interface DeviceMemory {
  /** Buffers by the plan's memory name. */
  readonly buffers: ReadonlyMap<string, GpuBuffer>;
  /** Bytes of all of them. */
  readonly bytes: number;
  /** Where a value lies on the device at a step; undefined where it is not there then. */
  at(id: number, step: number): GpuBufferBinding | undefined;
  dispose(): void;
}

/** Placements by storage root. */
export function placementsByRoot(plan: Plan): ReadonlyMap<number, readonly Placement[]> {
  const found = new Map<number, Placement[]>();
  for (const placement of plan.placements) {
    const list = found.get(placement.value);
    if (list === undefined) found.set(placement.value, [placement]);
    else list.push(placement);
  }
  return found;
}

/** Allocates the plan's memories and fills the weights. `keep` gets the host's copy of the weights it names. */
export async function allocateMemory(
  gpu: GpuDevice,
  plan: Plan,
  constant: (name: string) => Uint8Array,
  keep: ReadonlySet<number>,
): Promise<DeviceMemory & { readonly kept: ReadonlyMap<number, Tensor> }> {
  const placed = placementsByRoot(plan);
  const sizes = new Map<string, number>();
  for (const { memory, offset, bytes } of plan.placements)
    if (memory !== HOST_MEMORY) sizes.set(memory, Math.max(sizes.get(memory) ?? 0, wordBytes(offset + bytes)));
  const { storage, copySrc, copyDst } = BUFFER_USAGE;
  const buffers = new Map<string, GpuBuffer>();
  const weightsMemory = plan.target.weightsMemory;
  try {
    for (const [memory, bytes] of sizes) {
      const size = Math.max(SMALLEST_BUFFER, bytes);
      const descriptor = { label: memory, size, usage: storage | copySrc | copyDst };
      buffers.set(
        memory,
        await gpu.allocate(
          `memory '${memory}'`,
          memory === weightsMemory ? { ...descriptor, mappedAtCreation: true } : descriptor,
        ),
      );
    }
    const kept = fill(plan, placed, buffers.get(weightsMemory), constant, keep);
    return {
      buffers,
      kept,
      bytes: [...buffers.values()].reduce((sum, buffer) => sum + buffer.size, 0),
      at: (id, step) => bindingOf(gpu, plan, placed, buffers, id, step),
      dispose: () => buffers.forEach((buffer) => buffer.destroy()),
    };
  } catch (cause) {
    buffers.forEach((buffer) => buffer.destroy());
    throw cause;
  }
}

/** Fills the weights in the mapped buffer and unmaps it. */
function fill(
  plan: Plan,
  placed: ReadonlyMap<number, readonly Placement[]>,
  buffer: GpuBuffer | undefined,
  constant: (name: string) => Uint8Array,
  keep: ReadonlySet<number>,
): ReadonlyMap<number, Tensor> {
  const kept = new Map<number, Tensor>();
  if (buffer === undefined) return kept;
  const mapped = buffer.getMappedRange();
  const place = (id: number): Tensor | undefined => {
    const { kind, dtype, shape, storage } = plan.values[id]!;
    const at = placed.get(storage.value)?.find((placement) => placement.memory === plan.target.weightsMemory);
    if (kind !== "weight" || at === undefined) return undefined;
    return { dtype, shape, data: storageOn(dtype, mapped, at.offset + storage.offset, sizeOf(shape)) };
  };
  fillWeights(plan, place, constant);
  for (const id of keep) {
    const tensor = place(id);
    if (tensor !== undefined) kept.set(id, tensorFromBytes(tensor.dtype, tensor.shape, bytesOf(tensor)));
  }
  buffer.unmap();
  return kept;
}

function bindingOf(
  gpu: GpuDevice,
  plan: Plan,
  placed: ReadonlyMap<number, readonly Placement[]>,
  buffers: ReadonlyMap<string, GpuBuffer>,
  id: number,
  step: number,
): GpuBufferBinding | undefined {
  const { name, storage, bytes } = plan.values[id]!;
  const at = placed
    .get(storage.value)
    ?.find(({ memory, from, to }) => memory !== HOST_MEMORY && from <= step && step < to);
  if (at === undefined) return undefined;
  const size = wordBytes(bytes);
  const most = gpu.limits.maxStorageBufferBindingSize ?? Infinity;
  if (size > most)
    throw deviceOutOfMemory(`tensor '${name}'`, size, `one tensor has at most ${most} bytes on this device`);
  return { buffer: buffers.get(at.memory)!, offset: at.offset + storage.offset, size };
}
