/** What the runtime uses of the namespace that @tensorflow/tfjs-node and @tensorflow/tfjs-node-gpu export. */

export interface TfTensor {
  readonly shape: readonly number[];
  readonly dtype: string;
  readonly size: number;
  /** The values. May be the very array that the tensor was made of, so it is never written to. */
  dataSync(): Float32Array;
  dispose(): void;
}

export interface TfBackend {
  /** Whether TensorFlow found a GPU that it can use. */
  readonly isUsingGpuDevice?: boolean;
}

export interface TfModule {
  readonly version: Readonly<Record<string, string>>;
  getBackend(): string;
  /** Boolean for backends that start at once, as this one does. */
  setBackend(name: string): boolean | Promise<boolean>;
  backend(): TfBackend;
  engine(): {
    runKernel(name: string, inputs: Readonly<Record<string, TfTensor>>, attrs: object): TfTensor | TfTensor[];
  };
  /** Keeps a reference to `values` until the tensor is first used. */
  tensor(values: Float32Array, shape: number[], dtype: "float32"): TfTensor;
  reshape(tensor: TfTensor, shape: number[]): TfTensor;
  slice(tensor: TfTensor, begin: number[], size: number[]): TfTensor;
}
