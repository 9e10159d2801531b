/** What planned runs on a GPU are timed against, on the same device: TensorFlow.js by itself, ONNX Runtime. */
import type { Tensor } from "../../src/index.ts";
import type { GpuDevice } from "../../src/runtime/webgpu/device.ts";
import { loadWebGpuModule } from "../../src/runtime/webgpu/tfjs.ts";
import { loadStock } from "../../src/runtime/wasm/stock.ts";
import type { BenchModel, Prepared } from "./models.ts";

export interface Peer {
  /** Runs once, results read back. */
  run(): Promise<unknown>;
  dispose(): Promise<void>;
}

/**
 * TensorFlow.js's own engine, operations and WebGPU backend over `gpu`: `prepared` is compiled for
 * tfjs-wasm, whose steps are those of a converted model. Throws where it lacks an operation.
 */
export async function tensorFlow(gpu: GpuDevice, prepared: Prepared): Promise<Peer> {
  const { tf, WebGPUBackend } = await loadWebGpuModule();
  Object.assign(globalThis, gpu.globals);
  const ready = async (): Promise<void> => {
    if (tf.findBackendFactory("webgpu")) tf.removeBackend("webgpu");
    tf.registerBackend("webgpu", () => new WebGPUBackend(gpu.raw, gpu.adapter) as never, 3);
    await tf.setBackend("webgpu");
  };
  const stock = await loadStock(prepared.plan, { constant: prepared.constant }, ready);
  return {
    async run() {
      const outputs = stock.start(prepared.inputs);
      const read = await Promise.all(outputs.map((tensor) => gpu.settled(tensor.data())));
      tf.dispose(outputs);
      return read;
    },
    async dispose() {
      stock.dispose();
      tf.removeBackend("webgpu");
    },
  };
}

/** ONNX Runtime on its WebGPU provider. Throws where it is not installed or refuses the model. */
export async function onnxRuntime(
  bench: BenchModel,
  inputs: readonly Tensor[],
  names: readonly string[],
): Promise<Peer> {
  const ort = await import("onnxruntime-node");
  // A string is a path, bytes are the model: two overloads.
  const file = bench.file();
  const options = { executionProviders: ["webgpu"], logSeverityLevel: 3 as const };
  const session = await (typeof file === "string"
    ? ort.InferenceSession.create(file, options)
    : ort.InferenceSession.create(file, options));
  const feeds = Object.fromEntries(
    inputs.map((tensor, i) => [
      names[i]!,
      new ort.Tensor(tensor.dtype as "float32", tensor.data as Float32Array, [...tensor.shape]),
    ]),
  );
  return {
    run: () => session.run(feeds),
    dispose: () => session.release(),
  };
}
