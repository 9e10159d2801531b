/** The parts of TensorFlow.js's WebGPU backend (4.22.0, pinned) that we call or override; its own types hide most of them. */
export interface TensorInfo {
  readonly dataId: object;
  readonly shape: number[];
  readonly dtype: "float32" | "int32" | "bool" | "string" | "complex64";
}

export type KernelFunc = (call: {
  readonly inputs: Readonly<Record<string, TensorInfo | TensorInfo[] | undefined>>;
  readonly attrs: object;
  readonly backend: unknown;
}) => TensorInfo | TensorInfo[];

export interface WebGpuProgram {
  readonly outputShape: number[];
  readonly variableNames: string[];
  readonly variableComponents?: number[];
  outputComponent?: number;
  readonly dispatchLayout: { readonly x: number[]; readonly y?: number[]; readonly z?: number[] };
  dispatch: [number, number, number];
  readonly workgroupSize: [number, number, number];
  shaderKey: string;
  readonly uniforms?: string;
  readonly size?: boolean;
  readonly atomic?: boolean;
  pipeline?: unknown;
  getUserCode(): string;
}

export interface TensorData {
  readonly dtype: string;
  readonly shape: number[];
  values: ArrayLike<number> | null | undefined;
  resource?: unknown;
  refCount: number;
}

export interface WebGPUBackendType {
  readonly device: unknown;
  readonly tensorMap: { get(id: object): TensorData; has(id: object): boolean };
  makeTensorInfo(shape: number[], dtype: string, values?: unknown): TensorInfo;
  disposeData(id: object, force?: boolean): boolean;
  memory(): { readonly numBytesInGPU: number; readonly numBytesAllocatedInGPU: number };
  read(id: object): Promise<Float32Array | Int32Array | Uint8Array>;
  runWebGPUProgram(
    program: WebGpuProgram,
    inputs: readonly TensorInfo[],
    dtype: string,
    uniforms?: readonly { readonly type: string; readonly data: number[] }[] | null,
    output?: TensorInfo,
  ): TensorInfo;
  recordAndSubmit(
    program: WebGpuProgram,
    output: TensorInfo,
    inputs: readonly TensorInfo[],
    uniforms?: readonly { readonly type: string; readonly data: number[] }[] | null,
  ): void;
  dispose(): void;
}
