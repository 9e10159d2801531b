/**
 * Swapped values on the host: a bounded pool of staging buffers, made at load. A swap-out copies into a
 * mappable buffer and asks for its map without waiting, so that the readback overlaps what is submitted
 * after it; the swap-in waits for that map and writes the bytes back from where they lie. What comes back
 * several times from one swap-out stays mapped until it has come back for the last time.
 */
import type { Plan } from "../../plan/schema.ts";
import { never, wordBytes } from "./calls.ts";
import type { GpuDevice } from "./device.ts";
import type { Encoder } from "./encoder.ts";
import { BUFFER_USAGE, MAP_MODE, type GpuBuffer, type GpuBufferBinding } from "./gpu.ts";
import { HOST_MEMORY, type DeviceMemory } from "./memory.ts";

export interface SwapOut {
  readonly kind: "out";
  readonly step: number;
  readonly from: GpuBufferBinding;
  readonly slot: number;
}

export interface SwapIn {
  readonly kind: "in";
  readonly step: number;
  readonly to: GpuBufferBinding;
  /** The slot of the swap-out it undoes, or the input's bytes where nothing was swapped out. */
  readonly slot: number;
  /** Whether later swap-ins need the same bytes. */
  readonly more: boolean;
}

export interface HostPool {
  readonly buffers: readonly GpuBuffer[];
  out(step: number): SwapOut;
  in(step: number): SwapIn;
  /** An input that starts on the host. */
  put(id: number, bytes: Uint8Array): void;
  swapOut(encoder: Encoder, operation: SwapOut): void;
  swapIn(encoder: Encoder, operation: SwapIn): Promise<void>;
  /** Bytes of an output that ends on the host: filled when `settle` has returned. */
  atEnd(id: number): Uint8Array | undefined;
  /** Waits for maps that no swap-in waited for, and releases them. */
  settle(): Promise<void>;
}

interface Slot {
  readonly size: number;
  /** Step index after which it is free again. */
  freeAfter: number;
  readonly buffer: GpuBuffer | undefined;
}

type Copy = Extract<Plan["steps"][number], { kind: "copy" }>;

/** Makes the pool of a plan's swaps. */
export async function hostPool(gpu: GpuDevice, plan: Plan, memory: DeviceMemory): Promise<HostPool> {
  const copies = plan.steps.flatMap((step, index) => (step.kind === "copy" ? [{ step, index }] : []));
  const slots: Slot[] = [];
  const slotAt = new Map<number, number>();
  const endsOnHost = new Map<number, number>();
  /** Swap-ins that are not the last from their slot. */
  const kept = new Set<number>();
  const inputBytes = new Map<number, Uint8Array>();
  for (const [k, { step, index }] of copies.entries()) {
    if (step.to !== HOST_MEMORY) continue;
    // The returns that undo it: copies of the same value from here, until it is swapped out again.
    const after = copies.slice(k + 1).filter((other) => other.step.value === step.value);
    const again = after.findIndex((other) => other.step.to === HOST_MEMORY);
    const backs = again < 0 ? after : after.slice(0, again);
    const bytes = wordBytes(plan.values[step.value]!.bytes);
    const freeAfter = backs.at(-1)?.index ?? Infinity;
    let slot = slots.findIndex((free) => free.freeAfter < index && free.size >= bytes);
    if (slot < 0) {
      const buffer = await gpu.allocate("the host pool", {
        label: "swap",
        size: bytes,
        usage: BUFFER_USAGE.mapRead | BUFFER_USAGE.copyDst,
      });
      slot = slots.push({ size: bytes, freeAfter, buffer }) - 1;
    } else slots[slot]!.freeAfter = freeAfter;
    slotAt.set(index, slot);
    for (const back of backs) {
      slotAt.set(back.index, slot);
      if (back !== backs.at(-1)) kept.add(back.index);
    }
    if (backs.length === 0) endsOnHost.set(step.value, slot);
  }
  const endings = new Map(
    [...endsOnHost].map(([id, slot]) => [id, { slot, bytes: new Uint8Array(plan.values[id]!.bytes) }]),
  );
  const maps = new Map<number, Promise<unknown>>();
  const inputSlots = new Map<number, number>();

  const copyAt = (index: number): Copy => plan.steps[index] as Copy;
  const place = (index: number): GpuBufferBinding =>
    memory.at(copyAt(index).value, index) ?? never(`step ${index} copies a value that is not on the device`);
  /** Bytes of the slots that are mapped: a range of a mapped buffer can be asked for once. */
  const mapped = new Map<number, Uint8Array>();
  const release = async (slot: number, use?: (bytes: Uint8Array) => void, more = false): Promise<void> => {
    const map = maps.get(slot);
    if (map === undefined) return;
    await gpu.settled(map);
    const { buffer } = slots[slot]!;
    const bytes = mapped.get(slot) ?? new Uint8Array(buffer!.getMappedRange());
    mapped.set(slot, bytes);
    use?.(bytes);
    if (more) return;
    buffer!.unmap();
    maps.delete(slot);
    mapped.delete(slot);
  };

  return {
    buffers: slots.flatMap(({ buffer }) => buffer ?? []),
    out: (step) => ({ kind: "out", step, from: place(step), slot: slotAt.get(step)! }),
    in(step) {
      const slot = slotAt.get(step);
      if (slot !== undefined) return { kind: "in", step, to: place(step), slot, more: kept.has(step) };
      inputSlots.set(step, copyAt(step).value);
      return { kind: "in", step, to: place(step), slot: -1, more: false };
    },
    put: (id, bytes) => void inputBytes.set(id, padded(bytes)),
    swapOut(encoder, { from, slot }) {
      const { buffer } = slots[slot]!;
      encoder.copy(from, buffer!, 0);
      encoder.submit();
      maps.set(slot, buffer!.mapAsync(MAP_MODE.read));
    },
    async swapIn(encoder, { to, slot, step, more }) {
      // A write is ordered against submits: what is encoded must be on its way first.
      encoder.submit();
      const { queue } = gpu.raw;
      if (slot < 0) {
        const bytes = inputBytes.get(inputSlots.get(step)!) ?? never(`step ${step} swaps in what was never there`);
        queue.writeBuffer(to.buffer, to.offset ?? 0, bytes, 0, to.size!);
      } else {
        await release(slot, (bytes) => queue.writeBuffer(to.buffer, to.offset ?? 0, bytes, 0, to.size!), more);
      }
    },
    atEnd: (id) => endings.get(plan.values[id]!.storage.value)?.bytes,
    async settle() {
      for (const { slot, bytes } of endings.values())
        await release(slot, (held) => bytes.set(held.subarray(0, bytes.length)));
      // A Map may lose entries while it is walked.
      for (const slot of maps.keys()) await release(slot);
    },
  };
}

function padded(bytes: Uint8Array): Uint8Array {
  const whole = new Uint8Array(wordBytes(bytes.length));
  whole.set(bytes);
  return whole;
}
