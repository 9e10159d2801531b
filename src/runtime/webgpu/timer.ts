/** GPU time of dispatches by timestamp queries: one compute pass a dispatch, stamped at its start and its end. */
import type { GpuDevice } from "./device.ts";
import { BUFFER_USAGE, MAP_MODE, type GpuCommandEncoder, type GpuQuerySet } from "./gpu.ts";
import type { BoundDispatch } from "./pipelines.ts";

/** WebGPU's most queries in a set. */
const QUERIES = 4096;
const STAMP_BYTES = 8;

export interface Timer {
  /** Encodes a dispatch in a pass of its own; its time will stand under `step`. */
  dispatch(commands: GpuCommandEncoder, bound: BoundDispatch, step: number): void;
  /** Seconds by step; call it after what was encoded is submitted. */
  read(): Promise<ReadonlyMap<number, number>>;
}

/** A timer for at most `count` dispatches, or undefined where the device has no timestamps. */
export function timerOn(gpu: GpuDevice, count: number): Timer | undefined {
  if (!gpu.features.has("timestamp-query")) return undefined;
  const { raw } = gpu;
  const sets: GpuQuerySet[] = [];
  for (let left = 2 * count; left > 0; left -= QUERIES)
    sets.push(raw.createQuerySet({ type: "timestamp", count: Math.min(QUERIES, left) }));
  const steps: number[] = [];
  return {
    dispatch(commands, bound, step) {
      const first = 2 * steps.length;
      const querySet = sets[Math.floor(first / QUERIES)]!;
      const pass = commands.beginComputePass({
        timestampWrites: {
          querySet,
          beginningOfPassWriteIndex: first % QUERIES,
          endOfPassWriteIndex: (first % QUERIES) + 1,
        },
      });
      pass.setPipeline(bound.pipeline);
      pass.setBindGroup(0, bound.group);
      pass.dispatchWorkgroups(...bound.workgroups);
      pass.end();
      steps.push(step);
    },
    async read() {
      const { copyDst, copySrc, mapRead, queryResolve } = BUFFER_USAGE;
      const seconds = new Map<number, number>();
      for (const [k, set] of sets.entries()) {
        const size = set.count * STAMP_BYTES;
        const resolved = await gpu.allocate("the timestamps", { size, usage: queryResolve | copySrc });
        const staging = await gpu.allocate("the timestamps", { size, usage: copyDst | mapRead });
        const commands = raw.createCommandEncoder();
        commands.resolveQuerySet(set, 0, set.count, resolved, 0);
        commands.copyBufferToBuffer(resolved, 0, staging, 0, size);
        raw.queue.submit([commands.finish()]);
        await gpu.settled(staging.mapAsync(MAP_MODE.read));
        const stamps = new BigUint64Array(staging.getMappedRange().slice(0));
        for (let i = 0; i + 1 < stamps.length; i += 2) {
          const step = steps[(k * QUERIES + i) / 2];
          // A device may report an end before its start when its clock is reset.
          if (step !== undefined) seconds.set(step, Math.max(0, Number(stamps[i + 1]! - stamps[i]!)) / 1e9);
        }
        staging.destroy();
        resolved.destroy();
        set.destroy();
      }
      return seconds;
    },
  };
}
