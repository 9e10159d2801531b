/** Executors by name, loaded when first asked for: planning needs no TensorFlow.js. */
import { unknownBackend } from "../errors.ts";
import type { Plan } from "../plan/schema.ts";
import type { BackendName, Executor } from "./types.ts";

export const BACKENDS: readonly BackendName[] = ["webgpu", "wasm", "cpu", "tensorflow"];

/** The executor of that name. Throws InputError `unknown-backend`. */
export async function executorByName(name: string): Promise<Executor> {
  switch (name) {
    case "webgpu":
      return (await import("./webgpu/executor.ts")).webgpuExecutor;
    case "wasm":
      return (await import("./wasm/executor.ts")).wasmExecutor;
    case "cpu":
      return (await import("./cpu.ts")).cpuExecutor;
    case "tensorflow":
      return (await import("./tensorflow/executor.ts")).tensorflowExecutor();
    default:
      throw unknownBackend(name, BACKENDS);
  }
}

/** The backend that a plan was made for, or the one that can run it. */
export function defaultBackend(plan: Plan): BackendName {
  switch (plan.target.executor) {
    case "tfjs-webgpu":
      return "webgpu";
    case "tfjs-cpu":
      return "cpu";
    default:
      return "wasm";
  }
}
