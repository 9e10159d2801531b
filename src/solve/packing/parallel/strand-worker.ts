/** A thread of a race: takes one turn after the other, as it is told to. */
import { parentPort, workerData } from "node:worker_threads";
import { StrataError } from "../../../errors.ts";
import { pack } from "../pack.ts";
import type { PackingParams, PackingProblem, PackingProgress, PackingResult } from "../types.ts";
import type { Turn } from "./turns.ts";

export interface StrandInput {
  readonly problem: PackingProblem;
  readonly params: PackingParams;
  /** Of each thread, in shared memory: steps after which its turn is to stop. */
  readonly limits: BigInt64Array;
  /** Index of this thread. */
  readonly place: number;
}

export type StrandMessage =
  | { readonly kind: "progress"; readonly progress: PackingProgress }
  | { readonly kind: "result"; readonly result: PackingResult }
  | { readonly kind: "error"; readonly error: ReturnType<StrataError["toJSON"]> };

const REPORT_MILLISECONDS = 100;

if (parentPort !== null) {
  const port = parentPort;
  const { problem, params, limits, place } = workerData as StrandInput;
  const post = (message: StrandMessage): void => port.postMessage(message);
  let last = 0;
  port.on("message", ({ seed, budget }: Turn) => {
    try {
      const result = pack(problem, {
        ...params,
        seed,
        budget,
        shouldStop: (steps) => steps > Atomics.load(limits, place),
        onProgress: (progress) => {
          // Only how often is told what is known already; no answer depends on it.
          const now = Date.now();
          if (now - last < REPORT_MILLISECONDS) return;
          last = now;
          post({ kind: "progress", progress });
        },
      });
      post({ kind: "result", result });
    } catch (error) {
      if (!(error instanceof StrataError)) throw error;
      post({ kind: "error", error: error.toJSON() });
    }
  });
}
