/**
 * Runs a packing so that Ctrl-C and progress work although solvers are synchronous: quick problems here and
 * now, all others once more from the start in a thread. Both give the same answer, since budgets count steps.
 */
import { Worker } from "node:worker_threads";
import { revived, workerFailed } from "../src/errors.ts";
import type { PackingProgress } from "../src/solve/packing/types.ts";
import { solvePack, startOf, type PackOutcome, type PackTask } from "./pack-solve.ts";
import type { WorkerInput, WorkerMessage } from "./pack-worker.ts";

/** A thread takes about as long to start as what it would save here. */
const QUICK_MILLISECONDS = 500;
/** Beyond it, one pass alone is not quick. */
const QUICK_BUFFERS = 100_000;

/** `signal` stops it with the best packing so far. Throws as `solvePack` does, and InternalError `worker-failed`. */
export async function runPack(
  task: PackTask,
  signal: AbortSignal,
  onProgress: (progress: PackingProgress) => void,
): Promise<PackOutcome> {
  // Node runs TypeScript in no thread: from sources, everything happens here.
  if (import.meta.url.endsWith(".ts")) return solvePack(task, () => signal.aborted, onProgress);
  if (task.solver === "search" && task.problem.buffers.length <= QUICK_BUFFERS) {
    const started = performance.now();
    let stopped = false;
    const late = (): boolean => (stopped ||= performance.now() - started > QUICK_MILLISECONDS);
    // Of workers there may be any number.
    const here = task.workers === undefined ? task : { ...task, workers: 1 };
    const quick = await solvePack(here, late, () => undefined);
    if (!stopped) return quick;
    // Signals wait for the event loop.
    await new Promise((resolve) => void setImmediate(resolve));
    if (signal.aborted) return quick;
    const outcome = await inThread(task, signal, onProgress);
    return signal.aborted && quick.result.height < outcome.result.height ? quick : outcome;
  }
  return inThread(task, signal, onProgress);
}

async function inThread(
  task: PackTask,
  signal: AbortSignal,
  onProgress: (progress: PackingProgress) => void,
): Promise<PackOutcome> {
  // Before the thread starts: an end that comes while nobody listens would be missed.
  const { pack } = await import("../src/solve/packing/index.ts");
  const stop = new SharedArrayBuffer(4);
  const input: WorkerInput = { task, stop };
  const worker = new Worker(new URL("./pack-worker.js", import.meta.url), { workerData: input });
  let onAbort = (): void => undefined;
  try {
    return await new Promise<PackOutcome>((resolve, reject) => {
      onAbort = () => {
        Atomics.store(new Int32Array(stop), 0, 1);
        // The solver of mixed integer programs can't be asked to stop: what it started from is the best so far.
        if (task.solver !== "search") resolve({ result: startOf(task.problem, task.seed, () => false, pack) });
      };
      signal.addEventListener("abort", onAbort);
      if (signal.aborted) onAbort();
      worker.on("message", (message: WorkerMessage) => {
        switch (message.kind) {
          case "progress":
            return onProgress(message.progress);
          case "outcome":
            return resolve(message.outcome);
          case "error":
            return reject(revived(message.error));
          default:
            return message satisfies never;
        }
      });
      worker.on("error", (error) =>
        reject(workerFailed(error instanceof Error ? error.message : String(error), error)),
      );
      worker.on("exit", (code) => reject(workerFailed(`it ended with exit code ${code}`)));
    });
  } finally {
    signal.removeEventListener("abort", onAbort);
    await worker.terminate();
  }
}
