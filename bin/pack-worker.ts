/** Thread of `strata pack`: solvers are synchronous, so Ctrl-C and progress need a thread beside them. */
import { parentPort, workerData } from "node:worker_threads";
import { StrataError } from "../src/errors.ts";
import type { PackingProgress, PackingResult } from "../src/solve/packing/types.ts";
import { solvePack, type PackTask } from "./pack-solve.ts";

export interface WorkerInput {
  readonly task: PackTask;
  /** One Int32, not 0 once the work is to stop. */
  readonly stop: SharedArrayBuffer;
}

export type WorkerMessage =
  | { readonly kind: "progress"; readonly progress: PackingProgress }
  | { readonly kind: "result"; readonly result: PackingResult }
  | { readonly kind: "error"; readonly error: ReturnType<StrataError["toJSON"]> };

const REPORT_MILLISECONDS = 100;

if (parentPort !== null) {
  const port = parentPort;
  const { task, stop } = workerData as WorkerInput;
  const flag = new Int32Array(stop);
  const post = (message: WorkerMessage): void => port.postMessage(message);
  let last = 0;
  try {
    const result = await solvePack(
      task,
      () => Atomics.load(flag, 0) !== 0,
      (progress) => {
        const now = Date.now();
        if (now - last < REPORT_MILLISECONDS) return;
        last = now;
        post({ kind: "progress", progress });
      },
    );
    post({ kind: "result", result });
  } catch (error) {
    if (!(error instanceof StrataError)) throw error;
    post({ kind: "error", error: error.toJSON() });
  }
}
