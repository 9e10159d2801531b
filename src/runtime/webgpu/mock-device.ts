/**
 * A WebGPU device in plain JavaScript that computes nothing: enough for TensorFlow.js's backend to
 * run its kernels on, so that their dispatches can be recorded where there is no GPU.
 */

/** The limits that every WebGPU device has: what is traced under them runs everywhere. */
export const TRACE_LIMITS = {
  maxComputeInvocationsPerWorkgroup: 256,
  maxComputeWorkgroupSizeX: 256,
  maxComputeWorkgroupStorageSize: 16384,
  maxComputeWorkgroupsPerDimension: 65535,
  maxStorageBuffersPerShaderStage: 8,
} as const;

export interface RecordedPipeline {
  readonly code: string;
  readonly entryPoint: string;
}

export interface MockDevice {
  readonly device: object;
  /** Bytes last written to a uniform buffer. */
  takeUniforms(): Uint8Array;
}

class MockBuffer {
  readonly size: number;
  readonly usage: number;
  mapState: string;
  constructor({ size, usage, mappedAtCreation }: { size: number; usage: number; mappedAtCreation?: boolean }) {
    this.size = size;
    this.usage = usage;
    this.mapState = mappedAtCreation === true ? "mapped" : "unmapped";
  }
  getMappedRange(): ArrayBuffer {
    return new ArrayBuffer(this.size);
  }
  unmap(): void {
    this.mapState = "unmapped";
  }
  async mapAsync(): Promise<void> {
    this.mapState = "mapped";
  }
  destroy(): void {}
}

/** A fresh mock device. */
export function mockDevice(): MockDevice {
  let uniforms = new Uint8Array();
  const pass = { setPipeline() {}, setBindGroup() {}, dispatchWorkgroups() {}, end() {} };
  const encoder = {
    beginComputePass: () => pass,
    copyBufferToBuffer() {},
    finish: () => ({}),
    resolveQuerySet() {},
  };
  const device = {
    limits: {
      ...TRACE_LIMITS,
      maxBufferSize: Number.MAX_SAFE_INTEGER,
      maxStorageBufferBindingSize: Number.MAX_SAFE_INTEGER,
      maxStorageTexturesPerShaderStage: 4,
      minStorageBufferOffsetAlignment: 256,
      minUniformBufferOffsetAlignment: 256,
    },
    features: new Set<string>(),
    lost: new Promise(() => {}),
    queue: {
      submit() {},
      writeBuffer(_buffer: unknown, _offset: number, data: ArrayBuffer, start = 0, size = data.byteLength) {
        uniforms = new Uint8Array(data.slice(start, start + size));
      },
      onSubmittedWorkDone: async () => {},
    },
    createBuffer: (descriptor: { size: number; usage: number }) => new MockBuffer(descriptor),
    createShaderModule: ({ code }: { code: string }) => ({ code }),
    createComputePipeline: ({ compute }: { compute: { module: { code: string }; entryPoint: string } }) => ({
      code: compute.module.code,
      entryPoint: compute.entryPoint,
      getBindGroupLayout: () => ({}),
    }),
    createBindGroup: () => ({}),
    createCommandEncoder: () => encoder,
    destroy() {},
  };
  return { device, takeUniforms: () => uniforms };
}
