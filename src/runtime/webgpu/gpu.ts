/**
 * The part of WebGPU that the runtime uses, as types of our own: the library compiles and publishes
 * without WebGPU's global declarations, whose versions clash with each other and with the DOM's.
 */

/** GPUBufferUsage flags of the WebGPU specification. */
export const BUFFER_USAGE = {
  mapRead: 0x1,
  mapWrite: 0x2,
  copySrc: 0x4,
  copyDst: 0x8,
  uniform: 0x40,
  storage: 0x80,
  queryResolve: 0x200,
} as const;

/** GPUMapMode flags. */
export const MAP_MODE = { read: 0x1, write: 0x2 } as const;

/** GPUShaderStage flags: the only stage that we have. */
export const STAGE_COMPUTE = 0x4;

export interface GpuBuffer {
  readonly size: number;
  readonly usage: number;
  readonly mapState: "unmapped" | "pending" | "mapped";
  mapAsync(mode: number, offset?: number, size?: number): Promise<undefined>;
  getMappedRange(offset?: number, size?: number): ArrayBuffer;
  unmap(): void;
  destroy(): void;
}

export interface GpuBufferDescriptor {
  readonly label?: string;
  readonly size: number;
  readonly usage: number;
  readonly mappedAtCreation?: boolean;
}

export interface GpuBufferBinding {
  readonly buffer: GpuBuffer;
  readonly offset?: number;
  readonly size?: number;
}

/** Handles without members that we use; the brand keeps them apart. */
export interface GpuShaderModule {
  readonly label: string;
  getCompilationInfo(): Promise<{ readonly messages: readonly { readonly type: string; readonly message: string }[] }>;
}
export interface GpuBindGroupLayout {
  readonly label: string;
}
export interface GpuPipelineLayout {
  readonly label: string;
}
export interface GpuBindGroup {
  readonly label: string;
}
export interface GpuCommandBuffer {
  readonly label: string;
}
export interface GpuComputePipeline {
  readonly label: string;
  getBindGroupLayout(index: number): GpuBindGroupLayout;
}
export interface GpuQuerySet {
  readonly count: number;
  destroy(): void;
}

export interface GpuBindGroupDescriptor {
  readonly label?: string;
  readonly layout: GpuBindGroupLayout;
  readonly entries: Iterable<{ readonly binding: number; readonly resource: GpuBufferBinding }>;
}

export interface GpuBindGroupLayoutDescriptor {
  readonly label?: string;
  readonly entries: Iterable<{
    readonly binding: number;
    readonly visibility: number;
    readonly buffer: {
      readonly type: "uniform" | "storage" | "read-only-storage";
      readonly hasDynamicOffset?: boolean;
      readonly minBindingSize?: number;
    };
  }>;
}

export interface GpuComputePipelineDescriptor {
  readonly label?: string;
  readonly layout: GpuPipelineLayout | "auto";
  readonly compute: {
    readonly module: GpuShaderModule;
    readonly entryPoint?: string;
    readonly constants?: Readonly<Record<string, number>>;
  };
}

export interface GpuComputePass {
  setPipeline(pipeline: GpuComputePipeline): void;
  setBindGroup(index: number, group: GpuBindGroup, dynamicOffsets?: Iterable<number>): void;
  dispatchWorkgroups(x: number, y?: number, z?: number): void;
  end(): void;
}

export interface GpuComputePassDescriptor {
  readonly label?: string;
  readonly timestampWrites?: {
    readonly querySet: GpuQuerySet;
    readonly beginningOfPassWriteIndex?: number;
    readonly endOfPassWriteIndex?: number;
  };
}

export interface GpuCommandEncoder {
  beginComputePass(descriptor?: GpuComputePassDescriptor): GpuComputePass;
  copyBufferToBuffer(from: GpuBuffer, fromOffset: number, to: GpuBuffer, toOffset: number, size: number): void;
  clearBuffer(buffer: GpuBuffer, offset?: number, size?: number): void;
  resolveQuerySet(set: GpuQuerySet, first: number, count: number, to: GpuBuffer, offset: number): void;
  finish(): GpuCommandBuffer;
}

export interface GpuQueue {
  submit(commands: Iterable<GpuCommandBuffer>): void;
  onSubmittedWorkDone(): Promise<undefined>;
  writeBuffer(
    buffer: GpuBuffer,
    offset: number,
    data: ArrayBufferLike | ArrayBufferView,
    dataOffset?: number,
    size?: number,
  ): void;
}

/** A GPUError: its class name says which kind it is. */
export interface GpuError {
  readonly message: string;
}

export interface GpuLostInfo {
  readonly reason: string;
  readonly message: string;
}

export type GpuErrorFilter = "validation" | "out-of-memory" | "internal";

/** A GPUDevice. */
export interface RawDevice {
  readonly limits: Readonly<Record<string, number>>;
  readonly features: ReadonlySet<string>;
  readonly queue: GpuQueue;
  readonly lost: Promise<GpuLostInfo>;
  createBuffer(descriptor: GpuBufferDescriptor): GpuBuffer;
  createShaderModule(descriptor: { readonly label?: string; readonly code: string }): GpuShaderModule;
  createBindGroupLayout(descriptor: GpuBindGroupLayoutDescriptor): GpuBindGroupLayout;
  createPipelineLayout(descriptor: { readonly bindGroupLayouts: Iterable<GpuBindGroupLayout> }): GpuPipelineLayout;
  createComputePipeline(descriptor: GpuComputePipelineDescriptor): GpuComputePipeline;
  createComputePipelineAsync(descriptor: GpuComputePipelineDescriptor): Promise<GpuComputePipeline>;
  createBindGroup(descriptor: GpuBindGroupDescriptor): GpuBindGroup;
  createCommandEncoder(): GpuCommandEncoder;
  createQuerySet(descriptor: { readonly type: "timestamp"; readonly count: number }): GpuQuerySet;
  pushErrorScope(filter: GpuErrorFilter): void;
  popErrorScope(): Promise<GpuError | null>;
  addEventListener(type: "uncapturederror", listener: (event: { readonly error: GpuError }) => void): void;
  destroy(): void;
}

/** A GPUAdapter. */
export interface RawAdapter {
  readonly limits: Readonly<Record<string, number>>;
  readonly features: ReadonlySet<string>;
  readonly info: {
    readonly vendor: string;
    readonly architecture: string;
    readonly device: string;
    readonly description: string;
    readonly isFallbackAdapter?: boolean;
  };
  requestDevice(descriptor: {
    readonly requiredFeatures: string[];
    readonly requiredLimits: Record<string, number>;
  }): Promise<RawDevice>;
}

/** What `navigator.gpu` is. */
export interface RawGpu {
  requestAdapter(options?: { readonly powerPreference?: "high-performance" | "low-power" }): Promise<RawAdapter | null>;
}
