/**
 * Counts what a device makes, by replacing methods on the device itself: TensorFlow.js and Dawn both
 * want the very object, so a wrapper would not do. Counting is how "no allocation in steady state" and
 * "these bytes and no more" are measured rather than claimed.
 */
import type { GpuBuffer, RawDevice } from "./gpu.ts";

export interface GpuCounters {
  readonly buffers: number;
  readonly bindGroups: number;
  readonly computePipelines: number;
  readonly shaderModules: number;
  readonly submits: number;
  /** Bytes of the buffers made and not destroyed. */
  readonly liveBytes: number;
  /** Most that `liveBytes` has been. */
  readonly peakBytes: number;
}

export interface Counting {
  /** The figures so far. */
  counters(): GpuCounters;
  /** Maps that were asked for and have not answered. */
  pendingMaps(): readonly Promise<unknown>[];
}

/** Starts counting on `device`. */
export function countOn(device: RawDevice): Counting {
  const count = {
    buffers: 0,
    bindGroups: 0,
    computePipelines: 0,
    shaderModules: 0,
    submits: 0,
    liveBytes: 0,
    peakBytes: 0,
  };
  const maps = new Set<Promise<unknown>>();

  const watchBuffer = (buffer: GpuBuffer, size: number): void => {
    count.buffers++;
    count.liveBytes += size;
    count.peakBytes = Math.max(count.peakBytes, count.liveBytes);
    const destroy = buffer.destroy.bind(buffer);
    const mapAsync = buffer.mapAsync.bind(buffer);
    let live = true;
    buffer.destroy = () => {
      if (live) count.liveBytes -= size;
      live = false;
      destroy();
    };
    buffer.mapAsync = (mode, offset, length) => {
      const map = length === undefined ? mapAsync(mode, offset) : mapAsync(mode, offset, length);
      const settled: Promise<boolean> = map.then(
        () => maps.delete(settled),
        () => maps.delete(settled),
      );
      maps.add(settled);
      return map;
    };
  };

  const createBuffer = device.createBuffer.bind(device);
  device.createBuffer = (descriptor) => {
    const buffer = createBuffer(descriptor);
    watchBuffer(buffer, descriptor.size);
    return buffer;
  };
  const createBindGroup = device.createBindGroup.bind(device);
  device.createBindGroup = (descriptor) => {
    count.bindGroups++;
    return createBindGroup(descriptor);
  };
  const createComputePipeline = device.createComputePipeline.bind(device);
  device.createComputePipeline = (descriptor) => {
    count.computePipelines++;
    return createComputePipeline(descriptor);
  };
  const createComputePipelineAsync = device.createComputePipelineAsync.bind(device);
  device.createComputePipelineAsync = (descriptor) => {
    count.computePipelines++;
    return createComputePipelineAsync(descriptor);
  };
  const createShaderModule = device.createShaderModule.bind(device);
  device.createShaderModule = (descriptor) => {
    count.shaderModules++;
    return createShaderModule(descriptor);
  };
  const { queue } = device;
  const submit = queue.submit.bind(queue);
  queue.submit = (commands) => {
    count.submits++;
    submit(commands);
  };

  return { counters: () => ({ ...count }), pendingMaps: () => [...maps] };
}
