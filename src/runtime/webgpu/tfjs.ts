/**
 * TensorFlow.js's WebGPU backend, loaded when first asked for. Two things of it are used: its kernels
 * (traced on a device of ours) and, for comparison, the backend itself.
 */
import type { KernelFunc, TensorInfo, WebGPUBackendType } from "./tfjs-types.ts";

export interface WebGpuModule {
  readonly tf: typeof import("@tensorflow/tfjs-core");
  readonly WebGPUBackend: new (device: unknown, adapterInfo: unknown) => WebGPUBackendType;
}

let loaded: Promise<WebGpuModule> | undefined;

/** Names that the backend's module reads at import or construction, with the constants of the WebGPU specification. */
const CONSTANTS = {
  GPUBufferUsage: {
    MAP_READ: 1,
    MAP_WRITE: 2,
    COPY_SRC: 4,
    COPY_DST: 8,
    INDEX: 16,
    VERTEX: 32,
    UNIFORM: 64,
    STORAGE: 128,
    INDIRECT: 256,
    QUERY_RESOLVE: 512,
  },
  GPUTextureUsage: { COPY_SRC: 1, COPY_DST: 2, TEXTURE_BINDING: 4, STORAGE_BINDING: 8, RENDER_ATTACHMENT: 16 },
  GPUMapMode: { READ: 1, WRITE: 2 },
  GPUBuffer: function GPUBuffer() {},
  GPUTexture: function GPUTexture() {},
};

async function load(): Promise<WebGpuModule> {
  const scope = globalThis as unknown as Record<string, unknown>;
  // The backend refuses to be made where there is no navigator.gpu, whatever device it is given.
  for (const [name, value] of Object.entries(CONSTANTS)) scope[name] ??= value;
  if (scope.navigator === undefined)
    Object.defineProperty(scope, "navigator", { value: {}, configurable: true, writable: true });
  const navigator = scope.navigator as { gpu?: unknown };
  if (navigator.gpu === undefined)
    Object.defineProperty(navigator, "gpu", { value: { requestAdapter: async () => null }, configurable: true });
  const tf = await import("@tensorflow/tfjs-core");
  const { WebGPUBackend } = (await import("@tensorflow/tfjs-backend-webgpu")) as unknown as {
    WebGPUBackend: WebGpuModule["WebGPUBackend"];
  };
  tf.enableProdMode();
  // Small operands must not be computed in JavaScript: a trace would miss them.
  tf.env().set("WEBGPU_CPU_FORWARD", false);
  return { tf, WebGPUBackend };
}

/** The module, once for the process. */
export const loadWebGpuModule = (): Promise<WebGpuModule> => (loaded ??= load());

export type { KernelFunc, TensorInfo, WebGPUBackendType };
