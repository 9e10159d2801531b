/** A crew of worker threads, each with its copy of the problem. For Node. */
import { availableParallelism } from "node:os";
import { Worker } from "node:worker_threads";
import { revived, workerFailed } from "../../../errors.ts";
import type { PackingParams, PackingProblem, PackingProgress, PackingResult } from "../types.ts";
import type { Crew } from "./crew.ts";
import type { StrandInput, StrandMessage } from "./strand-worker.ts";

/** How often the caller is asked whether to stop. */
const ASK_MILLISECONDS = 20;

interface Pending {
  readonly resolve: (result: PackingResult) => void;
  readonly reject: (error: unknown) => void;
  readonly onProgress: (progress: PackingProgress) => void;
}

interface Thread {
  readonly worker: Worker;
  pending: Pending | undefined;
}

/** As many threads as this machine runs at a time. */
export const defaultWorkers = (): number => availableParallelism();

/** Node runs TypeScript in no thread: there are none where this module runs from its sources. */
export const hasThreads = (): boolean => !import.meta.url.endsWith(".ts");

/**
 * `params` without functions. `stopped`: asked now and then. A thread starts with its first turn. Turns are rejected
 * with InternalError `worker-failed` where a thread dies.
 */
export function threadCrew(
  problem: PackingProblem,
  params: PackingParams,
  places: number,
  stopped: () => boolean,
): Crew {
  const threads = new Map<number, Thread>();
  const limits = new BigInt64Array(new SharedArrayBuffer(8 * places));
  let failure: { readonly error: unknown } | undefined;
  const fail = (error: unknown): void => {
    failure ??= { error };
    for (const thread of threads.values()) {
      thread.pending?.reject(failure.error);
      thread.pending = undefined;
    }
  };
  /** What the caller's functions throw belongs to the caller, not to an event. */
  const guarded = (work: () => void): void => {
    try {
      work();
    } catch (error) {
      fail(error);
    }
  };
  const start = (place: number): Thread => {
    const input: StrandInput = { problem, params, limits, place };
    const worker = new Worker(new URL("./strand-worker.js", import.meta.url), { workerData: input });
    const thread: Thread = { worker, pending: undefined };
    threads.set(place, thread);
    worker.on("message", (message: StrandMessage) => {
      const { pending } = thread;
      switch (message.kind) {
        case "progress":
          return guarded(() => pending?.onProgress(message.progress));
        case "result":
          thread.pending = undefined;
          return pending?.resolve(message.result);
        case "error":
          return fail(revived(message.error));
        default:
          return message satisfies never;
      }
    });
    worker.on("messageerror", (error) => fail(workerFailed("its answer can't be read", error)));
    worker.on("error", (error) => fail(workerFailed(error instanceof Error ? error.message : String(error), error)));
    worker.on("exit", (code) => fail(workerFailed(`it ended with exit code ${code}`)));
    return thread;
  };
  const ask = (): void => {
    if (stopped()) for (let place = 0; place < places; place++) Atomics.store(limits, place, -1n);
  };
  const asking = setInterval(() => guarded(ask), ASK_MILLISECONDS);
  return {
    places,
    take(place, turn, onProgress) {
      return new Promise((resolve, reject) => {
        if (failure !== undefined) throw failure.error;
        const thread = threads.get(place) ?? start(place);
        thread.pending = { resolve, reject, onProgress };
        // Threads of Node have no origin.
        // oxlint-disable-next-line unicorn/require-post-message-target-origin
        thread.worker.postMessage(turn);
      });
    },
    setLimit(place, steps) {
      const most = steps < Number.MAX_SAFE_INTEGER ? BigInt(Math.ceil(steps)) : 2n ** 62n;
      Atomics.store(limits, place, most);
    },
    async close() {
      clearInterval(asking);
      await Promise.all(Array.from(threads.values(), ({ worker }) => worker.terminate()));
    },
  };
}
