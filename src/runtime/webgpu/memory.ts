/**
 * The device's buffers for a plan: one for each memory that kernels reach (several where the device has no
 * buffer that large), filled with the weights, and where each value lies at each step.
 */
import { deviceOutOfMemory } from "../../errors.ts";
import { storageOn, sizeOf, tensorFromBytes, bytesOf } from "../../kernels/access.ts";
import type { Tensor } from "../../kernels/types.ts";
import type { Placement, Plan } from "../../plan/schema.ts";
import type { LoadOptions } from "../types.ts";
import { fillWeights } from "../weights.ts";
import { wordBytes } from "./calls.ts";
import { BANKS, banksOf } from "./banks.ts";
import type { GpuDevice } from "./device.ts";
import { BUFFER_USAGE, type GpuBuffer, type GpuBufferBinding } from "./gpu.ts";
import { sectionAt, sectionsOf, type Section } from "./sections.ts";

/** The memory of a plan that is the host's: swapped values wait there. */
export const HOST_MEMORY = "host";

/** WebGPU has no empty buffers. */
const SMALLEST_BUFFER = 16;

export interface DeviceMemory {
  /** Bytes of all of them. */
  readonly bytes: number;
  /** Where a value lies on the device at a step; undefined where it is not there then. */
  at(id: number, step: number): GpuBufferBinding | undefined;
  dispose(): void;
}

/** A memory's sections and the buffer of each. */
interface Sectioned {
  readonly sections: readonly Section[];
  readonly buffers: readonly GpuBuffer[];
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

/** A buffer's name: the memory's, and the bank's where it has several. */
const bankName = (memory: string, bank: number): string => (bank === 0 ? memory : `${memory} ${bank}`);

/**
 * Allocates the plan's memories and fills the weights. `keep` gets the host's copy of the weights it names;
 * `hazards` says whether a memory is one buffer or banks.
 */
export async function allocateMemory(
  gpu: GpuDevice,
  plan: Plan,
  constant: (name: string) => Uint8Array,
  keep: ReadonlySet<number>,
  hazards: LoadOptions["hazards"] = "arena",
): Promise<DeviceMemory & { readonly kept: ReadonlyMap<number, Tensor> }> {
  const placed = placementsByRoot(plan);
  const banks = hazards === "banks" ? banksOf(plan, BANKS) : new Map<number, number>();
  const extents = new Map<string, { offset: number; bytes: number }[]>();
  for (const { memory, value, offset, bytes } of plan.placements) {
    if (memory === HOST_MEMORY) continue;
    const name = bankName(memory, banks.get(value) ?? 0);
    const list = extents.get(name) ?? [];
    extents.set(name, list);
    list.push({ offset, bytes: wordBytes(bytes) });
  }
  const { storage, copySrc, copyDst } = BUFFER_USAGE;
  const memories = new Map<string, Sectioned>();
  const made: GpuBuffer[] = [];
  const weightsMemory = plan.target.weightsMemory;
  try {
    for (const [memory, list] of extents) {
      const sections = sectionsOf(list, gpu.limits.maxBufferSize ?? Infinity);
      const buffers: GpuBuffer[] = [];
      for (const { start, end } of sections) {
        const size = Math.max(SMALLEST_BUFFER, end - start);
        const descriptor = { label: memory, size, usage: storage | copySrc | copyDst };
        const buffer = await gpu.allocate(
          `memory '${memory}'`,
          memory === weightsMemory ? { ...descriptor, mappedAtCreation: true } : descriptor,
        );
        made.push(buffer);
        buffers.push(buffer);
      }
      memories.set(memory, { sections, buffers });
    }
    const kept = fill(plan, placed, memories.get(weightsMemory), constant, keep);
    return {
      kept,
      bytes: made.reduce((sum, buffer) => sum + buffer.size, 0),
      at: (id, step) => bindingOf(gpu, plan, placed, memories, banks, id, step),
      dispose: () => made.forEach((buffer) => buffer.destroy()),
    };
  } catch (cause) {
    made.forEach((buffer) => buffer.destroy());
    throw cause;
  }
}

/** Fills the weights in the mapped buffers and unmaps them. */
function fill(
  plan: Plan,
  placed: ReadonlyMap<number, readonly Placement[]>,
  memory: Sectioned | undefined,
  constant: (name: string) => Uint8Array,
  keep: ReadonlySet<number>,
): ReadonlyMap<number, Tensor> {
  const kept = new Map<number, Tensor>();
  if (memory === undefined) return kept;
  const { sections, buffers } = memory;
  const mapped = buffers.map((buffer) => buffer.getMappedRange());
  const place = (id: number): Tensor | undefined => {
    const { kind, dtype, shape, storage } = plan.values[id]!;
    const at = placed.get(storage.value)?.find((placement) => placement.memory === plan.target.weightsMemory);
    if (kind !== "weight" || at === undefined) return undefined;
    const section = sectionAt(sections, at.offset);
    const from = at.offset - sections[section]!.start + storage.offset;
    return { dtype, shape, data: storageOn(dtype, mapped[section]!, from, sizeOf(shape)) };
  };
  fillWeights(plan, place, constant);
  for (const id of keep) {
    const tensor = place(id);
    if (tensor !== undefined) kept.set(id, tensorFromBytes(tensor.dtype, tensor.shape, bytesOf(tensor)));
  }
  for (const buffer of buffers) buffer.unmap();
  return kept;
}

function bindingOf(
  gpu: GpuDevice,
  plan: Plan,
  placed: ReadonlyMap<number, readonly Placement[]>,
  memories: ReadonlyMap<string, Sectioned>,
  banks: ReadonlyMap<number, number>,
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
  const { sections, buffers } = memories.get(bankName(at.memory, banks.get(storage.value) ?? 0))!;
  const section = sectionAt(sections, at.offset);
  return { buffer: buffers[section]!, offset: at.offset - sections[section]!.start + storage.offset, size };
}
