/** Executors by name, loaded when first asked for: planning needs no TensorFlow.js. */
import { unknownBackend } from "../errors.ts";
import type { Plan } from "../plan/schema.ts";
import type { BackendName, Executor } from "./types.ts";

export const BACKENDS: readonly BackendName[] = ["wasm", "cpu"];

/** The executor of that name. Throws InputError `unknown-backend`. */
export async function executorByName(name: string): Promise<Executor> {
  switch (name) {
    case "wasm":
      return (await import("./wasm/executor.ts")).wasmExecutor;
    case "cpu":
      return (await import("./cpu.ts")).cpuExecutor;
    default:
      throw unknownBackend(name, BACKENDS);
  }
}

/** The backend that a plan was made for, or the one that can run it. */
export const defaultBackend = (plan: Plan): BackendName => (plan.target.executor === "tfjs-cpu" ? "cpu" : "wasm");
