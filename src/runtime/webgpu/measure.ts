/** What a GPU can do besides computing: how fast bytes go to it and back, and how much it takes in one buffer. */
import type { GpuDevice } from "./device.ts";
import { BUFFER_USAGE, MAP_MODE } from "./gpu.ts";

export interface DeviceFigures {
  /** Most bytes of one buffer that kernels reach. */
  readonly bufferBytes: number;
  readonly toDeviceBytesPerSecond: number;
  readonly fromDeviceBytesPerSecond: number;
}

const BYTES = 32 * 1024 * 1024;

/** Measures the links of `gpu` by the `clock` (seconds): the best of several transfers of 32 MiB. */
export async function measureDevice(gpu: GpuDevice, clock: () => number, runs = 5): Promise<DeviceFigures> {
  const { copyDst, copySrc, mapRead, storage } = BUFFER_USAGE;
  const { queue } = gpu.raw;
  const there = await gpu.allocate("a measurement", { size: BYTES, usage: storage | copySrc | copyDst });
  const back = await gpu.allocate("a measurement", { size: BYTES, usage: mapRead | copyDst });
  const data = new Uint8Array(BYTES).fill(1);
  let to = Infinity;
  let from = Infinity;
  try {
    // The first of each touches memory for the first time.
    for (let i = 0; i <= runs; i++) {
      let start = clock();
      queue.writeBuffer(there, 0, data);
      await gpu.settled(queue.onSubmittedWorkDone());
      if (i > 0) to = Math.min(to, clock() - start);
      start = clock();
      const commands = gpu.raw.createCommandEncoder();
      commands.copyBufferToBuffer(there, 0, back, 0, BYTES);
      queue.submit([commands.finish()]);
      await gpu.settled(back.mapAsync(MAP_MODE.read));
      data.set(new Uint8Array(back.getMappedRange()));
      back.unmap();
      if (i > 0) from = Math.min(from, clock() - start);
    }
  } finally {
    there.destroy();
    back.destroy();
  }
  return {
    bufferBytes: Math.min(gpu.limits.maxBufferSize ?? BYTES, gpu.limits.maxStorageBufferBindingSize ?? BYTES),
    toDeviceBytesPerSecond: BYTES / to,
    fromDeviceBytesPerSecond: BYTES / from,
  };
}
